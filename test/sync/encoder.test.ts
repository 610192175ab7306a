import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import sinon from "sinon";
import { systemClock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { Encoder } from "#dist/sync/encoder.js";
import { KeyRingError } from "#dist/sync/errors.js";
import type { KeyRing } from "#dist/sync/key-ring.js";
import { Catalogue } from "#dist/sync/records.js";

const PROVIDER_KEY = "roo:alice:provider";
const PROVIDER = new Catalogue().find("provider")!;
const VERSION = "1700000000000-0000-me";
const SECRET = { record: PROVIDER, redisKey: PROVIDER_KEY, version: VERSION, text: '{"apiKey":"sk-canary"}' };

describe("Encoder", () => {
  let timers: sinon.SinonFakeTimers;
  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => timers.restore());

  function make(key: () => Promise<never>): Encoder {
    const keyRing: KeyRing = { encryptionKey: key, decryptionKey: key, decryptionKeyIds: key };
    return new Encoder(new Codec(keyRing), systemClock);
  }

  const silent = () => new Promise<never>(() => {});

  it("deletes a secret although there is no key", async () => {
    const encoder = make(() => Promise.reject(new Error("locked")));
    expect(await encoder.encodeAll([{ ...SECRET, text: undefined }])).to.deep.equal([undefined]);
  });

  it("says that a secret could not be encrypted, and keeps the cause", async () => {
    const cause = new TypeError("locked");
    const [error] = await make(() => Promise.reject(cause)).encodeAll([SECRET]);
    expect(error).to.be.instanceOf(KeyRingError).and.to.include({ message: "It could not be encrypted", cause });
  });

  it("keeps the reason of a key ring that gives one", async () => {
    const reason = new KeyRingError("The keychain is locked");
    expect(await make(() => Promise.reject(reason)).encodeAll([SECRET])).to.deep.equal([reason]);
  });

  it("waits 2 s for a key store, for all values together, and says so", async () => {
    const encoding = make(silent).encodeAll([SECRET, SECRET]);
    await timers.tickAsync(2_000);
    const messages = (await encoding).map((error) => (error as KeyRingError).message);
    const message = "The key store did not answer within 2000 ms";
    expect(messages).to.deep.equal([message, message]);
  });

  it("lets go of a key store that is being asked when it is closed", async () => {
    const encoder = make(silent);
    const encoding = encoder.encodeAll([SECRET]);
    encoder.close();
    const [error] = await encoding;
    expect(error).to.be.instanceOf(KeyRingError).and.to.have.property("message", "The mirror was closed");
    expect(timers.countTimers()).to.equal(0);
  });

  describe("of a mirror that compresses", () => {
    const record = new Catalogue().find("customInstructions")!;
    const NOTE = { record, redisKey: "roo:alice:customInstructions", version: VERSION };

    /** @param encode Takes the place of compressing. */
    function makeCompressing(encode?: (text: string) => Promise<string | Buffer>): Encoder {
      const ring: KeyRing = { encryptionKey: silent, decryptionKey: silent, decryptionKeyIds: silent };
      const codec = new Codec(ring, { isCompressing: true });
      if (encode !== undefined) sinon.stub(codec, "encode").callsFake((_record, _key, text) => encode(text));
      return new Encoder(codec, systemClock);
    }

    const itemOf = (body: string | undefined, index: number) => ({
      id: `item-${index}`,
      version: VERSION,
      seen: undefined,
      recency: index,
      body,
    });
    const collectionOf = (...bodies: (string | undefined)[]) => ({
      record: new Catalogue().find("taskHistory")!,
      wire: {
        redisKey: "roo:alice:taskHistory",
        version: VERSION,
        items: bodies.map(itemOf),
        ttlSeconds: 100,
        limit: 50,
        isClear: false,
        keepsPrevious: false,
      },
    });

    it("makes a member of each item, which stands where it stood", async () => {
      const writes = [collectionOf('{"id":"a"}', undefined, '{"id":"c"}'), collectionOf(), collectionOf("4")];
      const encoded = await makeCompressing().encodeItems(writes);
      const unpacked = encoded.map((wire) => ({
        ...wire,
        items: wire.items.map((item) => ({ ...item, body: item.body && gunzipSync(item.body).toString() })),
      }));
      expect(unpacked).to.deep.equal(writes.map(({ wire }) => wire));
    });

    it("makes one of each document, and none of a deletion", async () => {
      const [deleted, note] = await makeCompressing().encodeAll([
        { ...NOTE, text: undefined },
        { ...NOTE, text: '"note"' },
      ]);
      expect([deleted, gunzipSync(note as Buffer).toString()]).to.deep.equal([undefined, '"note"']);
    });

    it("compresses a few at a time, whatever there is to be compressed", async () => {
      let [now, most] = [0, 0];
      const encoder = makeCompressing(async (text) => {
        most = Math.max(most, ++now);
        await Promise.resolve();
        now--;
        return Buffer.from(text);
      });
      const [wire] = await encoder.encodeItems([collectionOf(...Array.from({ length: 100 }, (_each, n) => String(n)))]);
      expect(most).to.equal(4);
      expect(wire!.items.map(({ body }) => String(body))).to.deep.equal(
        Array.from({ length: 100 }, (_each, n) => `${n}`),
      );
    });

    it("sends as it is what is not compressed within 2 s, and what cannot be", async () => {
      let release!: (late: Buffer) => void;
      const late = new Promise<Buffer>((resolve) => (release = resolve));
      const begun: string[] = [];
      const encoding = makeCompressing((text) => {
        begun.push(text);
        return text === "1" ? Promise.resolve(Buffer.from("one")) : late;
      }).encodeItems([collectionOf("1", "2", "3", "4", "5", "6")]);
      await timers.tickAsync(2_000);
      const [wire] = await encoding;
      const bodies = () => wire!.items.map(({ body }) => String(body));
      expect(bodies()).to.deep.equal(["one", "2", "3", "4", "5", "6"]);
      release(Buffer.from("late"));
      await timers.tickAsync(0);
      expect(bodies()).to.deep.equal(["one", "2", "3", "4", "5", "6"]);
      // What is given up is not begun any more.
      expect(begun).to.deep.equal(["1", "2", "3", "4", "5"]);

      const failing = makeCompressing(() => Promise.reject(new Error("no memory")));
      expect(await failing.encodeAll([{ ...NOTE, text: "1" }])).to.deep.equal(["1"]);
    });

    it("waits no longer once it is closed", async () => {
      const encoder = makeCompressing(silent);
      const encoding = encoder.encodeAll([{ ...NOTE, text: "1" }]);
      encoder.close();
      expect(await encoding).to.deep.equal(["1"]);
      expect(timers.countTimers()).to.equal(0);
    });
  });
});
