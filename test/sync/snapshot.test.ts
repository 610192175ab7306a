import { expect } from "chai";
import fc from "fast-check";
import { defineRecord } from "#dist/sync/records.js";
import { newestFirst, takeSnapshot } from "#dist/sync/snapshot.js";

const DOCUMENT = defineRecord({ name: "document", kind: "document" });
const COLLECTION = defineRecord({ name: "collection", kind: "collection", limit: 3 });

class Point {
  x = 1;
  #hidden = 2;
  get sum() {
    return this.x + this.#hidden;
  }
}

function deeplyNested(depth: number): unknown {
  let value: unknown = "sk-canary";
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

const cycle: Record<string, unknown> = { secret: "sk-canary" };
cycle["sk-canary"] = cycle;

describe("a snapshot", () => {
  it("is the value's JSON, of any value that JSON can carry", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // What every object inherits is refused: see below.
        fc.pre(!JSON.stringify(value).includes('"__proto__"'));
        const snapshot = takeSnapshot(DOCUMENT, value);
        if (!("text" in snapshot)) throw new Error(snapshot.refusal);
        return snapshot.text === JSON.stringify(value);
      }),
    );
  });

  for (const [title, value, text] of [
    ["a date", { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ["what has a toJSON", { url: new URL("https://a.example/") }, '{"url":"https://a.example/"}'],
    ["what writes itself as null", { a: { toJSON: () => null } }, '{"a":null}'],
    ["what writes itself by the key it is asked for", { toJSON: (key: string) => (key === "" ? 1 : 1n) }, "1"],
    ["a plain object, whatever it calls itself", { [Symbol.toStringTag]: "Map", a: 1 }, '{"a":1}'],
    [
      "one without a prototype, whatever it calls itself",
      Object.assign(Object.create(null), { [Symbol.toStringTag]: "Map", a: 1 }),
      '{"a":1}',
    ],
    ["a property that is undefined", { a: undefined, b: 1 }, '{"b":1}'],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ["an instance's own fields", new Point(), '{"x":1}'],
    ["boxed primitives", [Object("a"), Object(1), Object(true)], '["a",1,true]'],
  ] as const) {
    it(`takes ${title}`, () => expect(takeSnapshot(DOCUMENT, value)).to.deep.equal({ text }));
  }

  for (const [title, value, refusal] of [
    ["a BigInt", { a: 1n }, "it holds a BigInt, a cycle or a throwing `toJSON`"],
    ["a cycle", cycle, "it holds a BigInt, a cycle or a throwing `toJSON`"],
    ["a throwing toJSON", { toJSON: () => raise("sk-canary") }, "it holds a BigInt, a cycle or a throwing `toJSON`"],
    ["what writes itself as nothing", { toJSON: () => undefined }, "JSON cannot carry an Object"],
    ["what writes itself as something else to be written", { toJSON: () => new Date(0) }, "JSON cannot carry a Date"],
    ["a date that is none", { at: new Date(Number.NaN) }, "JSON cannot carry an invalid Date"],
    ["a Map behind other properties", { a: 1, b: new Map([["sk-canary", 1]]) }, "JSON cannot carry a Map"],
    [
      "a name that every object inherits",
      JSON.parse('{"a":[{"__proto__":1}]}'),
      "JSON cannot carry what every object inherits",
    ],
    ["a Map", { a: [new Map([["sk-canary", 1]])] }, "JSON cannot carry a Map"],
    ["a Set", { a: new Set(["sk-canary"]) }, "JSON cannot carry a Set"],
    ["a WeakMap", new WeakMap(), "JSON cannot carry a WeakMap"],
    ["a function", { a: () => "sk-canary" }, "JSON cannot carry a function"],
    ["a function at the top", () => "sk-canary", "JSON cannot carry a function"],
    ["a symbol", [Symbol("sk-canary")], "JSON cannot carry a symbol"],
    ["NaN", { a: Number.NaN }, "JSON cannot carry NaN or Infinity"],
    ["Infinity", [Number.POSITIVE_INFINITY], "JSON cannot carry NaN or Infinity"],
    ["undefined in an array", [undefined], "JSON cannot carry undefined"],
    // eslint-disable-next-line no-sparse-arrays -- the hole is the point
    ["a hole in an array", [1, , 2], "JSON cannot carry undefined"],
    ["a regular expression", { a: /sk-canary/ }, "JSON cannot carry a RegExp"],
    ["an error", new Error("sk-canary"), "JSON cannot carry an Error"],
    ["a typed array", { a: new Uint8Array(2) }, "JSON cannot carry an Uint8Array"],
    ["a promise", { a: Promise.resolve("sk-canary") }, "JSON cannot carry a Promise"],
    ["what is nested too deeply", deeplyNested(100_000), "it is nested too deeply"],
    ["what no string is long enough for", { toJSON: () => "x".repeat(2 ** 30) }, "it is too large"],
  ] as const) {
    it(`refuses ${title}, and says so without a word of the value`, () => {
      expect(takeSnapshot(DOCUMENT, value)).to.deep.equal({ refusal });
    });
  }

  it("holds the newest items of a collection, newest first, however the host keeps them", () => {
    const newest = '[{"ts":5},{"ts":4},{"ts":3}]';
    for (const order of [
      [1, 2, 3, 4, 5],
      [5, 4, 3, 2, 1],
      [3, 1, 5, 2, 4],
    ]) {
      const items = order.map((ts) => ({ ts }));
      expect(takeSnapshot(COLLECTION, items)).to.deep.equal({ text: newest });
      expect(items.map(({ ts }) => ts)).to.deep.equal(order);
    }
  });

  it("keeps equally new items of a collection in the host's order, and those without a date last", () => {
    const items = [{ id: "none" }, { id: "a", ts: 1 }, { id: "b", ts: 1 }, { id: "c", ts: 2 }];
    expect(takeSnapshot(COLLECTION, items)).to.deep.equal({
      text: '[{"id":"c","ts":2},{"id":"a","ts":1},{"id":"b","ts":1}]',
    });
    expect(takeSnapshot(COLLECTION, [null, { ts: "text" }, { ts: Number.MIN_SAFE_INTEGER }])).to.deep.equal({
      text: `[{"ts":${Number.MIN_SAFE_INTEGER}},null,{"ts":"text"}]`,
    });
  });

  it("orders a collection as a stable sort by date does, also with dates that are none", () => {
    const dates = fc.oneof(fc.nat(5), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, "5", undefined));
    fc.assert(
      fc.property(fc.array(dates, { maxLength: 30 }), fc.integer({ min: 1, max: 30 }), (tss, limit) => {
        const items = tss.map((ts, id) => ({ ts, id }));
        const date = ({ ts }: { ts: unknown }) => (typeof ts === "number" && Number.isFinite(ts) ? ts : -1);
        const sorted = [...items].sort((a, b) => date(b) - date(a)).slice(0, limit);
        expect(newestFirst(items, { ...COLLECTION, limit })).to.deep.equal(sorted);
      }),
    );
  });

  it("copies nothing of a collection that is in order and not too long", () => {
    for (const items of [[], [{ ts: 3 }], [{ ts: 3 }, { ts: 2 }, { ts: 2 }], [null, {}, { ts: Number.NaN }]])
      expect(newestFirst(items, COLLECTION)).to.equal(items);
  });

  it("does not mind what JSON cannot carry in an item that is too old to be mirrored", () => {
    expect(takeSnapshot(COLLECTION, [{ ts: 9 }, { ts: 8 }, { ts: 7 }, { ts: 1, bad: 1n }])).to.have.property("text");
  });

  it("refuses what is no array for a collection", () => {
    expect(takeSnapshot(COLLECTION, { length: 1 })).to.deep.equal({ refusal: "expected an array, got an Object" });
    expect(takeSnapshot(COLLECTION, null)).to.deep.equal({ refusal: "expected an array, got null" });
  });
});

function raise(message: string): never {
  throw new Error(message);
}
