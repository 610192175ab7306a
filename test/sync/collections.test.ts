import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { type Memento, MemoryMemento } from "#dist/sync/memento.js";
import { Catalogue, defineRecord } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { DEFAULT_TIMINGS } from "#dist/sync/timings.js";
import { DEFAULT_LIMITS } from "#dist/sync/writes.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";
import { ModelRedis } from "../support/model-redis.js";

const NOW_MS = 1_700_000_000_000;
const HISTORY = { userId: "alice", record: "taskHistory" };
const HISTORY_KEY = "roo:alice:taskHistory";
const DAY_MS = 24 * 60 * 60 * 1_000;
const MEMENTO_KEY = "redisMirrored.versions";

interface Item {
  readonly id: string;
  readonly ts: number;
  readonly text: string;
}

const item = (id: string, ts = 1, text = "new"): Item => ({ id, ts, text });
const items = (count: number) => Array.from({ length: count }, (_item, index) => item(`task${index}`, count - index));

/** A process of the host: its engine, and the memento that outlives it. */
class Window {
  readonly gateway: FakeGateway;
  readonly memento: Memento;
  readonly service: RedisSyncService;

  constructor(model: ModelRedis, { memento = new MemoryMemento(), limit = 50, limits = DEFAULT_LIMITS } = {}) {
    this.gateway = new FakeGateway(model);
    this.memento = memento;
    this.service = new RedisSyncService({
      gateway: this.gateway,
      catalogue: new Catalogue([defineRecord({ name: "taskHistory", kind: "collection", limit })]),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      memento: this.memento,
      limits,
    });
  }

  save(list: readonly Item[] | undefined): void {
    this.service.set(HISTORY, list);
  }

  /** As `@RedisRestored` does where the local store is empty. The answer is what was found. */
  async restore(take: (list: Item[]) => Item[] = (list) => list): Promise<Item[]> {
    const found = await this.service.find(HISTORY);
    if (found === undefined) return [];
    const list = found.value as Item[];
    await this.service.adopt(HISTORY, found, async () => this.save(take(list)));
    return list;
  }

  /** What was sent, newest batch last: of each item its id and its text; `undefined`: deleted. */
  get sent(): (readonly (readonly [id: string, text: string | undefined])[])[] {
    return this.gateway.merges.map((batch) => batch.flatMap(({ items: wired }) => wired.map(toPair)));
  }
}

function toPair({ id, body }: { id: string; body: string | Buffer | undefined }): [string, string | undefined] {
  return [id, body === undefined ? undefined : (JSON.parse(String(body)) as Item).text];
}

describe("collections that are merged", () => {
  let timers: sinon.SinonFakeTimers;
  let model: ModelRedis;
  let window: Window;
  beforeEach(() => {
    timers = sinon.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    model = new ModelRedis();
    window = new Window(model);
  });
  afterEach(() => timers.restore());

  const array = () => model.values.get(HISTORY_KEY);
  const shown = () => (JSON.parse(array() ?? "[]") as Item[]).map(({ id }) => id);
  const texts = () => (JSON.parse(array() ?? "[]") as Item[]).map(({ id, text }) => `${id} ${text}`);
  const versions = () =>
    new Map([...model.readCollection(HISTORY_KEY).items].map(([id, { version }]) => [id, version]));
  const arrive = () => timers.tickAsync(200);
  const reconcile = () => timers.tickAsync(DEFAULT_TIMINGS.reconcileMs + 1_000);

  /** A process that takes the place of one that has crashed. */
  async function crashed(before: Window, options: { limit?: number } = {}): Promise<Window> {
    before.gateway.alwaysSilent();
    // What it has written down by now; what it would do later is no more.
    await Promise.resolve();
    const memento = new MemoryMemento();
    await memento.update(MEMENTO_KEY, before.memento.get(MEMENTO_KEY));
    return new Window(model, { ...options, memento });
  }

  /** A window that has saved a list, which has arrived. */
  async function having(list: readonly Item[], options: { limit?: number } = {}): Promise<Window> {
    const other = new Window(model, options);
    other.save(list);
    await arrive();
    return other;
  }

  describe("a save", () => {
    it("sends of fifty items the one that changed, alone", async () => {
      const list = items(50);
      window.save(list);
      await arrive();
      window.save(list.with(20, { ...list[20]!, text: "changed" }));
      await arrive();
      expect(window.sent).to.have.length(2);
      expect(window.sent[1]).to.deep.equal([["task20", "changed"]]);
      expect([shown().length, texts()[20]]).to.deep.equal([50, "task20 changed"]);
    });

    it("that changes nothing sends nothing", async () => {
      window.save(items(50));
      await arrive();
      window.save(items(50));
      await arrive();
      expect([window.gateway.merges.length, window.service.status.pending]).to.deep.equal([1, 0]);
    });

    it("sends what was added and what was deleted, and moves nothing else", async () => {
      window.save([item("a", 3), item("b", 2)]);
      await arrive();
      const before = versions();
      window.save([item("c", 4), item("a", 3)]);
      await arrive();
      expect(window.sent[1]).to.have.deep.members([
        ["c", "new"],
        ["b", undefined],
      ]);
      expect([shown(), versions().get("a")]).to.deep.equal([["c", "a"], before.get("a")]);
    });

    it("that is a process's first sends only what the mirror lacks", async () => {
      await having([item("a", 3), item("b", 2), item("c", 1)]);
      window.save([item("d", 4), item("a", 3), item("b", 2, "changed"), item("c", 1)]);
      await arrive();
      expect(window.sent[0]).to.have.deep.members([
        ["d", "new"],
        ["b", "changed"],
      ]);
      expect(texts()).to.deep.equal(["d new", "a new", "b changed", "c new"]);
    });

    it("that is a process's first sends no item that another window has made newer", async () => {
      await having([item("a", 3, "theirs")]);
      window.save([item("a", 2, "ours")]);
      await arrive();
      expect(texts()).to.deep.equal(["a theirs"]);
    });

    it("leaves alone what other windows have, whatever it deletes", async () => {
      await having([item("theirs", 1)]);
      window.save([item("ours", 2)]);
      await arrive();
      window.save([]);
      await arrive();
      expect(shown()).to.deep.equal(["theirs"]);
    });
  });

  describe("an item that was deleted here", () => {
    it("stays deleted after a crash and a restart against a server in an older state", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      const older = model.copy();
      window.save([item("a", 2)]);
      await arrive();
      model.flushAll();
      for (const [key, value] of older.values) model.values.set(key, value);
      for (const [key, collection] of older.collections) model.collections.set(key, collection);
      window = await crashed(window);
      window.service.compare(HISTORY, [item("a", 2)]);
      await arrive();
      expect(shown()).to.deep.equal(["a"]);
    });

    it("stays deleted although a crash came before that had arrived", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      window.gateway.alwaysSilent();
      window.save([item("a", 2)]);
      window = await crashed(window);
      window.service.compare(HISTORY, [item("a", 2)]);
      await arrive();
      expect(shown()).to.deep.equal(["a"]);
    });

    it("is not restored, although the server is in an older state", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      const older = model.readCollection(HISTORY_KEY);
      window.gateway.alwaysSilent();
      window.save([]);
      window = await crashed(window);
      expect(older.items.size).to.equal(2);
      expect(await window.restore()).to.deep.equal([]);
    });

    it("is deleted once more where another window brings it back from before", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      const other = new Window(model);
      await other.restore();
      window.save([item("a", 2)]);
      await arrive();
      model.flushAll();
      await timers.tickAsync(3 * DEFAULT_TIMINGS.reconcileMs);
      expect(shown()).to.deep.equal(["a"]);
    });

    it("lives where another window has changed it since", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      const other = new Window(model);
      const list = await other.restore();
      window.save([item("a", 2)]);
      await arrive();
      other.save(list.map((one) => (one.id === "b" ? { ...one, text: "changed" } : one)));
      await arrive();
      await reconcile();
      expect(texts()).to.deep.equal(["a new", "b changed"]);
    });
  });

  describe("an item that newer ones push out of what is mirrored", () => {
    beforeEach(async () => (window = await having([item("b", 2), item("a", 1)], { limit: 2 })));

    it("is not deleted", async () => {
      window.save([item("c", 3), item("b", 2), item("a", 1)]);
      await arrive();
      expect(window.sent[1]).to.deep.equal([["c", "new"]]);
      expect([shown(), [...versions().keys()]]).to.deep.equal([
        ["c", "b"],
        ["c", "b", "a"],
      ]);
    });

    it("is not news when it moves up again, because others are gone", async () => {
      const before = versions().get("a");
      window.save([item("c", 3), item("b", 2), item("a", 1)]);
      await arrive();
      window.save([item("b", 2), item("a", 1)]);
      await arrive();
      expect([shown(), versions().get("a")]).to.deep.equal([["b", "a"], before]);
    });

    it("does not undo, when it moves up, that another window has deleted it", async () => {
      const other = new Window(model, { limit: 2 });
      const list = await other.restore();
      window.save([item("c", 3), item("b", 2), item("a", 1)]);
      await arrive();
      other.save(list.filter(({ id }) => id !== "a"));
      await arrive();
      window.save([item("b", 2), item("a", 1)]);
      await arrive();
      expect(shown()).to.deep.equal(["b"]);
    });

    it("does not undo that either where it was never among the newest before", async () => {
      const other = await having([item("z", 0)], { limit: 2 });
      window.save([item("c", 3), item("b", 2), item("a", 1), item("z", 0)]);
      other.save([]);
      await arrive();
      window.save([item("a", 1), item("z", 0)]);
      await arrive();
      expect(shown()).to.deep.equal(["a"]);
    });

    it("is deleted when the host deletes it there", async () => {
      window.save([item("c", 3), item("b", 2), item("a", 1)]);
      await arrive();
      window.save([item("c", 3), item("b", 2)]);
      await arrive();
      expect([...versions().keys()]).to.deep.equal(["c", "b"]);
    });
  });

  it("do not go back and forth where one window has made an item older and another holds it as it was", async () => {
    window = await having([item("x")], { limit: 2 });
    const other = new Window(model, { limit: 2 });
    await other.restore();
    await having([item("c1", 100), item("c2", 101)], { limit: 2 });
    await having([item("e1", 102), item("e2", 103)], { limit: 2 });
    window.save([item("x", 200, "newer")]);
    await arrive();
    other.save([item("x", 1, "older, and later")]);
    await timers.tickAsync(2 * DEFAULT_TIMINGS.reconcileMs);
    const sent = () => window.sent.length + other.sent.length;
    const before = sent();
    await timers.tickAsync(6 * DEFAULT_TIMINGS.reconcileMs);
    expect([sent(), shown()]).to.deep.equal([before, ["x", "e2"]]);
  });

  describe("while nothing arrives", () => {
    it("have their changes combined, the later one of each item", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      window.gateway.alwaysRefuse("OOM command not allowed");
      window.save([item("a", 2, "one"), item("b", 1, "one")]);
      await arrive();
      window.save([item("c", 3), item("a", 2, "two"), item("b", 1, "one")]);
      window.save([item("c", 3), item("a", 2, "two")]);
      const { pending } = window.service.status;
      window.gateway.heal();
      await timers.tickAsync(DEFAULT_TIMINGS.pauseMs);
      expect([pending, texts(), window.service.status.pending]).to.deep.equal([1, ["c new", "a two"], 0]);
    });

    it("have what is saved while a batch is away combined with it when it comes back", async () => {
      window.save([item("a", 2), item("b", 1)]);
      await arrive();
      const release = window.gateway.holdWrites();
      window.save([item("a", 2, "one"), item("b", 1, "one")]);
      await arrive();
      window.save([item("a", 2, "two"), item("b", 1, "one")]);
      window.gateway.alwaysRefuse("OOM command not allowed");
      release();
      await arrive();
      window.gateway.heal();
      await timers.tickAsync(DEFAULT_TIMINGS.pauseMs);
      expect(texts()).to.deep.equal(["a two", "b one"]);
    });
  });

  describe("are emptied", () => {
    let other: Window;
    beforeEach(async () => {
      other = await having([item("theirs", 1)]);
      window.save([item("ours", 2)]);
      await arrive();
    });

    it("for everybody by `delete`, which has what was there kept", async () => {
      window.service.delete(HISTORY);
      await arrive();
      expect(array()).to.equal(undefined);
      await reconcile();
      expect(shown()).to.deep.equal([]);
      expect(
        [...model.kept.get(HISTORY_KEY)!.values()].map((text) => (JSON.parse(text) as Item[]).length),
      ).to.deep.equal([2]);
    });

    it("by `undefined` up to then: what is changed later is there", async () => {
      window.save(undefined);
      await arrive();
      other.save([item("theirs", 1, "changed")]);
      await arrive();
      expect(texts()).to.deep.equal(["theirs changed"]);
    });

    it("by an empty list of what this store had, and of nothing else", async () => {
      window.save([]);
      await arrive();
      expect([shown(), window.sent.at(-1)]).to.deep.equal([["theirs"], [["ours", undefined]]]);
    });

    it("also where a crash comes before that has arrived", async () => {
      window.gateway.alwaysSilent();
      window.save(undefined);
      window = await crashed(window);
      window.service.compare(HISTORY, undefined);
      await arrive();
      expect(shown()).to.deep.equal([]);
    });
  });

  describe("are deleted here", () => {
    beforeEach(async () => {
      await having([item("theirs", 1)]);
      window.save(undefined);
      await arrive();
    });

    it("and again on a server that has lost that, where another window brings back what was there", async () => {
      window.save([item("ours", NOW_MS + 300)]);
      await arrive();
      model.flushAll();
      await timers.tickAsync(3 * DEFAULT_TIMINGS.reconcileMs);
      expect(shown()).to.deep.equal(["ours"]);
    });

    it("also after an empty list was saved, and after a crash", async () => {
      window.save([]);
      window = await crashed(window);
      model.flushAll();
      window.service.compare(HISTORY, []);
      await timers.tickAsync(3 * DEFAULT_TIMINGS.reconcileMs);
      expect(shown()).to.deep.equal([]);
    });

    it("and not restored from a server that has lost that", async () => {
      model.flushAll();
      const wired = (id: string, ms: number) => {
        const version = `${ms}-0000-another`;
        return { id, version, seen: undefined, recency: ms, body: JSON.stringify(item(id, ms)) };
      };
      const back = [wired("later", Date.now() + 1), wired("theirs", NOW_MS - 1)];
      const write = { redisKey: HISTORY_KEY, version: back[0]!.version, items: back, ttlSeconds: 9, limit: 50 };
      model.merge({ ...write, isClear: false, keepsPrevious: false });
      expect([shown(), await window.service.get(HISTORY)]).to.deep.equal([
        ["later", "theirs"],
        [item("later", back[0]!.recency)],
      ]);
    });
  });

  describe("a list that is restored", () => {
    beforeEach(() => having([item("b", 2), item("a", 1)]));

    it("is not sent back", async () => {
      await window.restore();
      await reconcile();
      expect([window.sent, shown()]).to.deep.equal([[], ["b", "a"]]);
    });

    it("loses nothing in the mirror where the host leaves an item out", async () => {
      await window.restore((list) => list.slice(1));
      await reconcile();
      window.save([item("a", 1, "changed")]);
      await reconcile();
      expect(texts()).to.deep.equal(["b new", "a changed"]);
    });

    it("is what the next save is compared with", async () => {
      const list = await window.restore();
      window.save(list.filter(({ id }) => id !== "b"));
      await arrive();
      expect([window.sent, shown()]).to.deep.equal([[[["b", undefined]]], ["a"]]);
    });

    it("is not sent back either where the host takes it over item by item, and is deleted from then on", async () => {
      const found = (await window.service.find(HISTORY))!;
      await window.service.adopt(HISTORY, found, async () => {
        window.save([item("a", 1)]);
        window.save([item("b", 2), item("a", 1)]);
      });
      await reconcile();
      expect([window.sent, shown()]).to.deep.equal([[], ["b", "a"]]);
      window.save([item("b", 2)]);
      await arrive();
      expect([window.sent, shown()]).to.deep.equal([[[["a", undefined]]], ["b"]]);
    });

    it("is nothing that was held, where the host fails to take it over", async () => {
      const found = (await window.service.find(HISTORY))!;
      const failing = window.service.adopt(HISTORY, found, () => Promise.reject(new Error("disk full")));
      await failing.then(
        () => expect.fail("adopted"),
        () => {},
      );
      window.save([item("a", 1)]);
      await arrive();
      expect(shown()).to.deep.equal(["b", "a"]);
    });

    it("has what this process has saved since, and not what it has deleted", async () => {
      window.save([item("c", 3), item("b", 2)]);
      await arrive();
      window.save([item("c", 3, "changed")]);
      const found = await window.service.get(HISTORY);
      expect((found as Item[]).map(({ id, text }) => `${id} ${text}`)).to.deep.equal(["c changed", "a new"]);
    });
  });

  describe("`restoreVersion`", () => {
    it("makes a kept list the one that is there, whoever holds something else, and has that kept", async () => {
      window.save([item("a", 1)]);
      await arrive();
      window.service.delete(HISTORY);
      await arrive();
      const theirs = [item("b", NOW_MS + 300)];
      const other = await having(theirs);
      const [version] = [...model.kept.get(HISTORY_KEY)!.keys()];
      const restoring = window.service.restoreVersion(HISTORY, version!);
      await arrive();
      expect(await restoring).to.deep.equal([item("a", 1)]);
      await reconcile();
      expect([shown(), other.service.status.pending]).to.deep.equal([["a"], 0]);
      expect([...model.kept.get(HISTORY_KEY)!.values()]).to.include(JSON.stringify(theirs));
    });
  });

  describe("an array that is there", () => {
    it("without notes on its items is taken in, not destroyed", async () => {
      model.values.set(HISTORY_KEY, JSON.stringify([item("theirs", 5), item("both", 4, "theirs")]));
      window.save([item("ours", 6), item("both", 4, "ours")]);
      await arrive();
      expect(texts()).to.deep.equal(["ours new", "theirs new", "both ours"]);
      expect([...versions().keys()]).to.deep.equal(["ours", "theirs", "both"]);
    });

    it("and is no list of items is kept, and gives way", async () => {
      model.values.set(HISTORY_KEY, '{"of":"another program"}');
      window.save([item("ours", 6)]);
      await arrive();
      expect([shown(), [...model.kept.get(HISTORY_KEY)!.values()]]).to.deep.equal([
        ["ours"],
        ['{"of":"another program"}'],
      ]);
    });

    it("and is evicted is published again, also what others have of it", async () => {
      await having([item("theirs", 1)]);
      window.save([item("ours", 2)]);
      await arrive();
      model.evict(HISTORY_KEY, "value");
      await reconcile();
      expect(shown()).to.deep.equal(["ours", "theirs"]);
    });

    it("whose notes are evicted has them again, under the versions that this window knows", async () => {
      window.save([item("ours", 2)]);
      await arrive();
      const before = versions();
      model.evict(HISTORY_KEY, "items");
      await reconcile();
      expect([shown(), versions()]).to.deep.equal([["ours"], before]);
    });
  });

  it("lose to nothing that claims to be from more than 24 h ahead", async () => {
    const broken = new Window(model);
    timers.setSystemTime(NOW_MS + 2 * DAY_MS);
    broken.save([item("a", 1, "of a broken clock")]);
    await arrive();
    timers.setSystemTime(NOW_MS);
    broken.gateway.alwaysSilent();
    window.save([item("a", 2, "ours")]);
    await arrive();
    expect([texts(), versions().get("a")! < `${NOW_MS + DAY_MS}`]).to.deep.equal([["a ours"], true]);
  });

  describe("whose memento holds garbage", () => {
    for (const [title, collections] of [
      ["that is no list", "garbage"],
      ["that is no list of pairs", [["one"], null, 7]],
      ["of another shape", [[HISTORY_KEY, { items: [["a", "no version", 3]], deleted: "none" }]]],
    ] as const)
      it(`${title}, are mirrored as if nothing were known`, async () => {
        await having([item("a", 2), item("b", 1)]);
        const memento = new MemoryMemento();
        await memento.update(MEMENTO_KEY, { store: "mine", latest: "", records: [], owners: [], collections });
        window = new Window(model, { memento });
        window.save([item("c", 3), item("a", 2)]);
        await arrive();
        expect([shown(), window.sent]).to.deep.equal([["c", "a", "b"], [[["c", "new"]]]]);
      });
  });

  it("are held as far as the limits allow, however many there are, and all of them arrive", async function () {
    this.timeout(30_000);
    window = new Window(model, { limits: { ...DEFAULT_LIMITS, maxKeys: 100 } });
    for (let user = 0; user < 10_000; user++) {
      window.service.set({ userId: `user${user}`, record: "taskHistory" }, [item("a")]);
      if (user % 100 === 99) await arrive();
    }
    expect([model.values.size, window.service.status.pending]).to.deep.equal([10_000, 0]);
    // Of one that is held the mirror is asked for nothing; one that gave way is compared as a process's first save is.
    const readsOf = async (user: number) => {
      const { reads } = window.gateway;
      window.service.set({ userId: `user${user}`, record: "taskHistory" }, [item("a", 1, "changed")]);
      await arrive();
      return window.gateway.reads - reads;
    };
    expect([await readsOf(9_950), (await readsOf(50)) > 0]).to.deep.equal([0, true]);
  });
});
