import { expect } from "chai";
import {
  asItIs,
  bytesOf,
  type CollectionChange,
  combineChanges,
  GatheredChange,
  type ItemChange,
  NO_CHANGE,
  toWireItems,
} from "#dist/sync/collection-change.js";

const version = (ms: number, writer = "mine") => `${1_700_000_000_000 + ms}-0000-${writer}`;
const item = (id: string, text: string) => ({ id, recency: 7, text, bytes: Buffer.byteLength(text) });

/** A change of one item; `text` of `undefined`: it was deleted. */
function changeOf(id: string, ms: number, text: string | undefined, seen?: string): CollectionChange {
  const change: ItemChange = { version: version(ms), seen, item: text === undefined ? undefined : item(id, text) };
  return { ...NO_CHANGE, items: new Map([[id, change]]) };
}

const textsOf = ({ items }: CollectionChange) => [...items].map(([id, change]) => [id, change.item?.text]);

describe("changes of a collection", () => {
  it("come to the later one of each item, in whatever order they are combined", () => {
    const [earlier, later] = [changeOf("a", 1, "earlier"), changeOf("a", 2, "later")];
    const other = changeOf("b", 3, undefined);
    for (const [one, two] of [
      [earlier, later],
      [later, earlier],
    ] as const)
      expect(textsOf(combineChanges(combineChanges(one, other), two))).to.have.deep.members([
        ["a", "later"],
        ["b", undefined],
      ]);
  });

  it("have seen together what the first of them had seen of others", () => {
    const [earlier, later] = [changeOf("a", 1, "one", version(0, "other")), changeOf("a", 2, "two", version(1))];
    for (const combined of [combineChanges(earlier, later), combineChanges(later, earlier)])
      expect(combined.items.get("a")!.seen).to.equal(version(0, "other"));
  });

  it("have seen what the later one has, where others came in between", () => {
    const [earlier, later] = [
      changeOf("a", 1, "one", version(0, "other")),
      changeOf("a", 3, "two", version(2, "other")),
    ];
    expect(combineChanges(earlier, later).items.get("a")!.seen).to.equal(version(2, "other"));
  });

  it("have seen what the later one has, where the first had seen nothing", () => {
    const combined = combineChanges(changeOf("a", 1, "one"), changeOf("a", 2, "two", version(1)));
    expect(combined.items.get("a")!.seen).to.equal(version(1));
  });

  it("leave nothing of what was there before the later clear, in whatever order they are combined", () => {
    const items = combineChanges(
      changeOf("before", 2, "b"),
      combineChanges(changeOf("at", 3, "a"), changeOf("after", 4, "c")),
    );
    const [first, second] = [1, 3].map((ms) => ({ ...NO_CHANGE, cleared: version(ms) }));
    for (const combined of [
      combineChanges(combineChanges(first!, items), second!),
      combineChanges(combineChanges(second!, items), first!),
    ]) {
      expect(combined.cleared).to.equal(version(3));
      expect(textsOf(combined)).to.deep.equal([["after", "c"]]);
    }
  });

  it("are to be looked at as a whole since the first save that asked for it", () => {
    const since = (ms: number) => ({ ...NO_CHANGE, wholeSince: version(ms) });
    expect(combineChanges(since(2), since(1)).wholeSince).to.equal(version(1));
    expect(combineChanges(since(1), since(2)).wholeSince).to.equal(version(1));
    expect(combineChanges(since(2), NO_CHANGE).wholeSince).to.equal(version(2));
    expect(combineChanges(NO_CHANGE, since(2)).wholeSince).to.equal(version(2));
    expect(combineChanges(NO_CHANGE, NO_CHANGE).wholeSince).to.equal(undefined);
  });

  it("weigh what their texts and ids do, deletions too", () => {
    expect(bytesOf(combineChanges(changeOf("abc", 1, "Ü"), changeOf("de", 1, undefined)))).to.equal(3 + 2 + 2);
  });

  it("leave what somebody has looked at as it was, whatever is added to them", () => {
    const gathered = new GatheredChange(changeOf("a", 1, "earlier"));
    const kept = asItIs(gathered);
    gathered.add(changeOf("a", 2, "later"));
    const { items } = gathered;
    gathered.add({ ...changeOf("b", 4, "new"), cleared: version(3), wholeSince: version(4) });
    expect([kept, { ...kept, items }, gathered].map(textsOf)).to.deep.equal([
      [["a", "earlier"]],
      [["a", "later"]],
      [["b", "new"]],
    ]);
    expect([kept.cleared, kept.wholeSince]).to.deep.equal([undefined, undefined]);
  });

  it("leave alone what they were gathered from", () => {
    const [one, other] = [changeOf("a", 1, "one"), changeOf("a", 2, "other")];
    combineChanges(one, other);
    expect([one, other].map(textsOf)).to.deep.equal([[["a", "one"]], [["a", "other"]]]);
  });

  it("weigh at each step what they would if they were counted anew", () => {
    const gathered = new GatheredChange(changeOf("abc", 1, "Ü"));
    const steps = [
      changeOf("abc", 3, "longer"),
      changeOf("abc", 2, "too late"),
      changeOf("de", 4, undefined),
      changeOf("f", 6, "x"),
      { ...NO_CHANGE, cleared: version(5) },
      changeOf("g", 5, "cleared already"),
    ];
    const weights = steps.map((step) => {
      gathered.add(step);
      return [gathered.bytes, bytesOf(gathered)];
    });
    expect(weights).to.deep.equal([9, 9, 11, 13, 2, 2].map((bytes) => [bytes, bytes]));
  });

  it("say on the wire what of others was seen, and nothing of what the same process wrote", () => {
    const change = combineChanges(
      changeOf("a", 2, "text", version(1)),
      changeOf("b", 2, undefined, version(1, "other")),
    );
    expect(toWireItems(change)).to.deep.equal([
      { id: "a", version: version(2), seen: undefined, recency: 7, body: "text" },
      { id: "b", version: version(2), seen: version(1, "other"), recency: 0, body: undefined },
    ]);
  });
});
