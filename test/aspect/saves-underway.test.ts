import { expect } from "chai";
import { SavesUnderway } from "#dist/aspect/saves-underway.js";
import { systemClock } from "#dist/sync/clock.js";

describe("saves under way", () => {
  let nowMs: number;
  let saves: SavesUnderway;
  beforeEach(() => {
    nowMs = 0;
    saves = new SavesUnderway({ ...systemClock, now: () => nowMs });
  });

  it("are so until the last of a record has come to its end, however often that says so", () => {
    const [first, second] = [saves.begin("key"), saves.begin("key")];
    first();
    first();
    expect([saves.has("key"), saves.has("another")]).to.deep.equal([true, false]);
    second();
    expect(saves.has("key")).to.equal(false);
  });

  it("are given up after 10 s", () => {
    saves.begin("key");
    nowMs = 9_999;
    expect(saves.has("key")).to.equal(true);
    const end = saves.begin("key");
    nowMs = 10_000;
    expect(saves.has("key")).to.equal(true);
    end();
    expect(saves.has("key")).to.equal(false);
  });
});
