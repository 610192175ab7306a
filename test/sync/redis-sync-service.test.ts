import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, type KeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import type { MirrorEvents } from "#dist/sync/mirror-events.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService, type RedisSyncServiceOptions } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };
const MODES = { userId: "alice", record: "customModes" };
const PROVIDER = { userId: "alice", record: "provider" };
const INSTRUCTIONS_KEY = "roo:alice:customInstructions";
const CANARY = "sk-canary-in-plain-text";
const EVENTS = ["status", "flushed", "failed", "dropped", "restored", "unreadable", "remoteChange"] as const;

/** A version of another instance, so much later than now. */
const versionIn = (ms: number) => `${Date.now() + ms}-0000-another`;

describe("RedisSyncService", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  /** All that was told, in order. */
  let told: { event: string; payload: unknown }[];

  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    gateway = new FakeGateway();
    service = make();
  });
  afterEach(() => timers.restore());

  function make(options: Partial<RedisSyncServiceOptions> & { keyRing?: KeyRing } = {}): RedisSyncService {
    const { keyRing = new FixedKeyRing(parseKeys(KEY)), ...rest } = options;
    told = [];
    const made = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(keyRing),
      ...rest,
    });
    for (const event of EVENTS) made.on(event, (payload: unknown) => void told.push({ event, payload }));
    return made;
  }

  const payloadsOf = <Event extends keyof MirrorEvents>(event: Event) =>
    told.filter((each) => each.event === event).map(({ payload }) => payload as MirrorEvents[Event][0]);
  const storedInstructions = () => gateway.store.get(INSTRUCTIONS_KEY);

  describe("the batch window", () => {
    it("sends what was saved 100 ms after the first save, in one round trip", async () => {
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(60);
      service.set(MODES, []);
      await timers.tickAsync(39);
      expect(gateway.batches).to.have.lengthOf(0);
      await timers.tickAsync(1);
      expect(gateway.batches.map((batch) => batch.length)).to.deep.equal([2]);
      const { version, ...write } = gateway.batches[0]![0]!;
      expect(write).to.deep.equal({
        redisKey: INSTRUCTIONS_KEY,
        value: '"value"',
        ttlSeconds: 604_800,
        seen: undefined,
        keepsPrevious: false,
      });
      expect(version).to.match(/^\d{13}-0000-[0-9a-z]+$/);
    });

    it("cannot be starved by steady saves, and keeps only the newest of a key", async () => {
      for (let save = 0; save < 100; save++) {
        service.set(INSTRUCTIONS, save);
        await timers.tickAsync(10);
      }
      await timers.tickAsync(100);
      expect(gateway.batches.length).to.be.within(9, 11);
      expect(storedInstructions()).to.equal("99");
      expect(service.status).to.include({ saves: 100, pending: 0, sentKeys: gateway.batches.length });
    });

    it("has one batch in flight, and what is saved meanwhile goes out after it", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "first");
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "second");
      service.set(MODES, []);
      await timers.tickAsync(1_000);
      expect(gateway.batches).to.have.lengthOf(1);
      expect(service.status.pending).to.equal(3);
      release();
      await timers.tickAsync(0);
      expect(gateway.batches.map((batch) => batch.length)).to.deep.equal([1, 2]);
      expect(storedInstructions()).to.equal('"second"');
    });

    it("sends more than fits into one batch in several, at once", async () => {
      for (let user = 0; user < 1_500; user++)
        service.set({ userId: `user${user}`, record: "customInstructions" }, user);
      await timers.tickAsync(100);
      await service.flush();
      expect(gateway.batches.map((batch) => batch.length)).to.deep.equal([1_000, 500]);
    });
  });

  describe("a save", () => {
    it("deletes the key for undefined, and by `delete`", async () => {
      gateway.store.set(INSTRUCTIONS_KEY, '"old"').set("roo:alice:customModes", "[]");
      service.set(INSTRUCTIONS, "new");
      service.set(INSTRUCTIONS, undefined);
      service.delete(MODES);
      await timers.tickAsync(100);
      expect(gateway.store.size).to.equal(0);
      expect(gateway.batches[0]!.map(({ redisKey, value }) => [redisKey, value])).to.deep.equal([
        [INSTRUCTIONS_KEY, undefined],
        ["roo:alice:customModes", undefined],
      ]);
    });

    it("is passed over if its record is not in the catalogue", async () => {
      service.set({ userId: "alice", record: "openAiApiKey" }, CANARY);
      await timers.tickAsync(1_000);
      expect([gateway.connectAttempts, service.status.saves, told.length]).to.deep.equal([0, 0, 0]);
    });

    it("does not throw for any value or id, and one that cannot be carried does not stop the others", async () => {
      const throwsLater = {
        get a() {
          return this.reads++ === 0 ? 1 : raise(CANARY);
        },
        reads: 0,
      };
      for (const value of [
        1n,
        new Map(),
        throwsLater,
        () => 1,
        Symbol("s"),
        new Proxy({}, { ownKeys: () => raise(CANARY) }),
      ])
        service.set(INSTRUCTIONS, value);
      service.set({ userId: Symbol("user") as never, record: "customInstructions" }, 1);
      service.set({ userId: "alice", record: "taskHistory" }, "not an array");
      service.set({ userId: "bob", record: "customInstructions" }, "fine");
      await timers.tickAsync(100);
      expect([...gateway.store]).to.deep.equal([["roo:bob:customInstructions", '"fine"']]);
      expect(payloadsOf("dropped").every(({ reason }) => reason === "not-json")).to.equal(true);
      expect(payloadsOf("dropped")).to.have.lengthOf(8);
      expect(
        payloadsOf("dropped")
          .map(({ detail }) => detail)
          .join(),
      ).not.to.contain(CANARY);
    });

    it("does not suffer from a listener that throws", async () => {
      service.on("flushed", () => raise("listener"));
      service.on("dropped", () => raise("listener"));
      service.set(INSTRUCTIONS, 1n);
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(100);
      expect(service.status).to.include({ state: "connected", pending: 0 });
    });

    it("takes the record's own time to live", async () => {
      const { defineRecord } = await import("#dist/sync/records.js");
      service = make({ catalogue: new Catalogue([defineRecord({ name: "short", kind: "document", ttlSeconds: 9 })]) });
      service.set({ userId: "alice", record: "short" }, 1);
      await timers.tickAsync(100);
      expect(gateway.batches[0]![0]).to.include({ ttlSeconds: 9 });
    });
  });

  describe("a record that selects", () => {
    it("is mirrored with what it selects, and deleted where there is nothing to select from", async () => {
      gateway.store.set("roo:alice:customModes", "[]");
      service.set(MODES, [{ slug: "a", source: "project" }, { slug: "b" }]);
      await timers.tickAsync(100);
      expect(gateway.store.get("roo:alice:customModes")).to.equal('[{"slug":"b"}]');
      service.delete(MODES);
      await timers.tickAsync(100);
      expect(gateway.store.get("roo:alice:customModes")).to.equal(undefined);
    });
  });

  describe("a failed batch", () => {
    it("is put back, and what was saved meanwhile wins", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "old");
      service.set(MODES, [1]);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "new");
      gateway.alwaysRefuse("OOM");
      release();
      await timers.tickAsync(0);
      expect(service.status).to.include({ state: "degraded", reason: "Redis refused: OOM.", pending: 2 });
      gateway.heal();
      await timers.tickAsync(100);
      expect([...gateway.store]).to.deep.equal([
        ["roo:alice:customModes", "[1]"],
        [INSTRUCTIONS_KEY, '"new"'],
      ]);
    });

    it("is tried five times, then no write goes out for 60 s; one that works then resets the count", async () => {
      gateway.alwaysRefuse("OOM");
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(1_700);
      expect(gateway.batches).to.have.lengthOf(5);
      await timers.tickAsync(59_000);
      service.set(INSTRUCTIONS, "newer");
      expect(gateway.batches).to.have.lengthOf(5);
      await timers.tickAsync(1_000);
      expect(gateway.batches).to.have.lengthOf(6);

      await timers.tickAsync(59_800);
      gateway.heal();
      await timers.tickAsync(200);
      expect(storedInstructions()).to.equal('"newer"');

      gateway.alwaysRefuse("OOM");
      service.set(INSTRUCTIONS, "newest");
      await timers.tickAsync(1_600);
      expect(gateway.batches).to.have.lengthOf(7 + 5);
    });

    it("is not tried more often because somebody goes on saving", async () => {
      gateway.alwaysRefuse("OOM");
      for (let save = 0; save < 160; save++) {
        service.set(INSTRUCTIONS, save);
        await timers.tickAsync(10);
      }
      expect(gateway.batches).to.have.lengthOf(5);
    });

    it("of a lost connection is tried every 5 s during the pause, which ends when there is a connection again", async () => {
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(1_700);
      expect(gateway.connectAttempts).to.equal(5);
      await timers.tickAsync(20_000);
      expect(gateway.connectAttempts).to.equal(9);
      // Looking is not trying: only a batch that was to be sent can fail.
      expect(payloadsOf("failed")).to.have.lengthOf(5);
      gateway.heal();
      await timers.tickAsync(5_000);
      expect(storedInstructions()).to.equal('"value"');
      expect(payloadsOf("status").map(({ state }) => state)).to.deep.equal(["degraded", "connected"]);
    });

    it("leaves the mirror connected again when the connection is back, also with nothing to write", async () => {
      gateway.alwaysDown();
      await service.get(INSTRUCTIONS);
      await timers.tickAsync(100);
      expect(service.status).to.include({ state: "degraded", pending: 0 });
      gateway.heal();
      await timers.tickAsync(5_000);
      expect(service.status.state).to.equal("connected");
    });

    it("goes on being tried when a pause that was over brought nothing", async () => {
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(300_000);
      gateway.heal();
      await timers.tickAsync(5_000);
      expect(storedInstructions()).to.equal('"value"');
    });

    it("keeps only so many keys and bytes waiting, and reports what gave way", async () => {
      gateway.alwaysDown();
      service = make({ limits: { maxKeys: 2, maxBytes: 30 } });
      const save = (userId: string, value: string) => service.set({ userId, record: "customInstructions" }, value);
      save("a", "1");
      save("b", "1");
      save("c", "1");
      save("d", "x".repeat(25));
      save("e", "x".repeat(40));
      expect(payloadsOf("dropped").map(({ userId, reason }) => `${userId} ${reason}`)).to.deep.equal([
        "a overflow",
        "b overflow",
        "e too-large",
      ]);
      expect(service.status).to.include({ pending: 2, pendingBytes: 30 });
    });

    it("encrypts nothing and loses nothing but the secret where there is no key", async () => {
      const broken = () => Promise.reject(new Error("locked"));
      service = make({ keyRing: { encryptionKey: broken, decryptionKey: broken, decryptionKeyIds: broken } });
      service.set(PROVIDER, { apiKey: CANARY });
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(100);
      // Loading jose takes real time.
      await service.flush();
      expect([...gateway.store.keys()]).to.deep.equal([INSTRUCTIONS_KEY]);
      expect(payloadsOf("dropped").map(({ record, reason }) => `${record} ${reason}`)).to.deep.equal([
        "provider not-encrypted",
      ]);
    });

    it("counts nothing as pending any more where all of a batch could not be encrypted", async () => {
      const broken = () => Promise.reject(new Error("locked"));
      service = make({ keyRing: { encryptionKey: broken, decryptionKey: broken, decryptionKeyIds: broken } });
      service.set(PROVIDER, { apiKey: CANARY });
      expect(await service.flush()).to.deep.equal({ flushed: false, reason: "it could not be encrypted" });
      await timers.tickAsync(0);
      expect(service.status).to.include({ state: "connected", pending: 0 });
      expect(await service.flush()).to.deep.equal({ flushed: true });
    });

    it("does not wait for ever for a key store that does not answer", async () => {
      const silent = () => new Promise<never>(() => {});
      service = make({ keyRing: { encryptionKey: silent, decryptionKey: silent, decryptionKeyIds: silent } });
      service.set(PROVIDER, { apiKey: CANARY });
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(100);
      expect(gateway.batches).to.have.lengthOf(0);
      await timers.tickAsync(2_000);
      expect([...gateway.store.keys()]).to.deep.equal([INSTRUCTIONS_KEY]);
    });
  });

  describe("a server that restarts empty", () => {
    beforeEach(async () => {
      service.set(INSTRUCTIONS, "before");
      service.set(MODES, [1]);
      await timers.tickAsync(100);
    });

    it("is given back what it had, without a save, and without overwriting what is newer", async () => {
      gateway.restartEmpty();
      const later = { redisKey: "roo:alice:customModes", value: '["of another"]', version: versionIn(60_000) };
      gateway.model.put({ ...later, ttlSeconds: 9, seen: undefined, keepsPrevious: false });
      await timers.tickAsync(100);
      expect(storedInstructions()).to.equal('"before"');
      expect(gateway.store.get("roo:alice:customModes")).to.equal('["of another"]');
    });

    it("is given the newer save where there is one, and not what was deleted", async () => {
      service.delete(MODES);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "after");
      gateway.restartEmpty();
      await timers.tickAsync(100);
      expect([...gateway.store]).to.deep.equal([[INSTRUCTIONS_KEY, '"after"']]);
    });

    it("is given it once", async () => {
      gateway.restartEmpty();
      await timers.tickAsync(100);
      const batches = gateway.batches.length;
      service.set(MODES, [2]);
      await timers.tickAsync(100);
      expect(gateway.batches.slice(batches).map((batch) => batch.length)).to.deep.equal([1]);
    });

    it("is told from the same server after a cut connection", async () => {
      gateway.isConnected = false;
      gateway.onConnectionLost?.();
      await timers.tickAsync(100);
      expect(gateway.batches).to.have.lengthOf(1);
      expect(gateway.renewals).to.deep.equal([[INSTRUCTIONS_KEY, "roo:alice:customModes"]]);
    });
  });

  describe("get", () => {
    it("answers with what the mirror holds", async () => {
      gateway.store.set(INSTRUCTIONS_KEY, '"Be brief."');
      expect(await service.get(INSTRUCTIONS)).to.equal("Be brief.");
      expect(await service.get(MODES)).to.equal(undefined);
      expect(service.status.state).to.equal("connected");
    });

    it("answers with this process's own save while that waits, is on its way, or is a delete", async () => {
      gateway.store.set(INSTRUCTIONS_KEY, '"old"');
      service.set(INSTRUCTIONS, "new");
      expect(await service.get(INSTRUCTIONS)).to.equal("new");
      const release = gateway.holdWrites();
      await timers.tickAsync(100);
      expect(await service.get(INSTRUCTIONS)).to.equal("new");
      service.delete(INSTRUCTIONS);
      expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
      release();
      expect(gateway.reads).to.equal(0);
    });

    it("answers within 500 ms where Redis stays silent", async () => {
      gateway.alwaysSilent();
      const answer = service.get(INSTRUCTIONS).then((value) => ({ value, at: performance.now() }));
      const begin = performance.now();
      await timers.tickAsync(500);
      expect(await answer).to.deep.equal({ value: undefined, at: begin + 500 });
    });

    it("answers at once where Redis is down, and has the engine look after the connection", async () => {
      gateway.alwaysDown();
      expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
      await timers.tickAsync(100);
      expect(service.status.state).to.equal("degraded");
    });

    it("does not knock during the pause where nobody was to be found", async () => {
      gateway.alwaysDown();
      service.set(MODES, []);
      await timers.tickAsync(1_700);
      const attempts = gateway.connectAttempts;
      expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
      expect(gateway.connectAttempts).to.equal(attempts);
    });

    it("counts as absent what cannot be read, and says so without a word of it", async () => {
      gateway.store.set(INSTRUCTIONS_KEY, CANARY);
      expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
      expect(payloadsOf("unreadable")).to.deep.equal([{ ...INSTRUCTIONS, detail: "It is not JSON." }]);
    });

    it("knows nothing of a record that is not in the catalogue, nor after the close", async () => {
      expect(await service.get({ userId: "alice", record: "openAiApiKey" })).to.equal(undefined);
      await service.close();
      expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
      expect(gateway.reads).to.equal(0);
    });
  });

  describe("flush", () => {
    it("sends at once, and tells when it is there", async () => {
      service.set(INSTRUCTIONS, "value");
      expect(await service.flush()).to.deep.equal({ flushed: true });
      expect(storedInstructions()).to.equal('"value"');
      expect(await service.flush()).to.deep.equal({ flushed: true });
    });

    it("waits for what is on its way, too", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(100);
      const flushed = service.flush();
      release();
      expect(await flushed).to.deep.equal({ flushed: true });
    });

    it("is not content with an older save of the record that arrives first", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "older");
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "newer");
      const flushed = service.flush().then((result) => ({ ...result, stored: storedInstructions() }));
      release();
      await timers.tickAsync(1);
      expect(await flushed).to.deep.equal({ flushed: true, stored: '"newer"' });
    });

    it("is not starved by somebody who goes on saving", async () => {
      service.set(INSTRUCTIONS, 0);
      service.on("flushed", () => service.set(INSTRUCTIONS, "again"));
      expect(await service.flush()).to.deep.equal({ flushed: true });
    });

    it("says why not: within its timeout, at once during the pause, or because it gave way", async () => {
      gateway.alwaysSilent();
      service.set(INSTRUCTIONS, "value");
      const silent = service.flush({ timeoutMs: 50 });
      await timers.tickAsync(50);
      expect(await silent).to.deep.equal({ flushed: false, reason: "not in Redis after 50 ms" });

      service = make({ gateway: new FakeGateway().alwaysDown() });
      service.set(INSTRUCTIONS, "value");
      const down = service.flush({ timeoutMs: 60_000 });
      await timers.tickAsync(1_700);
      expect(await down).to.deep.equal({ flushed: false, reason: "Nobody listens." });
      expect(await service.flush()).to.deep.equal({ flushed: false, reason: "Nobody listens." });

      service = make({ gateway: new FakeGateway().alwaysSilent(), limits: { maxKeys: 1, maxBytes: 99 } });
      service.set(INSTRUCTIONS, "value");
      service.set(MODES, []);
      const first = service.flush();
      service.set(INSTRUCTIONS, "value");
      service.set({ ...MODES, userId: "bob" }, []);
      await timers.tickAsync(800);
      expect(await first).to.have.property("flushed", false);
    });
  });

  describe("close", () => {
    it("flushes, closes the gateway and leaves no timer", async () => {
      service.set(INSTRUCTIONS, "last");
      expect(await service.close()).to.deep.equal({ flushed: true });
      expect(storedInstructions()).to.equal('"last"');
      expect([gateway.isClosed, timers.countTimers()]).to.deep.equal([true, 0]);
    });

    for (const [title, fault] of [
      ["silent", () => gateway.alwaysSilent()],
      ["down", () => gateway.alwaysDown()],
      ["refusing", () => gateway.alwaysRefuse("OOM")],
    ] as const) {
      it(`settles within its deadline where Redis is ${title}, reports what is lost, and leaves no timer`, async () => {
        fault();
        service.set(INSTRUCTIONS, "last");
        const closed = service.close();
        await timers.tickAsync(800);
        expect(await closed).to.have.property("flushed", false);
        expect(payloadsOf("dropped").map(({ reason }) => reason)).to.deep.equal(["closed"]);
        await timers.tickAsync(10_000);
        expect([gateway.isClosed, timers.countTimers()]).to.deep.equal([true, 0]);
      });
    }

    it("is one, however often it is asked for, and takes no save afterwards", async () => {
      const closed = service.close();
      expect(service.close()).to.equal(closed);
      expect(service.flush()).to.equal(closed);
      service.set(INSTRUCTIONS, "too late");
      await closed;
      expect(payloadsOf("dropped").map(({ reason }) => reason)).to.deep.equal(["closed"]);
      expect(timers.countTimers()).to.equal(0);
    });
  });

  it("tells of each change of its state once, and never of a secret", async () => {
    service.set(PROVIDER, { apiKey: CANARY });
    service.set(INSTRUCTIONS, "value");
    await timers.tickAsync(100);
    await service.flush();
    gateway.alwaysDown();
    service.set(PROVIDER, { apiKey: CANARY, more: 1 });
    service.set(PROVIDER, { apiKey: CANARY, more: 1n });
    await timers.tickAsync(100_000);
    gateway.heal();
    gateway.store.set("roo:alice:provider", CANARY);
    // In small steps: encrypting takes real time, and is given up after two seconds of this one.
    for (let step = 0; step < 50; step++) await timers.tickAsync(100);
    await service.flush();
    await service.get(PROVIDER);
    gateway.store.set("roo:alice:provider", CANARY);
    await service.get(PROVIDER);
    await service.close();
    expect(payloadsOf("status").map(({ state }) => state)).to.deep.equal(["connected", "degraded", "connected"]);
    expect(JSON.stringify([told, service.status, [...gateway.batches]])).not.to.contain(CANARY);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
