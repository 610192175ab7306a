import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { type CollectionSnapshot, type ItemSnapshot, takeCollection } from "#dist/sync/collection-snapshot.js";
import { defineRecord } from "#dist/sync/records.js";
import { newestFirst } from "#dist/sync/snapshot.js";

const RECORD = defineRecord({ name: "collection", kind: "collection", limit: 3 });

function take(value: unknown, previous?: CollectionSnapshot, record = RECORD): CollectionSnapshot {
  const taken = takeCollection(record, value, previous);
  if ("refusal" in taken) throw new Error(taken.refusal);
  return taken;
}

function listed(snapshot: CollectionSnapshot): ItemSnapshot[] {
  return [...snapshot.items.values()];
}

function joined(snapshot: CollectionSnapshot): string {
  return `[${listed(snapshot)
    .map(({ text }) => text)
    .join(",")}]`;
}

function digest(text: string): string {
  return `h${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

/** What is written as JSON meanwhile. */
function writtenIn(work: () => void): unknown[] {
  const { stringify } = JSON;
  const written: unknown[] = [];
  JSON.stringify = (value: unknown) => (written.push(value), stringify(value));
  try {
    work();
  } finally {
    JSON.stringify = stringify;
  }
  return written;
}

/** What a fresh look at a list gives, to compare with. */
function properties(snapshot: CollectionSnapshot): unknown[] {
  return listed(snapshot).map(({ id, recency, text, bytes }) => ({ id, recency, text, bytes }));
}

describe("a snapshot of a collection", () => {
  it("says of each item its id, how new it is, its JSON and how long that is in UTF-8", () => {
    expect(properties(take([{ id: "a b", ts: 5, task: "é" }]))).to.deep.equal([
      { id: "a%20b", recency: 5, text: '{"id":"a b","ts":5,"task":"é"}', bytes: 31 },
    ]);
  });

  it("knows an item by its id, the text of a number, or else by what it says", () => {
    const texts = ['{"id":"","ts":0}', "null"];
    const all = take([{ id: "a", ts: 9 }, { id: 12.5, ts: 8 }, null, { id: "", ts: 0 }], undefined, {
      ...RECORD,
      limit: 9,
    });
    expect([...all.items.keys()]).to.deep.equal(["a", "12.5", digest(texts[0]!), digest(texts[1]!)]);
    for (const id of [true, null, ["a"], { a: 1 }]) {
      expect([...take([{ id, ts: 1 }]).items.keys()]).to.deep.equal([digest(JSON.stringify({ id, ts: 1 }))]);
    }
  });

  it("takes what a record calls an id for none unless it is a text or a finite number", () => {
    for (const id of [Number.NaN, Number.POSITIVE_INFINITY, "", 1n, undefined]) {
      const record = { ...RECORD, id: () => id as string | undefined };
      expect([...take([{ n: 1 }], undefined, record).items.keys()]).to.deep.equal([digest('{"n":1}')]);
    }
  });

  it("uses the record's own id and recency", () => {
    const record = defineRecord({
      name: "bookmarks",
      kind: "collection",
      id: (item) => (item as { key: { name: string } }).key.name,
      recency: "at",
    });
    const snapshot = take(
      [
        { key: { name: "a" }, at: 1 },
        { key: { name: "b" }, at: 2 },
      ],
      undefined,
      record,
    );
    expect(listed(snapshot).map(({ id, recency }) => [id, recency])).to.deep.equal([
      ["b", 2],
      ["a", 1],
    ]);
  });

  it("holds of several items with one id the newest, of equally new ones the first, and equal ones without an id once", () => {
    const list = [
      { id: "a", ts: 1, n: 1 },
      { id: "a", ts: 2, n: 2 },
      { id: "a", ts: 2, n: 3 },
    ];
    const first = take(list);
    expect(joined(first)).to.equal('[{"id":"a","ts":2,"n":2}]');
    expect(take(list, first)).to.equal(first);
    list[2]!.n = 4;
    const second = take(list, first);
    expect(listed(second)).to.have.lengthOf(1);
    expect(listed(second)[0]).to.equal(listed(first)[0]);
    expect(joined(take(list.toReversed(), second))).to.equal('[{"id":"a","ts":2,"n":4}]');
    expect(joined(take([{ n: 1 }, { n: 1 }, { n: 2 }]))).to.equal('[{"n":1},{"n":2}]');
    expect(
      joined(
        take([
          { id: 5, n: 1 },
          { id: "5", n: 2 },
        ]),
      ),
    ).to.equal('[{"id":5,"n":1}]');
  });

  it("is the one before where nothing has changed, whoever's objects they are", () => {
    const list = [{ id: "a", ts: 2, tags: ["x"], size: { w: 1 } }, { id: "b", ts: 1 }, { n: 1 }, { n: 2 }];
    const snapshot = take(list);
    expect(take(list, snapshot)).to.equal(snapshot);
    expect(take(structuredClone(list), snapshot)).to.equal(snapshot);
    expect(take([], take([])))
      .to.have.property("items")
      .that.has.property("size", 0);
  });

  for (const [title, change] of [
    ["an item is changed", (list) => (list[1]!["task"] = "else")],
    ["an item is changed deep inside", (list) => (list[1]!["deep"] = { a: [1, { b: 3 }] })],
    ["an item is replaced", (list) => (list[1] = { id: "b", ts: 3 })],
    ["an item is added in front", (list) => list.unshift({ id: "new", ts: 9 })],
    ["an item is added behind", (list) => list.push({ id: "new", ts: 0 })],
    ["one without an id is added in front", (list) => list.unshift({ ts: 9 })],
    ["an item is taken out", (list) => list.splice(1, 1)],
    ["the first is taken out", (list) => list.shift()],
    ["the last is taken out", (list) => list.pop()],
    ["an item becomes the newest", (list) => (list[2]!["ts"] = 10)],
    ["the order is another", (list) => list.forEach((item, index) => (item["ts"] = index))],
    ["they are the other way round", (list) => list.reverse()],
  ] as [string, (list: Record<string, unknown>[]) => unknown][]) {
    it(`holds the very items of the one before, save those that changed, when ${title}`, () => {
      const record = { ...RECORD, limit: 10 };
      const list: Record<string, unknown>[] = [
        { id: "a", ts: 4 },
        { id: "b", ts: 3, deep: { a: [1, { b: 2 }] } },
        { id: "c", ts: 2 },
        { n: 1 },
        { n: 2 },
      ];
      const before = take(list, undefined, record);
      change(list);
      const after = take(list, before, record);
      expect(after).to.not.equal(before);
      expect(properties(after)).to.deep.equal(properties(take(list, undefined, record)));
      const known = new Map(listed(before).map((item) => [`${item.id} ${item.recency} ${item.text}`, item]));
      for (const item of listed(after)) {
        const same = known.get(`${item.id} ${item.recency} ${item.text}`);
        if (same !== undefined) expect(item).to.equal(same);
      }
    });
  }

  it("stringifies nothing of an item that has not changed", () => {
    const record = { ...RECORD, limit: 10 };
    const make = () => [
      { id: "a", ts: 2, at: new Date(0) },
      { id: "b", ts: 1, size: { w: 1, h: [1, { d: 2 }, null] }, gone: undefined },
      Object.assign(Object.create(null) as object, { id: "c" }),
      { n: 1 },
      { n: 2 },
      { n: 3 },
    ];
    const first = take(make(), undefined, record);
    // What writes itself can change without a trace.
    expect(writtenIn(() => take(make(), first, record))).to.deep.equal([make()[0]]);
    const [, ...others] = make();
    expect(writtenIn(() => take(others.toReversed().slice(0, 2), first, record))).to.deep.equal([{ n: 3 }, { n: 2 }]);
    // Of those without an id the first after a gap is: where it stood is not known before.
    const list = [{ n: 0 }, ...others.filter((item) => !("n" in item && item.n === 1))];
    expect(writtenIn(() => take(list, first, record))).to.deep.equal([{ n: 0 }, { n: 2 }]);
    const withoutUndefined = others.map((item) => JSON.parse(JSON.stringify(item)) as object);
    expect(writtenIn(() => take(withoutUndefined, first, record))).to.deep.equal([]);
  });

  it("sees what has changed in what writes itself, an instance or a date", () => {
    class Point {
      x = 1;
    }
    for (const [value, change] of [
      [new Date(0), (date: Date) => date.setTime(1)],
      [new Point(), (point: Point) => (point.x = 2)],
      [new URL("https://a.example/"), (url: URL) => (url.pathname = "/b")],
      [[new Date(0)], ([date]: Date[]) => date!.setTime(1)],
      [Object(1), () => {}],
    ] as [unknown, (value: never) => unknown][]) {
      const list = [{ id: "a", ts: 1, value }];
      const first = take(list);
      expect(take(list, first)).to.equal(first);
      change(value as never);
      expect(joined(take(list, first))).to.equal(JSON.stringify(list));
    }
  });

  // Pairs that a comparison of properties may take for each other, and JSON does not.
  for (const [title, one, other] of [
    ["an empty array and an empty object", [], {}],
    ["an empty array without a prototype and an empty object", {}, Object.setPrototypeOf([], null)],
    ["an array and an object with its indexes", ["a"], { 0: "a" }],
    ["an array and a longer one", [1], [1, 2]],
    ["another order of the properties", { a: 1, b: 2 }, { b: 2, a: 1 }],
    ["one property less", { a: 1, b: 2 }, { a: 1 }],
    ["a property of another name", { a: 1 }, { b: 1 }],
    ["null and an object", null, {}],
    ["null and nothing", { a: null }, { a: undefined }],
    ["a number and its text", 1, "1"],
    ["a value and an instance with the same properties that writes itself", { a: 1 }, { a: 1, toJSON: () => 2 }],
    ["the same with a hidden toJSON", { a: 1 }, Object.defineProperty({ a: 1 }, "toJSON", { value: () => 2 })],
    ["an object and a boxed number", {}, Object(1)],
    ["a primitive and its copy's likeness", 1, { keys: [], values: [] }],
    ["what looks like a copy", { a: 1 }, { keys: ["a"], values: [1] }],
  ] as [string, unknown, unknown][]) {
    it(`tells ${title} apart`, () => {
      for (const [before, after] of [
        [one, other],
        [other, one],
      ]) {
        const first = take([{ id: "a", ts: 1, value: before }]);
        const list = [{ id: "a", ts: 1, value: after }];
        expect(joined(take(list, first))).to.equal(JSON.stringify(list));
      }
    });
  }

  it("takes for the same what is written the same", () => {
    for (const [one, other] of [
      [0, -0],
      [{ a: 1, b: undefined }, { a: 1 }],
      [{ a: 1 }, Object.assign(Object.create(null), { a: 1 })],
      [{ a: 1 }, { a: 1, [Symbol("s")]: 2 }],
      ["1970-01-01T00:00:00.000Z", new Date(0)],
      [new Date(0), "1970-01-01T00:00:00.000Z"],
    ]) {
      const first = take([{ id: "a", ts: 1, value: one }]);
      expect(take([{ id: "a", ts: 1, value: other }], first)).to.equal(first);
    }
  });

  it("is not misled by what every object inherits", () => {
    const first = take([{ id: "a", ts: 1, x: 5 }]);
    // eslint-disable-next-line no-extend-native -- the point
    Object.assign(Object.prototype, { x: 5 });
    try {
      expect(joined(take([{ id: "a", ts: 1 }], first))).to.equal('[{"id":"a","ts":1}]');
    } finally {
      delete (Object.prototype as { x?: number }).x;
    }
  });

  it("takes an item for another where the record tells it to, although it reads the same", () => {
    let generation = 1;
    const record = defineRecord({
      name: "r",
      kind: "collection",
      id: () => `g${generation}`,
      recency: () => generation,
    });
    const first = take([{ n: 1 }], undefined, record);
    generation = 2;
    const second = take([{ n: 1 }], first, record);
    expect(properties(second)).to.deep.equal([{ id: "g2", recency: 2, text: '{"n":1}', bytes: 7 }]);
  });

  it("takes an item for a newer one although it reads the same", () => {
    let recency = 1;
    const record = defineRecord({ name: "r", kind: "collection", recency: () => recency });
    const first = take([{ id: "a" }], undefined, record);
    recency = 2;
    expect(listed(take([{ id: "a" }], first, record))[0]).to.include({ id: "a", recency: 2 });
  });

  it("refuses the save for one item that JSON cannot carry, also where it was carried before", () => {
    for (const [value, refusal] of [
      [1n, "it holds a BigInt, a cycle or a throwing `toJSON`"],
      [Number.NaN, "JSON cannot carry NaN or Infinity"],
      [new Map(), "JSON cannot carry a Map"],
      [[undefined], "JSON cannot carry undefined"],
      [Symbol("s"), "JSON cannot carry a symbol"],
      // eslint-disable-next-line no-sparse-arrays -- the hole is the point
      [[1, , 2], "JSON cannot carry undefined"],
    ] as const) {
      for (const before of [{}, [1, 5, 2], null, undefined]) {
        const first = take([
          { id: "a", ts: 2 },
          { id: "b", ts: 1, value: before },
        ]);
        const list = [
          { id: "a", ts: 2 },
          { id: "b", ts: 1, value },
        ];
        expect(takeCollection(RECORD, list, first)).to.deep.equal({ refusal });
      }
    }
    expect(takeCollection(RECORD, [undefined], undefined)).to.deep.equal({ refusal: "JSON cannot carry undefined" });
  });

  it("refuses what is no array, and ignores what is bad beyond the limit", () => {
    expect(takeCollection(RECORD, { length: 1 }, undefined)).to.deep.equal({
      refusal: "expected an array, got an Object",
    });
    const list = [{ ts: 9 }, { ts: 8 }, { ts: 7 }, { ts: 1, bad: 1n }];
    expect(take(list).items.size).to.equal(3);
  });

  it("lets through what a getter throws", () => {
    const first = take([{ id: "a", ts: 1, value: 1 }]);
    const throwing = {
      id: "a",
      ts: 1,
      get value(): number {
        throw new Error("getter");
      },
    };
    expect(() => take([throwing], first)).to.throw("getter");
  });

  describe("of a list that is longer than the limit", () => {
    const items = (...ids: string[]) => ids.map((id, index) => ({ id, ts: 100 - index }));

    it("knows what is beyond, also after the host has changed its list", () => {
      const list = items("a", "b", "c", "d", "e f");
      const snapshot = take(list);
      list.length = 0;
      expect(["a", "c", "d", "e%20f", "g"].map((id) => snapshot.isBeyond(id))).to.deep.equal([
        false,
        false,
        true,
        true,
        false,
      ]);
    });

    it("knows of an item that left the newest whether it is still there", () => {
      const first = take(items("a", "b", "c", "d"));
      const second = take(items("new", "a", "b", "c", "d"), first);
      expect(second.isBeyond("c")).to.equal(true);
      const third = take(items("new", "b", "c", "d", "e"), second);
      expect(third.isBeyond("a")).to.equal(false);
      expect(third.isBeyond("d")).to.equal(true);
    });

    it("knows it still after saves that changed nothing of it", () => {
      const first = take(items("a", "b", "c"));
      expect(first.isBeyond("c")).to.equal(false);
      const second = take(items("new", "a", "b", "c"), first);
      const list = items("new", "a", "b", "c");
      const third = take(list.with(1, { ...list[1]!, id: "a", task: "x" } as never), second);
      expect([second.isBeyond("c"), third.isBeyond("c")]).to.deep.equal([true, true]);
      expect(take(items("new", "a", "b"), third).isBeyond("c")).to.equal(false);
      expect(take([...items("new", "a", "b"), { id: "other", ts: 5 }], third).isBeyond("c")).to.equal(false);
      expect(take(items("new", "a", "b", "d"), take(items("new", "a", "b", "c", "d"), third)).isBeyond("c")).to.equal(
        false,
      );
    });

    it("looks at the rest only when something has left the newest, or the list is not as long as it was", () => {
      let looks = 0;
      const record = { ...RECORD, id: (item: unknown) => (looks++, (item as { id: string }).id) };
      const looksOf = (list: unknown[], before?: CollectionSnapshot) => {
        looks = 0;
        const snapshot = take(list, before, record);
        return [looks, snapshot] as const;
      };
      const list = items("a", "b", "c", "d", "e");
      const [atFirst, first] = looksOf(list);
      const [unchanged] = looksOf(list, first);
      const [changed, second] = looksOf(list.with(0, { id: "a", ts: 200 }), first);
      const [reordered, third] = looksOf(items("b", "a", "c", "d", "e"), second);
      const [added, fourth] = looksOf(items("n", "b", "a", "c", "d", "e"), third);
      const [tailGone] = looksOf(items("n", "b", "a", "c", "d"), fourth);
      const [left] = looksOf(items("n", "b", "d", "a", "c", "e"), fourth);
      const [tailAged] = looksOf(items("n", "b", "a", "c", "d", "e").with(5, { id: "f", ts: 1 }), fourth);
      expect([atFirst, unchanged, changed, reordered]).to.deep.equal([5, 3, 3, 3]);
      expect([added, tailGone, left, tailAged]).to.deep.equal([6, 5, 6, 6]);
    });

    it("knows items without an id by what they say, passing over what JSON cannot carry", () => {
      const first = take([{ n: 1 }, { n: 2 }, { n: 3 }]);
      const second = take([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 1n }, { n: 3 }], first);
      expect(second.isBeyond(digest('{"n":3}'))).to.equal(true);
      expect(second.isBeyond(digest('{"n":4}'))).to.equal(false);
    });
  });

  it("is, whatever the host does, what JSON makes of the newest items, and unchanged items are the same objects", () => {
    const key = fc.constantFrom("a", "b", "1", "toJSON", "constructor", "ts2");
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<unknown>(0, -0, 1, 1.5, "", "0", "é\ud800", true, false, null, undefined, new Date(0)),
        fc.array(
          tie("value").filter((item) => item !== undefined),
          { maxLength: 2 },
        ),
        fc
          .array(fc.tuple(key, tie("value")), { maxLength: 3 })
          .map((entries) => entries.reduce<object>((all, [name, held]) => define(all, name, held), {})),
      ),
    }));
    const action = fc.record({
      kind: fc.constantFrom("set", "delete", "add", "insert", "remove", "swap", "clone", "renew"),
      at: fc.nat(7),
      key,
      value,
    });
    let shared = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(action, { maxLength: 3 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        (saves, limit) => {
          const record = { ...RECORD, limit };
          let nextId = 0;
          const make = (ts: number) => ({ id: `i${nextId++}`, ts });
          // No two are equally old but the first ones: a tail is known by how old its items are.
          let moment = 0;
          const date = (at: number) => at + ++moment / 1000;
          let list: Record<string, unknown>[] = [make(3), make(2), make(2), make(1)];
          let before: CollectionSnapshot | undefined;
          const held = new Set<string>();
          for (const actions of [[], ...saves]) {
            for (const { kind, at, key: name, value: given } of actions) {
              const item = list[at % list.length];
              if (kind === "add") list.push(make(date(at)));
              else if (kind === "insert") list.unshift(make(date(at)));
              else if (item === undefined) continue;
              else if (kind === "set") define(item, name, given);
              else if (kind === "delete") delete item[name];
              else if (kind === "remove") list.splice(at % list.length, 1);
              else if (kind === "swap") list.push(...list.splice(at % list.length, 1));
              else if (kind === "renew") item["ts"] = date(at);
              else list = list.map((one) => copyDeep(one) as Record<string, unknown>);
            }
            const after = take(list, before, record);
            expect(joined(after)).to.equal(JSON.stringify(newestFirst(list, record)));
            expect([...after.items.keys()]).to.deep.equal(
              newestFirst(list, record).map((item) => (item as { id: string }).id),
            );
            for (const [id, item] of after.items) {
              const old = before?.items.get(id);
              if (old?.text === item.text && old.recency === item.recency) {
                expect(item).to.equal(old);
                shared++;
              }
            }
            for (const id of after.items.keys()) held.add(id);
            for (const id of held) {
              const isThere = list.some((item) => item["id"] === id);
              if (!after.items.has(id)) expect(after.isBeyond(id)).to.equal(isThere);
            }
            before = after;
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(shared).to.be.greaterThan(1000);
  });
});

function define<T extends object>(object: T, name: string, value: unknown): T {
  return Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** As structuredClone, which would lose an own `__proto__`. */
function copyDeep(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(copyDeep);
  return Object.keys(value).reduce<object>(
    (all, name) => define(all, name, copyDeep((value as Record<string, unknown>)[name])),
    {},
  );
}
