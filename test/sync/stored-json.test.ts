import { inspect } from "node:util";
import { expect } from "chai";
import fc from "fast-check";
import { MAX_NESTING, MAX_VALUES, parseStoredJson } from "#dist/sync/stored-json.js";

const CANARY = "sk-canary";

function refusalOf(text: string): string {
  try {
    parseStoredJson(text);
  } catch (error) {
    expect(error).to.have.property("code", "UNREADABLE_VALUE");
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.to.contain(CANARY);
    return (error as Error).message;
  }
  throw new Error("expected a refusal");
}

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** What does is refused: see below. */
function namesNoPrototype(value: unknown): boolean {
  return !/(?<!\\)"__proto__":/.test(JSON.stringify(value));
}

describe("JSON that anybody may have written", () => {
  it("is what it says, whatever is in its strings", () => {
    fc.assert(
      fc.property(fc.jsonValue().filter(namesNoPrototype), (value) => {
        for (const text of [JSON.stringify(value), JSON.stringify(value, undefined, 2)])
          expect(parseStoredJson(text)).to.deep.equal(JSON.parse(text));
      }),
    );
    const brackets = JSON.stringify({ ["[".repeat(2_000)]: '{"\\'.repeat(2_000), b: '"'.repeat(2_000) });
    expect(parseStoredJson(brackets)).to.deep.equal(JSON.parse(brackets));
  });

  it("may be nested five hundred levels deep, and no deeper, in arrays or objects", () => {
    expect(parseStoredJson(nested(MAX_NESTING))).to.be.an("array");
    const message = "It is nested deeper than 500 levels.";
    expect(refusalOf(nested(MAX_NESTING + 1))).to.equal(message);
    expect(refusalOf('{"a":'.repeat(MAX_NESTING + 1) + "1" + "}".repeat(MAX_NESTING + 1))).to.equal(message);
    expect(refusalOf("[".repeat(2 ** 24))).to.equal(message);
    const beside = `[${Array.from({ length: 2_000 }, () => nested(3)).join()}]`;
    expect(parseStoredJson(beside)).to.have.length(2_000);
  });

  it("may hold a million values, and no more", () => {
    const message = "It holds more than 1000000 values.";
    for (const value of ["1", "[]", "{}", '"a"']) {
      const list = (length: number) => `[${`${value},`.repeat(length - 1)}${value}]`;
      expect(parseStoredJson(list(MAX_VALUES - 1))).to.have.length(MAX_VALUES - 1);
      expect(refusalOf(list(MAX_VALUES))).to.equal(message);
    }
  }).timeout(60_000);

  it("names nothing that every object inherits, also behind an escape and deep inside", () => {
    for (const text of [
      `{"__proto__":{"a":"${CANARY}"}}`,
      `{"\\u005f_proto__":"${CANARY}"}`,
      `[1,{"a":[{"constructor":{"prototype":"${CANARY}"}}]}]`,
      `{"a":{"\\u0063onstructor":{"p\\u0072ototype":1}}}`,
    ])
      expect(refusalOf(text), text).to.equal("It names what every object inherits.");
    for (const harmless of [
      { constructor: "a builder", prototype: "of a car", b: { prototype: 1 } },
      { text: '"__proto__":1', list: ["__proto__", "constructor"], [" __proto__"]: 1 },
      { constructor: { name: "no prototype" }, escaped: "\u001b" },
    ])
      expect(parseStoredJson(JSON.stringify(harmless))).to.deep.equal(harmless);
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });

  it("is refused without a word of it where it is none", () => {
    for (const text of [CANARY, `{"a":"${CANARY}`, `["${CANARY}\\`, `["${CANARY}"]]`, '"', '"\\"', "", "]".repeat(9)])
      expect(refusalOf(text), text).to.equal("It is not JSON.");
  });
});
