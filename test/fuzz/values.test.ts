import { createCipheriv } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { Codec } from "#dist/sync/codec.js";
import { decrypt, headerOf, keyIdIn } from "#dist/sync/encryption.js";
import { KeyRingError, UnreadableValueError } from "#dist/sync/errors.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { BUILT_IN_RECORDS, defineRecord } from "#dist/sync/records.js";
import { expectNoCanaryIn, fuzz, mergeInto } from "./fuzz.js";
import { anyText, anyVersion, spoilt } from "./hostile.js";

const REDIS_KEY = "roo:alice:provider";
const VERSION = "1700000000000-0000-me";
const KEYS = parseKeys("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA");
const RING = new FixedKeyRing(KEYS);
const PLAINTEXT = '{"currentApiConfigName":"a","apiConfigs":{"a":{"apiKey":"sk"}}}';

const RECORDS = [
  ...BUILT_IN_RECORDS,
  defineRecord({ name: "anyDocument", kind: "document" }),
  defineRecord({ name: "anyList", kind: "collection" }),
];

/** As the mirror makes it, and the same each time. */
function jweOf(header: string, plaintext: string): string {
  const [encoded, aad] = [base64url(header), base64url(REDIS_KEY)];
  const iv = Buffer.alloc(12, 7);
  const cipher = createCipheriv("aes-256-gcm", KEYS[0]!.bytes, iv).setAAD(Buffer.from(`${encoded}.${aad}`));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]).toString("base64url");
  const tag = cipher.getAuthTag().toString("base64url");
  return JSON.stringify({ protected: encoded, iv: iv.toString("base64url"), ciphertext, tag, aad });
}

const base64url = (text: string) => Buffer.from(text).toString("base64url");

const HEADER = JSON.stringify({ alg: "dir", enc: "A256GCM", kid: KEYS[0]!.id, ver: VERSION });
const JWE = jweOf(HEADER, PLAINTEXT);

/** What a reader may refuse a value with, and says nothing of it. */
function expectRefusal(error: unknown): void {
  if (!(error instanceof UnreadableValueError || error instanceof KeyRingError)) throw error;
  expectNoCanaryIn(error);
  expect(error.message).to.have.length.below(200);
}

async function expectReadable(body: string | Buffer, version: string | undefined, codec: Codec): Promise<void> {
  for (const record of RECORDS) {
    const value = await codec.decode(record, REDIS_KEY, body, version).catch(expectRefusal);
    mergeInto({}, value);
  }
}

describe("what lies in Redis, whatever it is", () => {
  const codec = new Codec(RING);

  it("is read, or refused without a word of it, as text of any kind", () =>
    fuzz("text", fc.record({ text: anyText, version: anyVersion }), ({ text, version }) =>
      expectReadable(text, version, codec),
    ));

  it("is read, or refused without a word of it, as gzip and as bytes of any kind", () => {
    const gzip = anyText.map((text) => gzipSync(text).toString("latin1"));
    const bytes = fc.oneof(gzip, spoilt(gzip), spoilt(anyText), fc.string({ unit: "binary" }));
    return fuzz(
      "bytes",
      bytes.map((text) => Buffer.from(text, "latin1").toString("base64")),
      (base64) => expectReadable(Buffer.from(base64, "base64"), VERSION, codec),
    );
  });

  it("decrypts to what was encrypted, or is refused, as a JWE in which anything was changed", () => {
    const members = fc.dictionary(fc.constantFrom("protected", "iv", "ciphertext", "tag", "aad", "header"), anyText);
    const withMembers = members.map((changed) => JSON.stringify({ ...JSON.parse(JWE), ...changed }));
    return fuzz("jwe", fc.oneof(spoilt(fc.constant(JWE)), withMembers, anyText), async (text) => {
      headerOf(text);
      const plaintext = await decrypt(text, REDIS_KEY, RING, VERSION).catch(expectRefusal);
      if (plaintext !== undefined) expect(plaintext).to.equal(PLAINTEXT);
    });
  });

  it("is refused under a header that the mirror would not write, although the key has made it", () => {
    const headers = fc.oneof(spoilt(fc.constant(HEADER)), anyText);
    return fuzz("jwe-header", headers, async (header) => {
      const kid = keyIdIn(base64url(header));
      if (kid !== undefined) expect(kid).to.match(/^[A-Za-z0-9_-]{1,64}$/);
      const found = await decrypt(jweOf(header, PLAINTEXT), REDIS_KEY, RING, VERSION).catch(expectRefusal);
      if (found === undefined) return;
      const { alg, enc, kid: said, ver, ...others } = JSON.parse(header) as Record<string, unknown>;
      expect([alg, enc, said, others]).to.deep.equal(["dir", "A256GCM", KEYS[0]!.id, {}]);
      expect(ver ?? VERSION).to.equal(VERSION);
    });
  });

  it("is what the record's schema lets through, also where the key has made it", () =>
    fuzz("sealed-text", anyText, (text) => expectReadable(jweOf(HEADER, text), VERSION, codec)));
});
