import { expect } from "chai";
import { MirrorEmitter } from "#dist/sync/mirror-events.js";

const ID = { userId: "alice", record: "taskHistory" };

describe("events", () => {
  let emitter: MirrorEmitter;
  let heard: string[];
  beforeEach(() => {
    emitter = new MirrorEmitter();
    heard = [];
  });

  it("reach each listener in the order in which they came, with what is told", () => {
    emitter.on("restored", ({ record }) => void heard.push(`first ${record}`));
    emitter.on("restored", ({ record }) => void heard.push(`second ${record}`));
    emitter.on("remoteChange", () => void heard.push("another event"));
    emitter.emit("restored", ID);
    expect(heard).to.deep.equal(["first taskHistory", "second taskHistory"]);
  });

  it("reach the other listeners although one throws, and do not hurt the one who tells", () => {
    emitter.on("restored", () => {
      throw new Error("a listener's own mistake");
    });
    emitter.on("restored", () => void heard.push("next"));
    expect(() => emitter.emit("restored", ID)).not.to.throw();
    expect(heard).to.deep.equal(["next"]);
  });

  it("reach nobody any more who has left, also while they are told", () => {
    const leaving = () => {
      heard.push("leaving");
      emitter.off("restored", leaving);
    };
    emitter.on("restored", leaving);
    emitter.on("restored", () => void heard.push("staying"));
    emitter.emit("restored", ID);
    emitter.emit("restored", ID);
    expect(heard).to.deep.equal(["leaving", "staying", "staying"]);
  });

  it("need no listener", () => {
    expect(() => emitter.emit("restored", ID)).not.to.throw();
  });
});
