import { expect } from "chai";
import sinon from "sinon";
import { type Clock, systemClock, type Timer } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { RefusedError } from "#dist/sync/errors.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { Catalogue, defineRecord } from "#dist/sync/records.js";
import { RedisSyncService, type RedisSyncServiceOptions } from "#dist/sync/redis-sync-service.js";
import { KEY } from "../support/mirrors.js";
import { PartlyRefusingGateway } from "../support/partly-refusing-gateway.js";

const NOTE = { userId: "alice", record: "customInstructions" };
const MODES = { userId: "alice", record: "customModes" };
const PROVIDER = { userId: "alice", record: "provider" };
const NOTE_KEY = "roo:alice:customInstructions";
const MODES_KEY = "roo:alice:customModes";

describe("what the engine says in words", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: PartlyRefusingGateway;
  /** Why saves were dropped. */
  let details: string[];
  beforeEach(() => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new PartlyRefusingGateway();
    details = [];
  });
  afterEach(() => timers.restore());

  function make(options: Partial<RedisSyncServiceOptions> = {}): RedisSyncService {
    const service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      ...options,
    });
    return service.on("dropped", ({ detail }) => void details.push(detail));
  }

  const rejectionOf = (work: Promise<unknown>) => work.then(String, (error: unknown) => String(error));

  describe("of a save that is dropped:", () => {
    it("that its value could not be read", () => {
      const unreadable = new Proxy({}, { getPrototypeOf: () => raise("sk-canary"), ownKeys: () => [] });
      make().set(NOTE, unreadable);
      expect(details).to.deep.equal(["it could not be read"]);
    });

    it("that it came after the close, or was still waiting then", async () => {
      const service = make();
      gateway.alwaysSilent();
      service.set(NOTE, "waits");
      const closed = service.close();
      service.set(NOTE, "too late");
      await timers.tickAsync(800);
      await closed;
      expect(details).to.deep.equal(["the mirror was closed before", "the mirror was closed while it was waiting"]);
    });

    it("how much it is, and how much was waiting", () => {
      const service = make({ limits: { maxKeys: 2, maxBytes: 30 } });
      service.set(NOTE, "12345678");
      service.set(MODES, []);
      service.set({ ...NOTE, userId: "bob" }, "x".repeat(40));
      service.set({ ...NOTE, userId: "carol" }, "1");
      expect(details).to.deep.equal([
        "42 bytes, with 2 keys of 12 bytes waiting",
        "10 bytes, with 2 keys of 5 bytes waiting",
      ]);
    });

    it("that another instance saved it later, and where it is now", async () => {
      const version = `${Date.now() + 60_000}-0000-another`;
      gateway.model.put({
        redisKey: NOTE_KEY,
        value: "1",
        version,
        ttlSeconds: 9,
        seen: undefined,
        keepsPrevious: false,
      });
      make().set(NOTE, "overtaken");
      await timers.tickAsync(100);
      expect(details).to.deep.equal(["another instance saved it later; this save is among the kept versions"]);
    });

    it("that it could not be encrypted", async () => {
      const broken = () => Promise.reject(new Error("sk-canary"));
      const service = make({
        codec: new Codec({ encryptionKey: broken, decryptionKey: broken, decryptionKeyIds: broken }),
      });
      service.set(PROVIDER, {});
      await service.flush();
      expect(details).to.deep.equal(["It could not be encrypted"]);
    });
  });

  it("of an attempt that is given up: how long it took", async () => {
    const service = make();
    const reasons: string[] = [];
    service.on("failed", ({ reason }) => void reasons.push(reason));
    gateway.alwaysSilent();
    service.set(NOTE, "value");
    await timers.tickAsync(300_100);
    expect(reasons).to.deep.equal(["The attempt did not end within 300000 ms."]);
  });

  describe("of a version that is to be restored:", () => {
    it("that it is not there yet, and why", async () => {
      const service = make();
      service.set(MODES, [{ slug: "first" }]);
      await timers.tickAsync(100);
      service.set(MODES, []);
      await timers.tickAsync(100);
      const [, kept] = await service.history(MODES);
      gateway.errors.set(MODES_KEY, new RefusedError("OOM"));
      const rejection = rejectionOf(service.restoreVersion(MODES, kept!.version));
      await timers.tickAsync(800);
      expect(await rejection).to.equal(
        "ConnectionLostError: The version is not restored yet: not in Redis after 800 ms.",
      );
    });

    it("nothing where it cannot be taken down: the host is given it, and Redis is not", async () => {
      const recency = () => raise("a mistake of the host's");
      const service = make({ catalogue: new Catalogue([defineRecord({ name: "list", kind: "collection", recency })]) });
      const version = `${Date.now() - 60_000}-0000-another`;
      gateway.model.kept.set("roo:alice:list", new Map([[version, '[{"id":"first"}]']]));
      expect(await service.restoreVersion({ userId: "alice", record: "list" }, version)).to.deep.equal([
        { id: "first" },
      ]);
      expect([details, service.status.pending]).to.deep.equal([["it could not be read"], 0]);
    });

    it("that there is no such record", async () => {
      expect(await rejectionOf(make().history({ userId: "alice", record: "unheardOf" }))).to.equal(
        "TypeError: Expected a record of the catalogue, got `unheardOf`",
      );
    });
  });

  it("nothing of a record that is not in the catalogue, whatever is asked of it", async () => {
    const service = make();
    const id = { userId: "alice", record: "unheardOf" };
    service.compare(id, "local");
    service.delete(id);
    const found = { value: 1, version: "1700000000000-0000-another", stored: "1" };
    service.saw(id, found);
    await service.adopt(id, found, async () => {});
    expect([await service.find(id), await service.get(id)]).to.deep.equal([undefined, undefined]);
    await timers.tickAsync(1_000);
    expect([gateway.connectAttempts, details]).to.deep.equal([0, []]);
  });

  it("the same by a clock whose timers cannot be unreferenced", async () => {
    const running = new Map<object, Timer>();
    const clock: Clock = {
      ...systemClock,
      setTimeout: (callback, delayMs) => {
        const timer = {};
        running.set(timer, systemClock.setTimeout(callback, delayMs));
        return timer;
      },
      clearTimeout: (timer) => systemClock.clearTimeout(timer === undefined ? undefined : running.get(timer)),
    };
    const service = make({ clock });
    gateway.errors.set(NOTE_KEY, new RefusedError("NOPERM"));
    service.set(NOTE, "refused");
    service.set(MODES, []);
    await timers.tickAsync(100);
    expect(service.status).to.include({ state: "connected", pending: 1, reason: "Redis refused: NOPERM." });
    await service.close();
    expect(timers.countTimers()).to.equal(0);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
