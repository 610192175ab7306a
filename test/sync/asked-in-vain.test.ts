import { expect } from "chai";
import { AskedInVain } from "#dist/sync/asked-in-vain.js";
import { systemClock } from "#dist/sync/clock.js";

describe("a mirror that was asked in vain", () => {
  let nowMs: number;
  let asked: AskedInVain;
  beforeEach(() => {
    nowMs = 5;
    asked = new AskedInVain({ ...systemClock, now: () => nowMs });
  });

  it("for a record is not asked for it again for 30 s, and for others is", () => {
    asked.noteAbsent("key");
    nowMs += 29_999;
    expect([asked.includes("key"), asked.includes("another")]).to.deep.equal([true, false]);
    nowMs++;
    expect(asked.includes("key")).to.equal(false);
  });

  it("for a record is asked again once that was saved or brought back", () => {
    asked.noteAbsent("key");
    asked.forget("key");
    expect(asked.includes("key")).to.equal(false);
  });

  it("and was silent is not asked for any record for 30 s, or until somebody answers", () => {
    asked.noteSilent();
    expect(asked.includes("key")).to.equal(true);
    asked.noteAnswered();
    expect(asked.includes("key")).to.equal(false);
    asked.noteSilent();
    nowMs += 30_000;
    expect(asked.includes("key")).to.equal(false);
  });

  it("knows a thousand records", () => {
    for (let index = 0; index <= 1_000; index++) asked.noteAbsent(`key ${index}`);
    expect([asked.includes("key 0"), asked.includes("key 1")]).to.deep.equal([false, true]);
  });
});
