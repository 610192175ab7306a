import { expect } from "chai";
import sinon from "sinon";
import { type Clock, systemClock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { ConnectionLostError } from "#dist/sync/errors.js";
import type { FlushResult } from "#dist/sync/flush-waiters.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { Catalogue } from "#dist/sync/records.js";
import type { WireOutcome } from "#dist/sync/redis-gateway.js";
import { RedisSyncService, type RedisSyncServiceOptions } from "#dist/sync/redis-sync-service.js";
import { formatVersion, parseVersion } from "#dist/sync/version.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };
const MODES = { userId: "alice", record: "customModes" };
const INSTRUCTIONS_KEY = "roo:alice:customInstructions";

describe("RedisSyncService, when things happen at the same time", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  let told: string[];
  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    gateway = new FakeGateway();
    service = make();
  });
  afterEach(() => timers.restore());

  function make(options: Partial<RedisSyncServiceOptions> = {}): RedisSyncService {
    told = [];
    const made = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      ...options,
    });
    for (const event of ["status", "flushed", "failed"] as const) made.on(event, () => void told.push(event));
    return made.on("dropped", ({ userId, reason }) => void told.push(`dropped ${userId} ${reason}`));
  }

  describe("a flush", () => {
    it("takes the place of the batch window, which does not fire afterwards", async () => {
      service.set(INSTRUCTIONS, "value");
      await service.flush();
      await timers.tickAsync(1_000);
      expect([gateway.batches.length, gateway.pings, timers.countTimers()]).to.deep.equal([1, 0, 2]);
    });

    it("during a round trip sends what waits right after it, not at the end of the window", async () => {
      const release = gateway.holdWrites();
      service.set(MODES, []);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "value");
      const flushed = service.flush();
      expect(gateway.batches).to.have.lengthOf(1);
      release();
      await timers.tickAsync(0);
      expect(gateway.batches).to.have.lengthOf(2);
      expect(await flushed).to.deep.equal({ flushed: true });
    });

    it("is not told that a save is there by what a comparison sends of the same collection", async () => {
      const history = { userId: "alice", record: "taskHistory" };
      const readIndex = gateway.readIndex.bind(gateway);
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      let reads = 0;
      gateway.readIndex = async (redisKey) => {
        // The first two are of the first saves. Then all is compared, and one of them takes long.
        if (++reads === 3) gateway.model.flushAll();
        if (reads === 4) await held;
        return readIndex(redisKey);
      };
      service.set(history, [{ id: "a", ts: 1 }]);
      service.set({ ...history, userId: "bob" }, [{ id: "a", ts: 1 }]);
      await timers.tickAsync(100);
      const items = [
        { id: "b", ts: 2 },
        { id: "a", ts: 1 },
      ];
      service.set(history, items);
      const flushed = service.flush().then(() => gateway.store.get("roo:alice:taskHistory"));
      release();
      await timers.tickAsync(500);
      expect([reads, await flushed]).to.deep.equal([4, JSON.stringify(items)]);
    });

    it("ends as soon as a save that it waits for has to give way", async () => {
      service = make({ limits: { maxKeys: 1, maxBytes: 1_000 } });
      gateway.alwaysSilent();
      service.set(MODES, []);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "gives way");
      const flushed = service.flush();
      service.set({ ...INSTRUCTIONS, userId: "bob" }, "comes in");
      expect(await flushed).to.deep.equal({
        flushed: false,
        reason: "it was too much to keep until Redis is back",
      });
    });

    it("outlives a failure that the next attempt makes good", async () => {
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      const flushed = service.flush();
      await timers.tickAsync(0);
      expect(told).to.deep.equal(["failed", "status"]);
      gateway.heal();
      await timers.tickAsync(100);
      expect(await flushed).to.deep.equal({ flushed: true });
    });

    it("of nothing asks nothing of Redis", async () => {
      expect(await service.flush()).to.deep.equal({ flushed: true });
      expect([gateway.connectAttempts, timers.countTimers()]).to.deep.equal([0, 0]);
    });
  });

  describe("a save", () => {
    it("that did not fit into the batch goes out right after it", async () => {
      for (let user = 0; user <= 1_000; user++) service.set({ ...INSTRUCTIONS, userId: `user${user}` }, user);
      await timers.tickAsync(110);
      expect(gateway.batches.map((batch) => batch.length)).to.deep.equal([1_000, 1]);
    });

    it("during an attempt that then fails does not bring the next attempt forward", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(100);
      service.set(MODES, []);
      await timers.tickAsync(50);
      gateway.alwaysRefuse("OOM");
      release();
      await timers.tickAsync(99);
      expect(gateway.batches).to.have.lengthOf(1);
      await timers.tickAsync(1);
      expect(gateway.batches).to.have.lengthOf(2);
    });

    it("during a health check that hangs does not begin another one", async () => {
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, 0);
      await timers.tickAsync(1_600);
      gateway.alwaysSilent();
      await timers.tickAsync(5_000);
      const attempts = gateway.connectAttempts;
      for (let save = 1; save < 100; save++) {
        service.set(INSTRUCTIONS, save);
        await timers.tickAsync(10);
      }
      expect(gateway.connectAttempts).to.equal(attempts);
    });

    it("pushes out what has waited longest, a batch that comes back included", async () => {
      service = make({ limits: { maxKeys: 2, maxBytes: 1_000 } });
      const release = gateway.holdWrites();
      for (const userId of ["a", "b"]) service.set({ ...INSTRUCTIONS, userId }, 1);
      await timers.tickAsync(100);
      service.set({ ...INSTRUCTIONS, userId: "c" }, 1);
      gateway.alwaysRefuse("OOM");
      release();
      await timers.tickAsync(0);
      expect(told).to.deep.equal(["dropped a overflow", "failed", "status"]);
      expect(service.status.pending).to.equal(2);
    });

    it("after the close is reported and not kept", async () => {
      await service.close();
      service.set(INSTRUCTIONS, "too late");
      await timers.tickAsync(1_000);
      expect(told).to.deep.equal(["dropped alice closed"]);
      expect(service.status).to.include({ saves: 0, pending: 0 });
      expect(gateway.batches).to.deep.equal([]);
    });
  });

  describe("a batch window", () => {
    it("that is open when a round trip ends goes on to its end", async () => {
      const release = gateway.holdWrites();
      service.set(MODES, []);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(20);
      release();
      await timers.tickAsync(79);
      expect(gateway.batches).to.have.lengthOf(1);
      await timers.tickAsync(1);
      expect(gateway.batches).to.have.lengthOf(2);
    });

    it("is cut short by a flush once, and not from then on", async () => {
      const release = gateway.holdWrites();
      service.set(MODES, []);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, 1);
      const flushed = service.flush();
      release();
      await timers.tickAsync(0);
      expect(await flushed).to.deep.equal({ flushed: true });
      const releaseNext = gateway.holdWrites();
      service.set(INSTRUCTIONS, 2);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, 3);
      await timers.tickAsync(20);
      releaseNext();
      await timers.tickAsync(79);
      expect(gateway.batches).to.have.lengthOf(3);
      await timers.tickAsync(1);
      expect(gateway.batches).to.have.lengthOf(4);
    });

    it("is not needed after a failure: what was saved during an attempt that works again goes out with its end", async () => {
      gateway.alwaysDown();
      service.set(MODES, []);
      await timers.tickAsync(100);
      gateway.heal();
      const release = gateway.holdWrites();
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(500);
      expect(gateway.batches).to.have.lengthOf(1);
      release();
      await timers.tickAsync(0);
      expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"value"');
    });
  });

  describe("during the pause", () => {
    it("of a server that refuses, nothing wakes up before its end", async () => {
      let woken = 0;
      const counting = (callback: () => void) => () => {
        woken++;
        callback();
      };
      const clock: Clock = {
        ...systemClock,
        setTimeout: (callback, delayMs) => systemClock.setTimeout(counting(callback), delayMs),
      };
      service = make({ clock });
      gateway.alwaysRefuse("OOM");
      service.set(INSTRUCTIONS, "value");
      // What was learnt is written down two seconds after the last failure.
      await timers.tickAsync(1_600 + 2_000);
      woken = 0;
      await timers.tickAsync(57_900);
      expect(woken).to.equal(0);
      await timers.tickAsync(200);
      expect([woken, gateway.batches.length]).to.deep.equal([1, 6]);
    });

    it("a connection that is found only when an attempt is under way again begins no second one", async () => {
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(1_600);
      gateway.heal();
      let find!: () => void;
      const connect = gateway.connect.bind(gateway);
      const found = new Promise<void>((resolve) => (find = resolve));
      sinon.stub(gateway, "connect").callsFake(connect).onFirstCall().returns(found);
      // The look begins, and outlives the pause.
      await timers.tickAsync(65_000);
      const release = gateway.holdWrites();
      const flushed = service.flush();
      await timers.tickAsync(0);
      expect(gateway.batches).to.have.lengthOf(1);
      find();
      await timers.tickAsync(0);
      release();
      await timers.tickAsync(1_000);
      expect(await flushed).to.deep.equal({ flushed: true });
      expect(gateway.batches).to.have.lengthOf(1);
      expect(service.status).to.include({ state: "connected", pending: 0, sentKeys: 1 });
    });
  });

  it("is connected, with all that means, when it says so", async () => {
    service.set(MODES, []);
    await timers.tickAsync(100);
    gateway.alwaysRefuse("OOM");
    service.set(INSTRUCTIONS, "x".repeat(2 ** 20));
    service.set(MODES, [1]);
    await timers.tickAsync(2_000);
    const flushes: Promise<FlushResult>[] = [];
    service.on("status", ({ state }) => void (state === "connected" && flushes.push(service.flush())));
    gateway.heal();
    await timers.tickAsync(60_000);
    expect(await Promise.all(flushes)).to.deep.equal([{ flushed: true }]);
  });

  it("is not connected before what the server has lost is there again", async () => {
    service.set(MODES, []);
    await timers.tickAsync(100);
    const states: string[] = [];
    service.on("status", ({ state }) => void states.push(state));
    const renew = sinon.stub(gateway, "renew").rejects(new ConnectionLostError("cut"));
    gateway.restartEmpty();
    for (let save = 0; save < 10; save++) {
      service.set(INSTRUCTIONS, save);
      await timers.tickAsync(100);
    }
    expect(gateway.store.get(INSTRUCTIONS_KEY)).to.be.a("string");
    expect(states).to.deep.equal(["degraded"]);
    renew.restore();
    await timers.tickAsync(10_000);
    expect(states).to.deep.equal(["degraded", "connected"]);
    expect(gateway.store.size).to.equal(2);
  });

  it("asks a connection for a sign of life where a read found none", async () => {
    service.set(MODES, []);
    await timers.tickAsync(100);
    for (const call of ["read", "ping"] as const)
      sinon.stub(gateway, call).rejects(new ConnectionLostError("no answer"));
    expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
    await timers.tickAsync(100);
    expect(service.status).to.include({ state: "degraded", reason: "no answer" });
  });

  it("is not asked for a sign of life because of a read of what is being deleted", async () => {
    const release = gateway.holdWrites();
    service.delete(INSTRUCTIONS);
    await timers.tickAsync(100);
    expect(await service.get(INSTRUCTIONS)).to.equal(undefined);
    release();
    await timers.tickAsync(1_000);
    expect([gateway.reads, gateway.pings]).to.deep.equal([0, 0]);
  });

  it("answers a read with the mirror's value while only another record is on its way", async () => {
    gateway.store.set("roo:alice:customModes", '[{"slug":"a"}]');
    gateway.holdWrites();
    service.set(INSTRUCTIONS, "on its way");
    await timers.tickAsync(100);
    expect(await service.get(MODES)).to.deep.equal([{ slug: "a" }]);
  });

  describe("what gave way", () => {
    const ofUser = (userId: string) => ({ ...MODES, userId });
    /** Larger than a batch: it goes out alone. */
    const LARGE = ["x".repeat(2 ** 20)];

    beforeEach(async () => {
      service = make({ limits: { maxKeys: 3, maxBytes: 2 ** 24 } });
      service.set(INSTRUCTIONS, "arrived");
      await timers.tickAsync(100);
      gateway.restartEmpty();
      gateway.alwaysDown();
    });

    for (const [title, value, given] of [
      ["a save leaves what had arrived before to be given back", "gave way", '"arrived"'],
      ["a delete does not have it given back", undefined, undefined],
    ] as const)
      it(title, async () => {
        service.set(INSTRUCTIONS, value);
        for (const userId of ["b", "c", "d"]) service.set(ofUser(userId), LARGE);
        expect(told).to.include("dropped alice overflow");
        await timers.tickAsync(100);
        gateway.heal();
        await timers.tickAsync(10_000);
        expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal(given);
        expect(gateway.store.size).to.equal(given === undefined ? 3 : 4);
      });

    it("does not end a flush that waits for something else", async () => {
      service.set(MODES, []);
      const flushed = service.flush({ timeoutMs: 10_000 });
      service.set(INSTRUCTIONS, ["x".repeat(2 ** 24)]);
      expect(told).to.include("dropped alice too-large");
      gateway.heal();
      await timers.tickAsync(1_000);
      expect(await flushed).to.deep.equal({ flushed: true });
    });
  });

  it("does not count as overtaken by others what a later save of its own has overtaken", async () => {
    const write = gateway.write.bind(gateway);
    sinon.stub(gateway, "write").callsFake(async (batch) => {
      for (const sent of batch) {
        const { ms, counter, writer } = parseVersion(sent.version)!;
        gateway.model.put({ ...sent, value: '"later"', version: formatVersion({ ms: ms + 1, counter }, writer) });
      }
      return write(batch);
    });
    service.set(INSTRUCTIONS, "earlier");
    expect(await service.flush()).to.deep.equal({ flushed: true });
    await timers.tickAsync(100);
    expect(told).to.deep.equal(["status"]);
  });

  it("takes nothing but an answer for a sign of life, however often it can connect", async () => {
    gateway.alwaysDown();
    service.set(INSTRUCTIONS, "value");
    await timers.tickAsync(1_600);
    gateway.heal();
    const ping = sinon.stub(gateway, "ping").rejects(new ConnectionLostError("no answer"));
    await timers.tickAsync(59_999);
    expect([ping.callCount, gateway.batches.length]).to.deep.equal([11, 0]);
    ping.restore();
    await timers.tickAsync(1);
    expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"value"');
  });

  describe("a close", () => {
    it("hears nothing more of a batch that fails afterwards, and begins nothing", async () => {
      let cut!: (error: Error) => void;
      sinon.stub(gateway, "write").returns(new Promise<WireOutcome[]>((_resolve, reject) => (cut = reject)));
      service.set(INSTRUCTIONS, "value");
      const closed = service.close({ timeoutMs: 10 });
      await timers.tickAsync(10);
      expect(await closed).to.deep.equal({ flushed: false, reason: "not in Redis after 10 ms" });
      cut(new ConnectionLostError("closed"));
      await timers.tickAsync(1_000);
      expect(told).to.deep.equal(["dropped alice closed"]);
      expect(timers.countTimers()).to.equal(0);
    });

    for (const outcome of ["fails", "succeeds"] as const) {
      it(`during a health check that then ${outcome} begins nothing`, async () => {
        gateway.alwaysDown();
        service.set(INSTRUCTIONS, "value");
        await timers.tickAsync(1_600);
        let settle!: () => void;
        const checked = new Promise<void>((resolve, reject) => {
          settle = outcome === "succeeds" ? resolve : () => reject(new ConnectionLostError("closed"));
        });
        const connect = sinon.stub(gateway, "connect").returns(checked);
        gateway.heal();
        await timers.tickAsync(5_000);
        expect(connect.callCount).to.equal(1);
        expect(await service.close()).to.deep.equal({ flushed: false, reason: "Nobody listens." });
        settle();
        await timers.tickAsync(120_000);
        expect([connect.callCount, timers.countTimers()]).to.deep.equal([1, 0]);
      });
    }

    it("leaves no timer of the pause behind", async () => {
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(1_600);
      expect(timers.countTimers()).to.be.at.least(1);
      await service.close();
      expect(timers.countTimers()).to.equal(0);
    });

    it("hears nothing more of the gateway", async () => {
      const lost = gateway.onConnectionLost;
      await service.close();
      expect(gateway.onConnectionLost).to.equal(undefined);
      lost?.();
      await timers.tickAsync(1_000);
      expect([gateway.connectAttempts, timers.countTimers()]).to.deep.equal([0, 0]);
    });
  });

  it("tells its listeners what others have it tell", () => {
    const restored: unknown[] = [];
    service.on("restored", (record) => void restored.push(record));
    service.emit("restored", MODES);
    expect(restored).to.deep.equal([MODES]);
  });
});
