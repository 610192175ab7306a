import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { MemoryMemento } from "#dist/sync/memento.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const HISTORY = { userId: "alice", record: "taskHistory" };
const HISTORY_KEY = "roo:alice:taskHistory";
const NOTE = { userId: "alice", record: "customInstructions" };
const NOTE_KEY = "roo:alice:customInstructions";

interface Item {
  id: string;
  ts: number;
  task?: string;
}

/** From the newest to the oldest, as a host keeps them. */
const items = (...ids: string[]): Item[] => ids.map((id, index) => ({ id, ts: 100 - index }));

describe("what another instance changed", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  let memento: MemoryMemento;
  let told: string[];

  beforeEach(() => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new FakeGateway();
    memento = new MemoryMemento();
    service = startService();
    told = [];
    service.on("remoteChange", ({ record }) => void told.push(record));
  });
  afterEach(() => timers.restore());

  function startService(isSharedLive = true): RedisSyncService {
    return new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      memento,
      isSharedLive,
    });
  }

  /** The host saves, and that arrives. */
  async function save(id: typeof NOTE, value: unknown): Promise<void> {
    service.set(id, value);
    await timers.tickAsync(200);
    gateway.merges.length = 0;
    gateway.batches.length = 0;
  }

  const versionNow = () => `${Date.now()}-0000-another`;

  /** Another instance changes items, or with `undefined` deletes them, and its script says so. */
  async function changeRemotely(changes: Record<string, Item | undefined>): Promise<void> {
    await timers.tickAsync(1_000);
    gateway.model.merge({
      redisKey: HISTORY_KEY,
      version: versionNow(),
      items: Object.entries(changes).map(([id, item]) => ({
        id,
        version: versionNow(),
        seen: undefined,
        recency: item?.ts ?? 0,
        body: item && JSON.stringify(item),
      })),
      ttlSeconds: 9,
      limit: 50,
      isClear: false,
      keepsPrevious: false,
    });
    gateway.say(HISTORY_KEY, "another");
    await timers.tickAsync(500);
  }

  async function changeNoteRemotely(text: string | undefined): Promise<void> {
    await timers.tickAsync(1_000);
    const value = text === undefined ? undefined : JSON.stringify(text);
    const version = versionNow();
    gateway.model.put({ redisKey: NOTE_KEY, value, version, seen: version, ttlSeconds: 9, keepsPrevious: false });
    gateway.say(NOTE_KEY, "another");
    await timers.tickAsync(500);
  }

  /** What the local value becomes; the host saves it as it says. */
  async function adopt(
    id: typeof NOTE,
    local: unknown,
    saved: (value: unknown) => unknown = (value) => value,
  ): Promise<unknown> {
    let value: unknown = "stays";
    await service.adoptRemote(id, (take) => {
      const taken = take(local);
      if (taken === undefined) return;
      value = taken.value;
      service.set(id, saved(value));
    });
    await timers.tickAsync(200);
    return value;
  }

  const sentItems = () => gateway.merges.flat().flatMap((write) => write.items.map(({ id, body }) => [id, body]));
  const idsIn = (list: unknown) => (list as Item[]).map(({ id }) => id);

  describe("of a list", () => {
    it("takes its place in the host's order, and beyond those that are mirrored nothing is lost", async () => {
      const many = items(...Array.from({ length: 60 }, (_item, index) => `i${index}`));
      await save(HISTORY, many);
      await changeRemotely({ new: { id: "new", ts: 99.5 }, i1: undefined, i2: { id: "i2", ts: 98, task: "changed" } });
      const list = (await adopt(HISTORY, many)) as Item[];
      expect(list.slice(0, 4)).to.deep.equal([
        { id: "i0", ts: 100 },
        { id: "new", ts: 99.5 },
        { id: "i2", ts: 98, task: "changed" },
        { id: "i3", ts: 97 },
      ]);
      expect([list.length, sentItems()]).to.deep.equal([60, []]);
    });

    it("is appended where the host's list is in no order, and what was there stays in its place", async () => {
      const local = items("a", "b", "c").toReversed();
      await save(HISTORY, local);
      await changeRemotely({ new: { id: "new", ts: 99.5 }, b: { id: "b", ts: 99, task: "changed" } });
      expect(idsIn(await adopt(HISTORY, local))).to.deep.equal(["c", "b", "a", "new"]);
      expect(sentItems()).to.deep.equal([]);
    });

    it("is not taken over in place of an item that the host has changed and not saved yet", async () => {
      await save(HISTORY, items("a", "b"));
      await changeRemotely({ a: { id: "a", ts: 100, task: "remote" }, b: { id: "b", ts: 99, task: "remote" } });
      const local = [{ id: "a", ts: 100, task: "local" }, items("a", "b")[1]];
      expect(await adopt(HISTORY, local)).to.deep.equal([local[0], { id: "b", ts: 99, task: "remote" }]);
      // The host has saved its own change on this occasion.
      expect(sentItems()).to.deep.equal([["a", JSON.stringify(local[0])]]);
    });

    it("is not taken back where a save that was under way does not show it, and is told no more", async () => {
      await save(HISTORY, items("a", "b"));
      await changeRemotely({ new: { id: "new", ts: 99.5 }, b: undefined });
      let taken: unknown;
      await service.adoptRemote(HISTORY, (take) => {
        taken = take(items("a", "b"))!.value;
        service.set(HISTORY, [{ id: "a", ts: 100, task: "under way" }, items("a", "b")[1]]);
      });
      expect(idsIn(taken)).to.deep.equal(["a", "new"]);
      await timers.tickAsync(200);
      expect(sentItems().map(([id]) => id)).to.deep.equal(["a"]);
      expect(told).to.deep.equal(["taskHistory"]);
    });

    it("is not deleted for the others where the host leaves it out", async () => {
      await save(HISTORY, items("a", "b"));
      await changeRemotely({ new: { id: "new", ts: 99.5 }, b: { id: "b", ts: 99, task: "changed" } });
      await adopt(HISTORY, items("a", "b"), () => items("a"));
      expect(sentItems()).to.deep.equal([]);
      // Until it deletes something of its own accord.
      service.set(HISTORY, []);
      await timers.tickAsync(200);
      expect(sentItems()).to.deep.equal([["a", undefined]]);
    });

    it("is sent where the host changes it on the way, and is later than what it was made of", async () => {
      await save(HISTORY, items("a"));
      await changeRemotely({ a: { id: "a", ts: 100, task: "remote" } });
      const migrated = [{ id: "a", ts: 100, task: "remote, and migrated" }];
      await adopt(HISTORY, items("a"), () => migrated);
      expect(JSON.parse(gateway.store.get(HISTORY_KEY)!)).to.deep.equal(migrated);
    });

    it("is a change of the host's own when that shows the same later, after another one", async () => {
      await save(HISTORY, items("a"));
      const remote = [{ id: "a", ts: 100, task: "remote" }];
      await changeRemotely({ a: remote[0] });
      await service.adoptRemote(HISTORY, (take) => void take(items("a")));
      await save(HISTORY, [{ id: "a", ts: 100, task: "local" }]);
      service.set(HISTORY, remote);
      await timers.tickAsync(200);
      expect(JSON.parse(gateway.store.get(HISTORY_KEY)!)).to.deep.equal(remote);
    });

    it("is known after a crash to have been taken over", async () => {
      await save(HISTORY, items("a"));
      const remote = [{ id: "a", ts: 100, task: "remote" }];
      await changeRemotely({ a: remote[0] });
      await adopt(HISTORY, items("a"));
      service = startService();
      service.compare(HISTORY, remote);
      await timers.tickAsync(500);
      expect(sentItems()).to.deep.equal([]);
    });

    it("waits until this process's own save has arrived, and is told again then", async () => {
      await save(HISTORY, items("a", "b"));
      await changeRemotely({ b: { id: "b", ts: 99, task: "remote" } });
      service.set(HISTORY, [{ id: "a", ts: 100, task: "local" }, items("a", "b")[1]]);
      let taken: unknown;
      await service.adoptRemote(HISTORY, (take) => (taken = take(items("a", "b"))));
      expect(taken).to.equal(undefined);
      await timers.tickAsync(500);
      expect(told).to.deep.equal(["taskHistory", "taskHistory"]);
    });

    it("is told where it turns out later than a save of this process, although no hint of it came", async () => {
      await save(HISTORY, items("a"));
      const release = gateway.holdWrites();
      const local = [{ id: "a", ts: 100, task: "local" }];
      service.set(HISTORY, local);
      await timers.tickAsync(200);
      gateway.watcher = undefined;
      await changeRemotely({ a: { id: "a", ts: 100, task: "remote" } });
      expect(told).to.deep.equal([]);
      release();
      await timers.tickAsync(500);
      expect(told).to.deep.equal(["taskHistory"]);
      expect(await adopt(HISTORY, local)).to.deep.equal([{ id: "a", ts: 100, task: "remote" }]);
    });
  });

  describe("of a document", () => {
    beforeEach(() => save(NOTE, "both"));

    it("is taken over where the local value is as it was known, and not sent back", async () => {
      await changeNoteRemotely("remote");
      expect(await adopt(NOTE, "both")).to.equal("remote");
      expect(gateway.batches).to.deep.equal([]);
    });

    it("is taken over where it was deleted, and not deleted once more", async () => {
      await changeNoteRemotely(undefined);
      expect(await adopt(NOTE, "both")).to.equal(undefined);
      expect([told, gateway.batches]).to.deep.equal([["customInstructions"], []]);
    });

    it("is left alone where the local value has changed since", async () => {
      await changeNoteRemotely("remote");
      expect(await adopt(NOTE, "local")).to.equal("stays");
    });

    it("is left alone where the local store is another user's now", async () => {
      await changeNoteRemotely("remote");
      await save({ ...NOTE, userId: "bob" }, "of bob");
      expect(await adopt(NOTE, "both")).to.equal("stays");
    });

    it("waits until this process's own save has arrived, which is later", async () => {
      await changeNoteRemotely("remote");
      service.set(NOTE, "local");
      let taken: unknown;
      await service.adoptRemote(NOTE, (take) => (taken = take("both")));
      await timers.tickAsync(500);
      expect([taken, told, gateway.store.get(NOTE_KEY)]).to.deep.equal([undefined, ["customInstructions"], '"local"']);
    });

    it("is told where it turns out later than a save of this process, although no hint of it came", async () => {
      const release = gateway.holdWrites();
      service.set(NOTE, "local");
      await timers.tickAsync(200);
      gateway.watcher = undefined;
      await changeNoteRemotely("remote");
      release();
      await timers.tickAsync(500);
      expect(told).to.deep.equal(["customInstructions"]);
    });

    it("fills a store that was found empty: emptied after that, it is emptied for all", async () => {
      memento = new MemoryMemento();
      service = startService();
      service.compare(NOTE, undefined);
      await changeNoteRemotely("remote");
      await service.adoptRemote(NOTE, (take) => service.set(NOTE, take(undefined)!.value));
      service.set(NOTE, "");
      await timers.tickAsync(500);
      expect(gateway.store.get(NOTE_KEY)).to.equal('""');
    });

    it("keeps no save back where the host does not come to an end with it", async () => {
      await changeNoteRemotely("remote");
      void service.adoptRemote(NOTE, (take) => {
        take("both");
        return new Promise(() => {});
      });
      await timers.tickAsync(500);
      service.set(NOTE, "later");
      service.set(NOTE, "latest");
      expect((await Promise.all([service.flush(), timers.tickAsync(500)]))[0]).to.deep.equal({ flushed: true });
      expect(gateway.store.get(NOTE_KEY)).to.equal('"latest"');
    });

    it("is unseen again where the host fails to save it", async () => {
      await changeNoteRemotely("remote");
      const failing = service.adoptRemote(NOTE, (take) => {
        take("both");
        throw new Error("disk full");
      });
      expect(await failing.catch((error: Error) => error.message)).to.equal("disk full");
      expect(await adopt(NOTE, "both")).to.equal("remote");
    });

    it("is taken once, whoever asks how often", async () => {
      await changeNoteRemotely("remote");
      const taken: unknown[] = [];
      const answer = await service.adoptRemote(NOTE, (take) => void taken.push(take("both"), take("both")));
      expect([answer, taken]).to.deep.equal([true, [{ value: "remote" }, undefined]]);
      expect(await service.adoptRemote(NOTE, (take) => void taken.push(take("remote")))).to.equal(false);
    });

    it("keeps nobody waiting longer than the read deadline", async () => {
      await changeNoteRemotely("remote");
      gateway.alwaysSilent();
      const answer = service.adoptRemote(NOTE, () => expect.fail("there is nothing to take"));
      await timers.tickAsync(500);
      expect(await answer).to.equal(false);
    });

    it("is not taken over once the mirror is closed", async () => {
      await changeNoteRemotely("remote");
      await service.close();
      expect(await adopt(NOTE, "both")).to.equal("stays");
    });
  });

  it("is not listened for, and not looked at, where sharing is not live", async () => {
    await service.close();
    gateway = new FakeGateway();
    service = startService(false);
    service.on("remoteChange", ({ record }) => void told.push(record));
    await save(NOTE, "both");
    const { reads, renewals } = gateway;
    await changeNoteRemotely("remote");
    expect([gateway.watches, told, gateway.reads, gateway.renewals]).to.deep.equal([0, [], reads, renewals]);
  });

  it("while nobody listened is found when somebody does again", async () => {
    await save(NOTE, "both");
    gateway.loseWatch();
    await changeNoteRemotely("remote");
    expect(told).to.deep.equal([]);
    await timers.tickAsync(5_000);
    expect(told).to.deep.equal(["customInstructions"]);
  });

  it("leaves no timer at the close", async () => {
    await save(NOTE, "both");
    gateway.loseWatch();
    await service.close();
    expect(timers.countTimers()).to.equal(0);
  });
});
