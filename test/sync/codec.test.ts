import { createDecipheriv } from "node:crypto";
import { inspect } from "node:util";
import { expect } from "chai";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { Catalogue } from "#dist/sync/records.js";

const REDIS_KEY = "roo:alice:provider";
const VERSION = "1700000000000-0000-me";
const PROVIDER = new Catalogue().find("provider")!;
const [MIRROR_KEY] = parseKeys("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA");

describe("the codec", () => {
  const codec = new Codec(new FixedKeyRing([MIRROR_KEY!]));

  it("writes secrets that open with nothing but AES-256-GCM, as any language has it", async () => {
    const secret = '{"apiKey":"sk-ключ-🔑"}';
    const jwe = JSON.parse(String(await codec.encode(PROVIDER, REDIS_KEY, secret, VERSION))) as Record<
      "protected" | "aad" | "iv" | "ciphertext" | "tag",
      string
    >;
    const decipher = createDecipheriv("aes-256-gcm", MIRROR_KEY!.bytes, Buffer.from(jwe.iv, "base64url"));
    decipher.setAAD(Buffer.from(`${jwe.protected}.${jwe.aad}`)).setAuthTag(Buffer.from(jwe.tag, "base64url"));
    const plain = Buffer.concat([decipher.update(Buffer.from(jwe.ciphertext, "base64url")), decipher.final()]);
    expect(plain.toString()).to.equal(secret);
  });

  for (const [title, plant] of [
    ["plain JSON", async (planted: string) => planted],
    ["a JWE that is bound to no Redis key", unbound],
  ] as const) {
    it(`takes ${title} in the place of a secret for unreadable, not for the secret`, async () => {
      const error = await codec.decode(PROVIDER, REDIS_KEY, await plant('{"apiKey":"sk-planted"}'), VERSION).then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error).to.have.property("code", "UNREADABLE_VALUE");
      expect(inspect(error, { depth: Infinity })).not.to.contain("sk-planted");
    });
  }
});

/** What somebody makes who has the key and has not read how it is bound. */
async function unbound(plaintext: string): Promise<string> {
  const { FlattenedEncrypt } = await import("jose");
  const jwe = await new FlattenedEncrypt(Buffer.from(plaintext))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: MIRROR_KEY!.id })
    .encrypt(MIRROR_KEY!.bytes);
  return JSON.stringify(jwe);
}
