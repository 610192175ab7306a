import { expect } from "chai";
import sinon from "sinon";
import { type Clock, systemClock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { ConnectionLostError, NotServedError, RefusedError } from "#dist/sync/errors.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import type { MirrorEvents } from "#dist/sync/mirror-events.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService, type RedisSyncServiceOptions } from "#dist/sync/redis-sync-service.js";
import { KEY } from "../support/mirrors.js";
import { PartlyRefusingGateway } from "../support/partly-refusing-gateway.js";

const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };
const MODES = { userId: "alice", record: "customModes" };
const PROVIDER = { userId: "alice", record: "provider" };
const INSTRUCTIONS_KEY = "roo:alice:customInstructions";
const MODES_KEY = "roo:alice:customModes";

describe("RedisSyncService, as seen from outside", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: PartlyRefusingGateway;
  let service: RedisSyncService;
  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    gateway = new PartlyRefusingGateway();
    service = make();
  });
  afterEach(() => timers.restore());

  function make(options: Partial<RedisSyncServiceOptions> = {}): RedisSyncService {
    return new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      ...options,
    });
  }

  function recorded<Event extends keyof MirrorEvents>(event: Event): MirrorEvents[Event][0][] {
    const payloads: MirrorEvents[Event][0][] = [];
    service.on(event, (...[payload]) => void payloads.push(payload));
    return payloads;
  }

  describe("a batch of which one key is refused", () => {
    beforeEach(() => gateway.errors.set(INSTRUCTIONS_KEY, new RefusedError("NOPERM")));

    it("arrives but for that key, which waits, and says so", async () => {
      const [flushed, failed, held] = [recorded("flushed"), recorded("failed"), recorded("held")];
      service.set(INSTRUCTIONS, "refused");
      service.set(MODES, [{ id: "ключ" }]);
      await timers.tickAsync(100);
      expect([...gateway.store]).to.deep.equal([[MODES_KEY, '[{"id":"ключ"}]']]);
      expect(flushed).to.deep.equal([{ keys: 1, bytes: 19 }]);
      expect([failed, held]).to.deep.equal([[], [{ ...INSTRUCTIONS, reason: "Redis refused: NOPERM." }]]);
      expect(service.status).to.include({
        state: "connected",
        reason: "Redis refused: NOPERM.",
        pending: 1,
        pendingBytes: 9,
        batches: 1,
        sentKeys: 1,
        sentBytes: 19,
      });
    });

    it("does not make the others wait, however often that happens", async () => {
      for (let save = 1; save <= 20; save++) {
        service.set(INSTRUCTIONS, `refused ${save}`);
        service.set(MODES, [{ id: String(save) }]);
        await timers.tickAsync(100);
        expect(gateway.store.get(MODES_KEY)).to.equal(`[{"id":"${save}"}]`);
      }
      expect(service.status).to.include({ state: "connected", pending: 1, sentKeys: 20 });
    });

    it("leaves that one alone until the pause is over, and sends its newest save then", async () => {
      service.set(INSTRUCTIONS, "refused");
      service.set(MODES, []);
      await timers.tickAsync(100);
      service.set(MODES, [{ id: "later" }]);
      await timers.tickAsync(59_000);
      expect(gateway.attempts.get(INSTRUCTIONS_KEY)).to.equal(1);
      gateway.errors.clear();
      await timers.tickAsync(1_100);
      expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"refused"');
      expect(service.status).to.include({ state: "connected", pending: 0 });
      expect(service.status.reason).to.equal(undefined);
    });

    it("is tried again in a health check's time where a node of the cluster does not serve that key", async () => {
      gateway.errors.set(INSTRUCTIONS_KEY, new NotServedError("TRYAGAIN"));
      service.set(INSTRUCTIONS, "elsewhere");
      service.set(MODES, []);
      await timers.tickAsync(100);
      gateway.errors.clear();
      await timers.tickAsync(5_100);
      expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"elsewhere"');
    });

    it("keeps of that one the newest save, which is not sent before its time and which `get` answers with", async () => {
      service.set(INSTRUCTIONS, "refused");
      service.set(MODES, []);
      await timers.tickAsync(100);
      expect(await service.get(INSTRUCTIONS)).to.equal("refused");
      for (let save = 1; save <= 50; save++) {
        service.set(INSTRUCTIONS, `newer ${save}`);
        await timers.tickAsync(100);
      }
      expect(await service.get(INSTRUCTIONS)).to.equal("newer 50");
      expect([gateway.attempts.get(INSTRUCTIONS_KEY), service.status.pending]).to.deep.equal([1, 1]);
      gateway.errors.clear();
      await timers.tickAsync(60_000);
      expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"newer 50"');
      expect(gateway.attempts.get(INSTRUCTIONS_KEY)).to.equal(2);
    });

    it("lets a save that was made while the refused one was on its way go out", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "older");
      service.set(MODES, []);
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "newer");
      release();
      await timers.tickAsync(0);
      gateway.errors.clear();
      await timers.tickAsync(100);
      expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"newer"');
      expect(await service.get(INSTRUCTIONS)).to.equal("newer");
      expect(service.status.pending).to.equal(0);
    });

    it("goes out before that key even if that key fills a batch of its own and was saved first", async () => {
      service.set(INSTRUCTIONS, "x".repeat(1_200_000));
      service.set(MODES, []);
      await timers.tickAsync(300);
      expect(gateway.store.get(MODES_KEY)).to.equal("[]");
      for (let save = 1; save <= 20; save++) {
        service.set(MODES, [{ id: String(save) }]);
        await timers.tickAsync(100);
        expect(gateway.store.get(MODES_KEY)).to.equal(`[{"id":"${save}"}]`);
      }
      expect(service.status).to.include({ state: "connected", pending: 1 });
    });

    it("is waited for by a restore of another record only as long as that one takes", async () => {
      service.set(INSTRUCTIONS, "refused");
      service.set(MODES, [{ slug: "first" }]);
      await timers.tickAsync(100);
      service.set(MODES, []);
      await timers.tickAsync(100);
      const [, kept] = await service.history(MODES);
      const restored = service.restoreVersion(MODES, kept!.version);
      await timers.tickAsync(100);
      expect(await restored).to.deep.equal([{ slug: "first" }]);
    });

    it("reports what waits as dropped when it is closed", async () => {
      const dropped = recorded("dropped");
      service.set(INSTRUCTIONS, "refused");
      service.set(MODES, []);
      await timers.tickAsync(100);
      const closing = service.close();
      await timers.tickAsync(100);
      await closing;
      expect(dropped.map(({ record, reason }) => `${record} ${reason}`)).to.deep.equal(["customInstructions closed"]);
      expect(timers.countTimers()).to.equal(0);
    });

    it("is flushed when only what arrived was waited for", async () => {
      service.set(MODES, []);
      const flushed = service.flush();
      service.set(INSTRUCTIONS, "refused");
      expect(await flushed).to.deep.equal({ flushed: true });
    });

    it("is not flushed while the refused one is waited for, and tries that once more", async () => {
      service.set(MODES, []);
      service.set(INSTRUCTIONS, "refused");
      expect(await service.flush()).to.deep.equal({ flushed: false, reason: "Redis refused: NOPERM." });
      await timers.tickAsync(0);
      gateway.errors.clear();
      expect(await service.flush()).to.deep.equal({ flushed: true });
    });
  });

  it("takes what the whole server refuses for that, although some of a batch was taken once", async () => {
    gateway.errors.set(INSTRUCTIONS_KEY, new RefusedError("NOPERM"));
    service.set(INSTRUCTIONS, "refused alone");
    service.set(MODES, []);
    await timers.tickAsync(100);
    gateway.alwaysRefuse("OOM");
    for (let save = 0; save < 100; save++) {
      service.set(MODES, [{ id: String(save) }]);
      await timers.tickAsync(100);
    }
    expect(service.status).to.include({ state: "degraded", reason: "Redis refused: OOM." });
    expect(gateway.batches.length).to.be.at.most(7);
  });

  it("settles an earlier flush when it is closed, and holds no timer of it", async () => {
    gateway.alwaysSilent();
    service.set(MODES, []);
    const flushed = service.flush({ timeoutMs: 60_000 });
    const closed = service.close({ timeoutMs: 50 });
    await timers.tickAsync(50);
    expect((await closed).flushed).to.equal(false);
    expect(await flushed).to.deep.equal({ flushed: false, reason: "the mirror was closed" });
    expect(timers.countTimers()).to.equal(0);
  });

  it("waits until a restored version is in Redis for as long as it is told, or as a flush", async () => {
    service.set(MODES, [{ slug: "first" }]);
    await timers.tickAsync(100);
    service.set(MODES, []);
    await timers.tickAsync(100);
    const [, kept] = await service.history(MODES);
    const release = gateway.holdWrites();
    const restore = (options = {}) =>
      service.restoreVersion(MODES, kept!.version, undefined, options).catch((error: Error) => error.message);
    const usual = restore();
    await timers.tickAsync(800);
    expect(await usual).to.equal("The version is not restored yet: not in Redis after 800 ms.");
    const patient = restore({ timeoutMs: 15_000 });
    await timers.tickAsync(10_000);
    release();
    await timers.tickAsync(100);
    expect(await patient).to.deep.equal([{ slug: "first" }]);
  });

  it("refuses to restore a version once it is being closed", async () => {
    service.set(MODES, [{ slug: "first" }]);
    await timers.tickAsync(100);
    service.set(MODES, []);
    await timers.tickAsync(100);
    const [, kept] = await service.history(MODES);
    const restoring = service.restoreVersion(MODES, kept!.version).catch((error: Error) => error.message);
    await service.close();
    expect(await restoring).to.equal("The mirror is closed.");
  });

  describe("status", () => {
    it("counts what waits and what is on its way once each, in bytes of UTF-8", async () => {
      const release = gateway.holdWrites();
      service.set(INSTRUCTIONS, "é");
      expect(service.status).to.include({ state: "connecting", pending: 1, pendingBytes: 4 });
      await timers.tickAsync(100);
      service.set(MODES, []);
      expect(service.status).to.include({ pending: 2, pendingBytes: 6, sentKeys: 0 });
      release();
      await timers.tickAsync(100);
      expect(service.status).to.include({
        pending: 0,
        pendingBytes: 0,
        saves: 2,
        batches: 2,
        sentKeys: 2,
        sentBytes: 6,
      });
    });

    it("counts deletes that arrive as keys without bytes", async () => {
      const flushed = recorded("flushed");
      service.delete(INSTRUCTIONS);
      await timers.tickAsync(100);
      expect(flushed).to.deep.equal([{ keys: 1, bytes: 0 }]);
      expect(service.status).to.include({ saves: 1, sentKeys: 1, sentBytes: 0 });
    });

    it("says since when it is as it is, and why as of the last failure", async () => {
      const states = recorded("status");
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(100);
      const since = new Date();
      expect(service.status).to.deep.include({ state: "degraded", reason: "Nobody listens.", since });
      gateway.heal().alwaysRefuse("OOM");
      await timers.tickAsync(500);
      expect(service.status).to.deep.include({ state: "degraded", reason: "Redis refused: OOM.", since });
      gateway.heal();
      await timers.tickAsync(1_000);
      expect(service.status).to.include({ state: "connected" }).and.not.to.have.property("reason");
      expect(service.status.since.getTime()).to.be.greaterThan(since.getTime());
      expect(states.map(({ state }) => state)).to.deep.equal(["degraded", "connected"]);
    });
  });

  describe("a lost connection", () => {
    it("is tried again after 100, 200, 400 and 800 ms, and told of each time", async () => {
      const begin = performance.now();
      const failedAt: number[] = [];
      service.on("failed", ({ code, keys }) => {
        expect({ code, keys }).to.deep.equal({ code: "CONNECTION_LOST", keys: 1 });
        failedAt.push(performance.now() - begin);
      });
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(61_000);
      expect(failedAt).to.deep.equal([100, 200, 400, 800, 1_600]);
    });

    it("takes its numbers from the timings", async () => {
      service = make({ timings: { batchWindowMs: 10, failureThreshold: 2, pauseMs: 1_000, healthCheckMs: 300 } });
      const failed = recorded("failed");
      gateway.alwaysDown();
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(20);
      expect([failed.length, gateway.connectAttempts]).to.deep.equal([2, 2]);
      await timers.tickAsync(900);
      expect(gateway.connectAttempts).to.equal(5);
      await timers.tickAsync(100);
      expect(failed).to.have.lengthOf(3);
    });

    it("in the middle of a batch loses none of it, nor the order in which it was saved", async () => {
      const write = sinon.stub(gateway, "write").rejects(new ConnectionLostError("cut"));
      service.set(MODES, [1]);
      service.set(INSTRUCTIONS, "old");
      await timers.tickAsync(100);
      service.set({ ...MODES, userId: "bob" }, [2]);
      service.set(INSTRUCTIONS, "new");
      write.restore();
      await timers.tickAsync(100);
      expect([...gateway.store]).to.deep.equal([
        [MODES_KEY, "[1]"],
        ["roo:bob:customModes", "[2]"],
        [INSTRUCTIONS_KEY, '"new"'],
      ]);
    });
  });

  describe("what a restarted server is given back", () => {
    it("keeps its version and its time to live, and goes out right after the batch of the next save", async () => {
      service = make({ timings: { ttlSeconds: 77 } });
      service.set(INSTRUCTIONS, "before");
      await timers.tickAsync(100);
      service.set(MODES, []);
      gateway.restartEmpty();
      await timers.tickAsync(100);
      const [before, save, healing] = gateway.batches.map(([write]) => write!);
      expect(save).to.include({ redisKey: MODES_KEY, value: "[]", ttlSeconds: 77, keepsPrevious: true });
      expect(healing).to.deep.equal({ ...before, seen: before!.version });
    });

    it("is of a secret the ciphertext, as it was there", async () => {
      service.set(PROVIDER, { apiKey: "sk-canary" });
      await service.flush();
      const ciphertext = gateway.store.get("roo:alice:provider");
      gateway.restartEmpty();
      await timers.tickAsync(100);
      expect(gateway.store.get("roo:alice:provider")).to.equal(ciphertext).and.to.be.a("string");
    });

    it("is given again if it did not arrive", async () => {
      service.set(INSTRUCTIONS, "before");
      await timers.tickAsync(100);
      gateway.errors.set(INSTRUCTIONS_KEY, new RefusedError("NOPERM"));
      gateway.restartEmpty();
      await timers.tickAsync(100);
      expect(service.status).to.include({ state: "degraded", pending: 0 });
      gateway.errors.clear();
      await timers.tickAsync(100);
      expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('"before"');
      expect(service.status.state).to.equal("connected");
    });
  });

  describe("a read", () => {
    it("goes on during the pause where Redis only refuses to write", async () => {
      gateway.store.set(MODES_KEY, '[{"slug":"a"}]');
      gateway.alwaysRefuse("OOM");
      service.set(INSTRUCTIONS, "value");
      await timers.tickAsync(2_000);
      expect(await service.get(MODES)).to.deep.equal([{ slug: "a" }]);
      expect(service.status.state).to.equal("degraded");
    });

    it("leaves no timer, whatever came of it", async () => {
      gateway.store.set(MODES_KEY, "not JSON");
      await service.get(MODES);
      await service.get(INSTRUCTIONS);
      expect(timers.countTimers()).to.equal(0);
    });

    it("takes its deadline from the timings, and looks after the connection once that has passed", async () => {
      service = make({ timings: { readTimeoutMs: 30 } });
      gateway.isConnected = true;
      gateway.alwaysSilent();
      const answer = service.get(INSTRUCTIONS);
      await timers.tickAsync(30);
      expect(await answer).to.equal(undefined);
      gateway.alwaysDown();
      await timers.tickAsync(100);
      expect(service.status.state).to.equal("degraded");
    });

    it("of a secret whose key cannot be had counts as absent, with one warning", async () => {
      service.set(PROVIDER, { apiKey: "sk-canary" });
      await service.flush();
      service = make({ codec: new Codec(new FixedKeyRing(parseKeys(Buffer.alloc(32).toString("base64url")))) });
      const unreadable = recorded("unreadable");
      expect(await service.get(PROVIDER)).to.equal(undefined);
      expect(unreadable).to.deep.equal([
        { ...PROVIDER, detail: "It was encrypted with the key 8WO9vYBopsW, which this machine does not have." },
      ]);
    });
  });

  describe("its timers", () => {
    it("hold the process only for those who wait for an answer", async () => {
      const held: number[] = [];
      const clock: Clock = {
        ...systemClock,
        setTimeout: (callback, delayMs) => {
          held.push(delayMs);
          const timer = systemClock.setTimeout(callback, delayMs);
          return Object.assign(timer, { unref: () => void held.splice(held.indexOf(delayMs), 1) });
        },
      };
      service = make({ clock });
      service.set(INSTRUCTIONS, "value");
      expect(held).to.deep.equal([]);
      const flushed = service.flush({ timeoutMs: 1_234 });
      expect(held).to.deep.equal([1_234]);
      await flushed;
      await service.get(MODES);
      expect(held).to.deep.equal([1_234, 500]);
    });
  });

  it("takes a value down when it is prepared, and mirrors it only when it is handed in", async () => {
    const value = { text: "as it was" };
    const write = service.prepare(INSTRUCTIONS, value)!;
    value.text = "changed afterwards";
    await timers.tickAsync(1_000);
    expect([gateway.batches.length, service.status.saves]).to.deep.equal([0, 0]);
    service.submit(write);
    await timers.tickAsync(100);
    expect(gateway.store.get(INSTRUCTIONS_KEY)).to.equal('{"text":"as it was"}');
  });

  it("tells nobody any more who has left", async () => {
    let calls = 0;
    const listener = () => void calls++;
    service.on("flushed", listener).off("flushed", listener);
    service.set(INSTRUCTIONS, "value");
    await timers.tickAsync(100);
    expect(calls).to.equal(0);
  });

  it("names the keys with the instance id it was given", async () => {
    service = make({ keySpace: new KeySpace({ instanceId: "laptop" }) });
    service.set(INSTRUCTIONS, "value");
    await timers.tickAsync(100);
    expect([...gateway.store.keys()]).to.deep.equal(["roo:alice:laptop:customInstructions"]);
    expect(service.keyOf(INSTRUCTIONS)).to.equal("roo:alice:laptop:customInstructions");
  });
});
