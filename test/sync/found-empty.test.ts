import { expect } from "chai";
import { FoundEmpty } from "#dist/sync/found-empty.js";

describe("a store that was found empty", () => {
  let found: FoundEmpty;
  beforeEach(() => (found = new FoundEmpty()));

  for (const text of ["null", '""', "[]", "{}"]) {
    it(`is so still where ${text} is saved, as often as it is`, () => {
      found.note("key");
      expect([found.noteSave("key", text), found.noteSave("key", text)]).to.deep.equal([true, true]);
      expect(found.noteSave("another", text)).to.equal(false);
    });
  }

  it("is emptied when it is emptied after it was filled, and until it is found empty again", () => {
    found.note("key");
    expect([found.noteSave("key", "[1]"), found.noteSave("key", "[]")]).to.deep.equal([false, false]);
    found.note("key");
    expect(found.noteSave("key", "[]")).to.equal(true);
  });

  it("is emptied although another loader found nothing, where there was something", () => {
    for (const fill of [() => void found.noteSave("key", "[1]"), () => found.noteFull("key")]) {
      fill();
      found.note("key");
      expect(found.noteSave("key", "[]")).to.equal(false);
    }
  });

  it("is deleted when it is deleted, and empty still after that", () => {
    found.note("key");
    expect([found.noteSave("key", undefined), found.noteSave("key", "{}")]).to.deep.equal([false, true]);
  });

  it("is forgotten first where there are more than a thousand", () => {
    for (let index = 0; index <= 1_000; index++) found.note(`key ${index}`);
    expect([found.noteSave("key 0", "[]"), found.noteSave("key 1", "[]")]).to.deep.equal([false, true]);
  });
});
