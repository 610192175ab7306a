import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { ConnectionLostError, NotServedError, RefusedError } from "#dist/sync/errors.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { KEY } from "../support/mirrors.js";
import { PartlyRefusingGateway } from "../support/partly-refusing-gateway.js";

const NOTE = { userId: "alice", record: "customInstructions" };
const MODES = { userId: "alice", record: "customModes" };
const NOTE_KEY = "roo:alice:customInstructions";
const MODES_KEY = "roo:alice:customModes";
const NOPERM = new RefusedError("NOPERM");
const OOM = new RefusedError("OOM");

describe("whether a refusal is about one record or about the server", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: PartlyRefusingGateway;
  let service: RedisSyncService;
  /** What was told, in order. */
  let told: string[];
  beforeEach(() => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new PartlyRefusingGateway();
    service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
    });
    told = [];
    service.on("failed", ({ reason }) => void told.push(`failed: ${reason}`));
    service.on("held", ({ record }) => void told.push(`held: ${record}`));
    service.on("flushed", ({ keys }) => void told.push(`flushed: ${keys}`));
  });
  afterEach(() => timers.restore());

  /** One record is refused while another one arrives: from then on that is known of it. */
  async function refusedAlone(): Promise<void> {
    gateway.errors.set(NOTE_KEY, NOPERM);
    service.set(NOTE, "refused");
    service.set(MODES, []);
    await timers.tickAsync(100);
    expect(told.splice(0)).to.deep.equal(["flushed: 1", "held: customInstructions"]);
  }

  it("is about the server as long as nothing else has arrived", async () => {
    gateway.errors.set(NOTE_KEY, NOPERM);
    service.set(NOTE, "refused");
    await timers.tickAsync(100);
    expect(told).to.deep.equal(["failed: Redis refused: NOPERM."]);
    expect(service.status).to.include({ state: "degraded", pending: 1 });
  });

  it("is about the record once another one arrives in the next batch", async () => {
    gateway.errors.set(NOTE_KEY, NOPERM);
    service.set(NOTE, "x".repeat(2 ** 20));
    service.set(MODES, []);
    await timers.tickAsync(300);
    expect(told).to.deep.equal(["failed: Redis refused: NOPERM.", "flushed: 1", "held: customInstructions"]);
    expect(service.status).to.include({ state: "connected", pending: 1 });
  });

  it("is about the server where it has no memory left, whatever else arrives with it", async () => {
    gateway.errors.set(NOTE_KEY, OOM);
    service.set(NOTE, "refused");
    service.set(MODES, []);
    await timers.tickAsync(100);
    expect(told).to.deep.equal(["flushed: 1", "failed: Redis refused: OOM."]);
    expect(service.status).to.include({ state: "degraded", pending: 1 });
  });

  it("is not about a record because it was the one that met a server without memory", async () => {
    gateway.errors.set(NOTE_KEY, OOM);
    service.set(NOTE, "refused");
    service.set(MODES, []);
    await timers.tickAsync(100);
    service.set(MODES, [1]);
    await timers.tickAsync(100);
    gateway.errors.set(NOTE_KEY, NOPERM);
    told.length = 0;
    await timers.tickAsync(200);
    expect(told).to.deep.equal(["failed: Redis refused: NOPERM."]);
  });

  it("is about the record where a node of the cluster does not serve it", async () => {
    gateway.errors.set(NOTE_KEY, new NotServedError("TRYAGAIN"));
    service.set(NOTE, "elsewhere");
    service.set(MODES, []);
    await timers.tickAsync(4_900);
    expect(told).to.deep.equal(["flushed: 1", "held: customInstructions"]);
    expect(service.status.state).to.equal("connected");
  });

  it("is still about the record when only that is tried again", async () => {
    await refusedAlone();
    await timers.tickAsync(60_100);
    expect(gateway.attempts.get(NOTE_KEY)).to.equal(2);
    expect(told).to.deep.equal(["held: customInstructions"]);
    expect(service.status.state).to.equal("connected");
  });

  it("is about the server again after the record was taken once", async () => {
    await refusedAlone();
    gateway.errors.clear();
    await timers.tickAsync(60_100);
    expect(gateway.store.get(NOTE_KEY)).to.equal('"refused"');
    gateway.errors.set(NOTE_KEY, NOPERM);
    told.length = 0;
    service.set(NOTE, "refused again");
    await timers.tickAsync(100);
    expect(told).to.deep.equal(["failed: Redis refused: NOPERM."]);
  });

  describe("during the pause", () => {
    /** Nobody is to be found, and only the record that is refused waits. */
    beforeEach(async () => {
      await refusedAlone();
      gateway.alwaysDown();
      gateway.onConnectionLost!();
      await timers.tickAsync(1_600);
      expect((await service.flush()).flushed).to.equal(false);
      gateway.heal();
      told.length = 0;
    });

    it("does not prolong it: the server answers, and there is nothing else to send", async () => {
      await timers.tickAsync(5_000);
      expect(gateway.attempts.get(NOTE_KEY)).to.equal(2);
      expect(told).to.deep.equal(["held: customInstructions"]);
      expect(service.status.state).to.equal("connected");
      service.set(MODES, [1]);
      await timers.tickAsync(100);
      expect(gateway.store.get(MODES_KEY)).to.equal("[1]");
    });

    it("does not prolong it where another record arrives with it", async () => {
      service.set(MODES, [1]);
      await timers.tickAsync(5_000);
      expect(told).to.deep.equal(["flushed: 1", "held: customInstructions"]);
      expect(service.status.state).to.equal("connected");
    });
  });

  it("ends the pause where another instance was quicker: that it is overtaken shows that the server works", async () => {
    gateway.alwaysDown();
    service.set(NOTE, "overtaken");
    await timers.tickAsync(1_600);
    gateway.heal();
    const later = { value: '"later"', version: `${Date.now() + 60_000}-0000-another`, ttlSeconds: 9 };
    gateway.model.put({ redisKey: NOTE_KEY, ...later, seen: undefined, keepsPrevious: false });
    await timers.tickAsync(5_000);
    expect(service.status).to.include({ state: "connected", pending: 0 });
  });

  it("does not matter to what could not be encrypted, nor does that to a batch that is lost", async () => {
    const broken = () => Promise.reject(new Error("locked"));
    service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec({ encryptionKey: broken, decryptionKey: broken, decryptionKeyIds: broken }),
    });
    const write = sinon.stub(gateway, "write").rejects(new ConnectionLostError("cut"));
    service.set({ userId: "alice", record: "provider" }, { apiKey: "sk-canary" });
    service.set(NOTE, "value");
    service.set(MODES, []);
    await timers.tickAsync(100);
    expect(service.status.pending).to.equal(2);
    write.restore();
    await timers.tickAsync(100);
    expect([...gateway.store.keys()]).to.deep.equal([NOTE_KEY, MODES_KEY]);
  });
});
