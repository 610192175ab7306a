import { expect } from "chai";
import sinon from "sinon";
import { systemClock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { ConnectionLostError, RefusedError } from "#dist/sync/errors.js";
import { FixedKeyRing, type KeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { MirrorEmitter } from "#dist/sync/mirror-events.js";
import { Catalogue, defineRecord } from "#dist/sync/records.js";
import { RedisSyncService, type RedisSyncServiceOptions } from "#dist/sync/redis-sync-service.js";
import { takeSnapshot } from "#dist/sync/snapshot.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };
const MODES = { userId: "alice", record: "customModes" };
const PROVIDER = { userId: "alice", record: "provider" };
const INSTRUCTIONS_KEY = "roo:alice:customInstructions";
const SILENT_KEY_STORE = {
  encryptionKey: () => new Promise<never>(() => {}),
  decryptionKey: () => new Promise<never>(() => {}),
  decryptionKeyIds: () => new Promise<never>(() => {}),
};

describe("RedisSyncService and its parts", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    gateway = new FakeGateway();
  });
  afterEach(() => timers.restore());
  function make(options: Partial<RedisSyncServiceOptions> & { keyRing?: KeyRing } = {}) {
    const { keyRing = new FixedKeyRing(parseKeys(KEY)), ...rest } = options;
    return new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(keyRing),
      ...rest,
    });
  }

  it("does not send again what arrived because another key is refused", async () => {
    const service = make();
    const write = gateway.write.bind(gateway);
    sinon.stub(gateway, "write").callsFake(async (batch) => {
      const outcomes = await write(batch);
      return batch.map(({ redisKey }, index) =>
        redisKey === INSTRUCTIONS_KEY ? { kind: "failed", error: new RefusedError("NOPERM") } : outcomes[index]!,
      );
    });
    service.set(INSTRUCTIONS, "refused");
    service.set(MODES, []);
    await timers.tickAsync(3 * 60_100);
    // The first batch held both, and that one alone goes on being tried, once a pause.
    expect(gateway.batches.map((batch) => batch.length)).to.deep.equal([2, 1, 1, 1]);
    expect(service.status).to.include({ state: "connected", pending: 1 });
  });

  it("writes once after the pause of a refusal, also where the timer fires a little early", async () => {
    const clock = {
      ...systemClock,
      setTimeout: (callback: () => void, delayMs: number) => setTimeout(callback, Math.max(0, delayMs - 1)),
    };
    const service = make({ clock });
    gateway.alwaysRefuse("OOM");
    service.set(INSTRUCTIONS, "value");
    await timers.tickAsync(62_000);
    expect([gateway.batches.length, gateway.pings]).to.deep.equal([6, 0]);
  });

  it("writes one probe and not five where a connection can be made and each write breaks it", async () => {
    const service = make();
    const write = sinon.stub(gateway, "write").rejects(new ConnectionLostError("no answer"));
    service.set(INSTRUCTIONS, "value");
    await timers.tickAsync(1_600 + 20_000);
    expect(write.callCount).to.equal(5 + 4);
  });

  it("has nothing pending once it is closed", async () => {
    const service = make();
    gateway.alwaysSilent();
    service.set(INSTRUCTIONS, "value");
    const closed = service.close();
    await timers.tickAsync(800);
    await closed;
    expect(service.status).to.include({ pending: 0, pendingBytes: 0 });
  });

  it("leaves no timer and tells of a save once, where the key store is silent at the close", async () => {
    const service = make({ keyRing: SILENT_KEY_STORE });
    const drops: string[] = [];
    service.on("dropped", ({ reason }) => void drops.push(reason));
    service.set(PROVIDER, { apiKey: "sk-canary" });
    const closed = service.close();
    await timers.tickAsync(800);
    await closed;
    await timers.tickAsync(0);
    const left = timers.countTimers();
    await timers.tickAsync(10_000);
    expect([left, drops]).to.deep.equal([0, ["closed"]]);
  });

  it("does not give back what was deleted, also if the delete had to give way", async () => {
    const service = make({ limits: { maxKeys: 2, maxBytes: 1_000 } });
    service.set(INSTRUCTIONS, "deleted by the user");
    await timers.tickAsync(100);
    gateway.restartEmpty();
    gateway.alwaysDown();
    service.delete(INSTRUCTIONS);
    service.set({ ...MODES, userId: "bob" }, []);
    service.set({ ...MODES, userId: "carol" }, []);
    await timers.tickAsync(100);
    gateway.heal();
    await timers.tickAsync(10_000);
    expect(gateway.store.has(INSTRUCTIONS_KEY)).to.equal(false);
  });

  it("does not end the process because an async listener rejects", async () => {
    const emitter = new MirrorEmitter();
    const surfaced: unknown[] = [];
    const before = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection").on("unhandledRejection", (reason) => surfaced.push(reason));
    try {
      const rejecting = () => Promise.reject(new Error("a listener's own mistake"));
      emitter.on("restored", () => rejecting() as unknown as undefined);
      emitter.emit("restored", MODES);
      await new Promise(setImmediate);
    } finally {
      process.removeAllListeners("unhandledRejection");
      for (const listener of before) process.on("unhandledRejection", listener);
    }
    expect(surfaced).to.deep.equal([]);
  });

  const DOCUMENT = defineRecord({ name: "document", kind: "document" });
  for (const [title, value] of [
    ["an invalid date", { at: new Date(Number.NaN) }],
    ["a boxed NaN", { a: Object(Number.NaN) }],
    ["a toJSON that answers with a Map", { toJSON: () => new Map([[1, 2]]) }],
    ["a toJSON that answers with nothing, in an array", [{ toJSON: () => undefined }]],
  ] as const)
    it(`refuses ${title}`, () => expect(takeSnapshot(DOCUMENT, value)).to.have.property("refusal"));

  it("waits without end where it is told to", async () => {
    const service = make();
    const release = gateway.holdWrites();
    service.set(INSTRUCTIONS, "value");
    const flushed = service.flush({ timeoutMs: Infinity });
    await timers.tickAsync(1_000);
    release();
    expect(await flushed).to.deep.equal({ flushed: true });
  });

  it("get does not reject for an id that is no string", async () => {
    expect(await make().get({ userId: Symbol("x") as never, record: "customInstructions" })).to.equal(undefined);
  });
});
