import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { encrypt, headerOf } from "#dist/sync/encryption.js";
import { UnknownKeyError } from "#dist/sync/errors.js";
import { FixedKeyRing, generateKey, type KeyRing, parseKeys, StoredKeyRing } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService, type RedisSyncServiceOptions } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const PROVIDER = { userId: "alice", record: "provider" };
const PROVIDER_KEY = "roo:alice:provider";
const NOTE = { userId: "alice", record: "customInstructions" };
const OTHER = generateKey();
const OTHER_ID = parseKeys(OTHER)[0]!.id;
const VERSION = "1699999999000-0000-other";
const PAUSE_MS = 60_000;
const ringOf = (...keys: string[]) => new FixedKeyRing(parseKeys(keys.join(",")));

describe("a record that lies under a key which this machine does not have", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let theirs: string;
  let told: string[];
  beforeEach(async () => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new FakeGateway();
    told = [];
    theirs = await encrypt('{"apiKey":"theirs"}', PROVIDER_KEY, ringOf(OTHER), VERSION);
    lay(PROVIDER_KEY, theirs);
  });
  afterEach(() => timers.restore());

  function lay(redisKey: string, value: string): void {
    gateway.store.set(redisKey, value);
    gateway.model.versions.set(redisKey, { version: VERSION, isDeleted: false });
  }

  function make({ keyRing, ...options }: Partial<RedisSyncServiceOptions> & { keyRing?: KeyRing } = {}) {
    const service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(keyRing ?? ringOf(KEY)),
      ...options,
    });
    service.on("failed", ({ reason }) => void told.push(`failed: ${reason}`));
    service.on("held", ({ record, reason }) => void told.push(`held: ${record} ${reason}`));
    service.on("dropped", ({ record, reason }) => void told.push(`dropped: ${record} ${reason}`));
    service.on("unreadable", ({ detail }) => void told.push(`unreadable: ${detail}`));
    return service;
  }

  const heldLines = () => told.filter((line) => line.startsWith("held: provider") && line.includes(OTHER_ID));

  it("is left alone: the save waits and says which key is missing, and nothing else suffers", async () => {
    const service = make();
    service.set(PROVIDER, { apiKey: "ours" });
    service.set(NOTE, "note");
    await timers.tickAsync(100);
    expect(gateway.store.get(PROVIDER_KEY)).to.equal(theirs);
    expect(gateway.store.get("roo:alice:customInstructions")).to.equal('"note"');
    expect([heldLines().length, told.length]).to.deep.equal([1, 1]);
    expect(service.status).to.include({ state: "connected", pending: 1 });
    expect(service.status.reason).to.contain(OTHER_ID);
    expect(await service.get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
  });

  it("says nothing about the server, although nothing else was sent", async () => {
    const service = make();
    for (let save = 0; save < 10; save++) {
      service.set(PROVIDER, { save });
      await timers.tickAsync(PAUSE_MS);
    }
    expect(told.filter((line) => !line.startsWith("held:"))).to.deep.equal([]);
    expect(service.status.state).to.equal("connected");
    expect(gateway.store.get(PROVIDER_KEY)).to.equal(theirs);
  });

  it("is not deleted either, and the deletion waits", async () => {
    const service = make();
    service.delete(PROVIDER);
    await timers.tickAsync(100);
    expect([gateway.store.get(PROVIDER_KEY), heldLines().length]).to.deep.equal([theirs, 1]);
    expect(service.status.pending).to.equal(1);
  });

  it("is not deleted where the key store does not say which keys there are", async () => {
    const silent = () => new Promise<never>(() => {});
    make({ keyRing: { encryptionKey: silent, decryptionKey: silent, decryptionKeyIds: silent } }).delete(PROVIDER);
    await timers.tickAsync(4_200);
    expect([gateway.store.get(PROVIDER_KEY), heldLines().length]).to.deep.equal([theirs, 1]);
  });

  it("is said to whoever waits for a flush", async () => {
    const service = make();
    service.set(PROVIDER, {});
    const result = await service.flush();
    expect(result.flushed).to.equal(false);
    expect(result).to.have.property("reason").that.contains(OTHER_ID);
  });

  it("takes the latest save once it is gone, or its key is here", async () => {
    const service = make();
    service.set(PROVIDER, { save: 1 });
    await timers.tickAsync(100);
    service.set(PROVIDER, { save: 2 });
    gateway.store.delete(PROVIDER_KEY);
    await timers.tickAsync(PAUSE_MS + 100);
    expect(await make().get(PROVIDER)).to.deep.equal({ save: 2 });
    expect(service.status.pending).to.equal(0);
  });

  it("counts as absent when it is read, with the key's id", async () => {
    expect(await make().get(PROVIDER)).to.equal(undefined);
    expect(told).to.deep.equal([
      `unreadable: It was encrypted with the key ${OTHER_ID}, which this machine does not have.`,
    ]);
  });

  it("is left alone where the local store is compared with it", async () => {
    const service = make();
    service.compare(PROVIDER, { apiKey: "ours" });
    await timers.tickAsync(1_000);
    expect([gateway.store.get(PROVIDER_KEY), gateway.batches]).to.deep.equal([theirs, []]);
  });

  it("is overwritten at once where another process has put its key into the store meanwhile", async () => {
    let kept = KEY;
    const keyRing = new StoredKeyRing({ load: async () => kept, storeIfAbsent: async (key) => key });
    const service = make({ keyRing });
    service.set(NOTE, "note");
    await keyRing.encryptionKey();
    kept = `${OTHER},${KEY}`;
    await timers.tickAsync(10_000);
    service.set(PROVIDER, { apiKey: "ours" });
    await timers.tickAsync(200);
    expect(told).to.deep.equal([]);
    expect(await make({ keyRing: ringOf(OTHER) }).get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
    expect(gateway.model.kept.get(PROVIDER_KEY)?.get(VERSION)).to.equal(theirs);
  });

  describe("although its key is here, in a form that scripts do not take for ours", () => {
    const header = Buffer.from(`{"kid": "${OTHER_ID}", "alg": "dir", "enc": "A256GCM"}`).toString("base64url");
    let reordered: string;
    beforeEach(() => {
      reordered = JSON.stringify({ ...(JSON.parse(theirs) as object), protected: header });
      lay(PROVIDER_KEY, reordered);
    });

    it("is overwritten at the second attempt, and kept", async () => {
      make({ keyRing: ringOf(KEY, OTHER) }).set(PROVIDER, { apiKey: "ours" });
      await timers.tickAsync(1_000);
      expect(await make().get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
      expect(gateway.model.kept.get(PROVIDER_KEY)?.get(VERSION)).to.equal(reordered);
      expect([gateway.batches.length, told]).to.deep.equal([2, []]);
    });

    it("is not asked for without end where the server goes on refusing", async () => {
      gateway.write = async (batch) => {
        gateway.batches.push([...batch]);
        return batch.map(() => ({ kind: "failed", error: new UnknownKeyError(OTHER_ID, true, { header }) }));
      };
      make({ keyRing: ringOf(KEY, OTHER) }).set(PROVIDER, {});
      await timers.tickAsync(10_000);
      expect([gateway.batches.length, heldLines().length]).to.deep.equal([2, 1]);
    });
  });

  describe("because its key was retired meanwhile", () => {
    const kidThere = () => headerOf(gateway.store.get(PROVIDER_KEY) ?? "")?.kid;
    const RECONCILE_MS = 300_000;
    let kept: string;
    let service: RedisSyncService;
    beforeEach(async () => {
      gateway.model.flushAll();
      kept = KEY;
      const ring = new StoredKeyRing({ load: async () => kept, storeIfAbsent: async (key) => key });
      service = make({ keyRing: ring });
      service.set(PROVIDER, { apiKey: "ours" });
      await timers.tickAsync(100);
      expect(kidThere()).to.equal(parseKeys(KEY)[0]!.id);
    });

    it("comes back under the new key, where a server has lost it after a rotation", async () => {
      kept = `${OTHER},${KEY}`;
      await timers.tickAsync(10_000);
      gateway.restartEmpty();
      await timers.tickAsync(1_000);
      expect(kidThere()).to.equal(OTHER_ID);
      expect(await make({ keyRing: ringOf(OTHER) }).get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
    });

    it("comes back also after the old key was forgotten, if it was compared in between", async () => {
      kept = `${OTHER},${KEY}`;
      await timers.tickAsync(RECONCILE_MS + 1_000);
      kept = OTHER;
      await timers.tickAsync(10_000);
      gateway.restartEmpty();
      await timers.tickAsync(1_000);
      expect(await make({ keyRing: ringOf(OTHER) }).get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
    });

    it("does not come back while nobody says which keys there are, but after that", async () => {
      const [key] = parseKeys(OTHER);
      let answer: Promise<readonly string[]> = Promise.resolve([OTHER_ID]);
      const keyRing = {
        encryptionKey: async () => key!,
        decryptionKey: async () => key,
        decryptionKeyIds: () => answer,
      };
      await service.close();
      gateway = new FakeGateway();
      make({ keyRing }).set(PROVIDER, { apiKey: "ours" });
      await timers.tickAsync(100);
      answer = new Promise(() => {});
      gateway.restartEmpty();
      await timers.tickAsync(5_000);
      expect(kidThere()).to.equal(undefined);
      answer = Promise.resolve([OTHER_ID]);
      await timers.tickAsync(RECONCILE_MS);
      expect(kidThere()).to.equal(OTHER_ID);
    });

    it("does not come back under a key that is not on the ring any more, but from the local store", async () => {
      kept = OTHER;
      await timers.tickAsync(10_000);
      gateway.restartEmpty();
      await timers.tickAsync(1_000);
      expect(kidThere()).to.equal(undefined);
      service.compare(PROVIDER, { apiKey: "ours" });
      await timers.tickAsync(1_000);
      expect(await make({ keyRing: ringOf(OTHER) }).get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
    });
  });

  it("is overwritten where the user says so, and kept", async () => {
    make({ overwritesUnreadable: true }).set(PROVIDER, { apiKey: "ours" });
    await timers.tickAsync(100);
    expect(await make().get(PROVIDER)).to.deep.equal({ apiKey: "ours" });
    expect(gateway.model.kept.get(PROVIDER_KEY)?.get(VERSION)).to.equal(theirs);
    expect(told).to.deep.equal([]);
  });

  it("is not given back its former state over it, where a server has lost that, and is asked for its other records", async () => {
    const service = make();
    gateway.store.delete(PROVIDER_KEY);
    service.set(PROVIDER, { apiKey: "ours" });
    service.set(NOTE, "note");
    await timers.tickAsync(100);
    gateway.restartEmpty();
    lay(PROVIDER_KEY, theirs);
    await timers.tickAsync(1_000);
    expect(gateway.store.get(PROVIDER_KEY)).to.equal(theirs);
    expect(gateway.store.get("roo:alice:customInstructions")).to.equal('"note"');
    gateway.restartEmpty();
    lay(PROVIDER_KEY, theirs);
    gateway.store.set("roo:alice:customInstructions", '"note"');
    gateway.model.versions.set("roo:alice:customInstructions", { version: "9", isDeleted: false });
    await timers.tickAsync(1_000);
    expect(service.status.state).to.equal("connected");
    expect(told).to.deep.equal([]);
  });

  it("is not taken for plain text where it is one that is not encrypted here, nor overwritten by it", async () => {
    const sealed = await encrypt('"theirs"', "roo:alice:customInstructions", ringOf(KEY), VERSION);
    lay("roo:alice:customInstructions", sealed);
    const service = make();
    expect(await service.get(NOTE)).to.equal(undefined);
    expect(told.splice(0)).to.deep.equal(["unreadable: It is encrypted, and here this record is not."]);
    service.set(NOTE, "plain");
    await timers.tickAsync(100);
    expect(gateway.store.get("roo:alice:customInstructions")).to.equal(sealed);
    expect(told.join()).to.match(/^held: customInstructions .*ROO_MIRROR_ENCRYPT=all/);
  });
});
