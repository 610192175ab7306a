import { inspect } from "node:util";
import { expect } from "chai";
import { FixedKeyRing, generateKey, type KeyStore, parseKeys, StoredKeyRing } from "#dist/sync/key-ring.js";

const KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

function errorOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected it to throw");
}

describe("the key ring", () => {
  it("names a key by the same id on every machine and in every version", () => {
    expect(parseKeys(KEY)[0]!.id).to.equal("8WO9vYBopsW");
  });

  it("makes keys that it can read, each another one", () => {
    const made = Array.from({ length: 20 }, generateKey);
    expect(new Set(made.map((key) => parseKeys(key)[0]!.id)).size).to.equal(20);
  });

  for (const [title, text] of [
    ["31 bytes", Buffer.alloc(31, 0xab).toString("base64url")],
    ["33 bytes", Buffer.alloc(33, 0xab).toString("base64url")],
    ["a key in hexadecimal", Buffer.alloc(32, 0xab).toString("hex")],
    ["a key in base64 proper", Buffer.alloc(32, 0xff).toString("base64")],
    ["a comma at the end", `${KEY},`],
    ["a passphrase", "correct horse battery staple"],
    ["a passphrase as long as a key", "correct-horse-battery-staple-and-then-some-"],
  ] as const) {
    it(`refuses ${title} without quoting it`, () => {
      const error = errorOf(() => parseKeys(text));
      expect(error).to.have.property("code", "KEY_RING");
      expect(error.message).to.match(/; make one: npx redis-mirrored keygen$/);
      for (const part of text.split(",").filter((each) => each !== ""))
        expect(inspect(error, { depth: Infinity })).not.to.contain(part);
    });
  }

  it("of the settings holds at least one key", () => {
    expect(() => new FixedKeyRing([])).to.throw("Expected at least one key, got none");
  });

  it("uses the key that another process was faster to keep", async () => {
    const offered: string[] = [];
    const store: KeyStore = {
      load: async () => undefined,
      storeIfAbsent: async (key) => {
        offered.push(key);
        return KEY;
      },
    };
    expect((await new StoredKeyRing(store).encryptionKey()).id).to.equal(parseKeys(KEY)[0]!.id);
    expect(offered).to.have.lengthOf(1).and.not.to.include(KEY);
  });

  it("says of a store that fails why it did", async () => {
    const cause = new Error("the keychain is locked");
    const ring = new StoredKeyRing({ load: () => Promise.reject(cause), storeIfAbsent: async (key) => key });
    const error = await ring.encryptionKey().catch((reason: unknown) => reason);
    expect(error).to.have.property("cause", cause);
  });

  it("makes no key where the store has one that it cannot read, and does not quote that", async () => {
    let stores = 0;
    const kept = "spoilt-key-that-somebody-edited";
    const ring = new StoredKeyRing({ load: async () => kept, storeIfAbsent: async (key) => (stores++, key) });
    const error = await ring.encryptionKey().then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).to.have.property("code", "KEY_RING");
    expect(inspect(error, { depth: Infinity })).not.to.contain(kept);
    expect(stores).to.equal(0);
  });

  it("asks the store again after a key could not be kept, and then keeps one", async () => {
    let stores = 0;
    const ring = new StoredKeyRing({
      load: async () => undefined,
      storeIfAbsent: async (key) => (++stores === 1 ? Promise.reject(new Error("disk full")) : key),
    });
    const failed = await Promise.allSettled([ring.encryptionKey(), ring.decryptionKey("any")]);
    expect(failed.map(({ status }) => status)).to.deep.equal(["rejected", "rejected"]);
    const key = await ring.encryptionKey();
    expect([await ring.decryptionKey(key.id), stores]).to.deep.equal([key, 2]);
  });

  describe("of a store that another process writes to as well", () => {
    const ROTATED = generateKey();
    const [ID, ROTATED_ID] = [parseKeys(KEY)[0]!.id, parseKeys(ROTATED)[0]!.id];
    let nowMs: number;
    let loads: number;
    let kept: () => Promise<string | undefined>;
    let ring: StoredKeyRing;
    beforeEach(async () => {
      [nowMs, loads] = [0, 0];
      kept = async () => KEY;
      const store: KeyStore = { load: () => (loads++, kept()), storeIfAbsent: async (key) => key };
      ring = new StoredKeyRing(store, () => nowMs);
      expect((await ring.encryptionKey()).id).to.equal(ID);
      kept = async () => `${ROTATED},${KEY}`;
    });

    it("reads it again for a key that it does not have, and encrypts with the new one from then on", async () => {
      nowMs = 10_000;
      expect((await ring.decryptionKey(ROTATED_ID))?.id).to.equal(ROTATED_ID);
      expect((await ring.encryptionKey()).id).to.equal(ROTATED_ID);
      expect(await ring.decryptionKeyIds()).to.deep.equal([ROTATED_ID, ID]);
    });

    it("reads it at most once in 10 s, whoever asks for what it does not have", async () => {
      nowMs = 9_999;
      expect([await ring.decryptionKey(ROTATED_ID), loads]).to.deep.equal([undefined, 1]);
      nowMs = 10_000;
      const found = await Promise.all([ring.decryptionKey(ROTATED_ID), ring.decryptionKey(ROTATED_ID)]);
      expect([found.map((key) => key?.id), loads]).to.deep.equal([[ROTATED_ID, ROTATED_ID], 2]);
      await Promise.all([ring.decryptionKey("none"), ring.decryptionKey(ID)]);
      expect(loads).to.equal(2);
    });

    it("reads it again before it encrypts, at most once in 10 s", async () => {
      nowMs = 9_999;
      expect([(await ring.encryptionKey()).id, loads]).to.deep.equal([ID, 1]);
      nowMs = 10_000;
      const [key, ids] = await Promise.all([ring.encryptionKey(), ring.decryptionKeyIds()]);
      expect([key.id, ids, loads]).to.deep.equal([ROTATED_ID, [ROTATED_ID, ID], 2]);
      nowMs = 19_999;
      await ring.encryptionKey();
      expect(loads).to.equal(2);
    });

    it("encrypts with the key that it has while the store does not answer, having waited once", async () => {
      kept = () => new Promise(() => {});
      nowMs = 10_000;
      expect((await ring.encryptionKey()).id).to.equal(ID);
      nowMs = 20_000;
      expect([(await ring.encryptionKey()).id, loads]).to.deep.equal([ID, 2]);
    });

    it("reads it at once where it is told that the keys have changed", async () => {
      await ring.reload();
      expect([await ring.decryptionKeyIds(), loads]).to.deep.equal([[ROTATED_ID, ID], 2]);
    });

    for (const [title, failing] of [
      ["is empty", async () => undefined],
      ["cannot be read", () => Promise.reject(new Error("locked"))],
      ["holds no key", async () => "spoilt"],
    ] as const)
      it(`goes on with the keys that it has where the store ${title}`, async () => {
        kept = failing;
        await ring.reload();
        expect([(await ring.encryptionKey()).id, await ring.decryptionKeyIds()]).to.deep.equal([ID, [ID]]);
      });
  });
});
