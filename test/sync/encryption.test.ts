import { createCipheriv, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { expect } from "chai";
import { Codec } from "#dist/sync/codec.js";
import { decrypt, encrypt } from "#dist/sync/encryption.js";
import { FixedKeyRing, generateKey, type KeyRing, parseKeys, StoredKeyRing } from "#dist/sync/key-ring.js";
import { Catalogue } from "#dist/sync/records.js";

const REDIS_KEY = "roo:alice:provider";
const VERSION = "1700000000000-0000-me";
const CANARY = "sk-canary-in-plain-text";
const PROVIDER = new Catalogue().find("provider")!;

const ringOf = (...keys: string[]) => new FixedKeyRing(parseKeys(keys.join(",")));
const [KEY, OTHER] = [generateKey(), generateKey()];
const ring = ringOf(KEY);

/** Everything that a log line or a crash report could show of an error. */
async function failureOf(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => undefined,
    (reason: Error) => reason,
  );
  if (error === undefined) throw new Error("expected a failure");
  expect(inspect(error, { depth: 10, showHidden: true })).not.to.contain(CANARY);
  return error;
}

describe("an encrypted value", () => {
  const named = (header: object) => Buffer.from(JSON.stringify(header)).toString("base64url");

  it("is a JWE in flattened JSON, by dir and A256GCM, bound to its Redis key", async () => {
    const jwe = JSON.parse(await encrypt(CANARY, REDIS_KEY, ring, VERSION)) as Record<string, string>;
    expect(jwe).to.have.all.keys("protected", "aad", "iv", "ciphertext", "tag");
    expect(JSON.parse(Buffer.from(jwe["protected"]!, "base64url").toString())).to.deep.equal({
      alg: "dir",
      enc: "A256GCM",
      kid: (await ring.encryptionKey()).id,
      ver: VERSION,
    });
    expect(Buffer.from(jwe["aad"]!, "base64url").toString()).to.equal(REDIS_KEY);
    expect(Buffer.from(jwe["iv"]!, "base64url")).to.have.lengthOf(12);
    expect(JSON.stringify(jwe)).not.to.contain(CANARY);
  });

  it("is what another implementation of JWE opens, and what that makes opens here", async () => {
    const { flattenedDecrypt, FlattenedEncrypt } = await import("jose");
    const { id, bytes } = await ring.encryptionKey();
    const text = `${CANARY} é 💥`;
    const opened = await flattenedDecrypt(JSON.parse(await encrypt(text, REDIS_KEY, ring, VERSION)), bytes);
    expect(Buffer.from(opened.plaintext).toString()).to.equal(text);
    expect(Buffer.from(opened.additionalAuthenticatedData!).toString()).to.equal(REDIS_KEY);
    const theirs = await new FlattenedEncrypt(Buffer.from(text))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: id })
      .setAdditionalAuthenticatedData(Buffer.from(REDIS_KEY))
      .encrypt(bytes);
    expect(await decrypt(JSON.stringify(theirs), REDIS_KEY, ring, VERSION)).to.equal(text);
  });

  it("does not open with its tag or its initialisation vector cut short, nor with a member more", async () => {
    const jwe = JSON.parse(await encrypt(CANARY, REDIS_KEY, ring, VERSION)) as Record<string, string>;
    for (const changed of [
      { ...jwe, tag: jwe["tag"]!.slice(0, 16) },
      { ...jwe, iv: jwe["iv"]!.slice(0, 8) },
      { ...jwe, ciphertext: jwe["ciphertext"]!.slice(0, -4) },
      { ...jwe, header: { zip: "DEF" } },
      { ...jwe, encrypted_key: "AAAA" },
      { ...jwe, ciphertext: `${jwe["ciphertext"]} ` },
    ])
      expect(await failureOf(decrypt(JSON.stringify(changed), REDIS_KEY, ring, VERSION))).to.have.property(
        "code",
        "UNREADABLE_VALUE",
      );
  });

  it("opens under its own Redis key, each time encrypted anew", async () => {
    const [one, other] = [
      await encrypt(CANARY, REDIS_KEY, ring, VERSION),
      await encrypt(CANARY, REDIS_KEY, ring, VERSION),
    ];
    expect(one).not.to.equal(other);
    expect(await decrypt(one, REDIS_KEY, ring, VERSION)).to.equal(CANARY);
  });

  it("opens with any key of the ring, and is made with the first", async () => {
    const old = await encrypt(CANARY, REDIS_KEY, ringOf(OTHER), VERSION);
    expect(await decrypt(old, REDIS_KEY, ringOf(KEY, OTHER), VERSION)).to.equal(CANARY);
    expect(
      await decrypt(await encrypt(CANARY, REDIS_KEY, ringOf(KEY, OTHER), VERSION), REDIS_KEY, ring, VERSION),
    ).to.equal(CANARY);
  });

  it("does not open under another Redis key", async () => {
    const moved = await encrypt(CANARY, REDIS_KEY, ring, VERSION);
    expect(await failureOf(decrypt(moved, "roo:mallory:provider", ring, VERSION))).to.have.property(
      "message",
      "It was encrypted for another key.",
    );
    const relabelled = JSON.stringify({
      ...JSON.parse(moved),
      aad: Buffer.from("roo:mallory:provider").toString("base64url"),
    });
    expect(await failureOf(decrypt(relabelled, "roo:mallory:provider", ring, VERSION))).to.have.property(
      "code",
      "UNREADABLE_VALUE",
    );
  });

  it("does not open with a key that is not on the ring", async () => {
    const error = await failureOf(
      decrypt(await encrypt(CANARY, REDIS_KEY, ring, VERSION), REDIS_KEY, ringOf(OTHER), VERSION),
    );
    expect(error).to.include({
      code: "UNREADABLE_VALUE",
      message: `It was encrypted with the key ${(await ring.encryptionKey()).id}, which this machine does not have.`,
    });
  });

  for (const [title, header, message] of [
    // It has a member more, the encrypted key.
    ["another algorithm", { alg: "A256KW", enc: "A256GCM" }, "It is not a JWE."],
    ["another encryption", { alg: "dir", enc: "A128CBC-HS256" }, "It is encrypted in another way."],
  ] as const) {
    it(`does not open where it was made with the same key by ${title}`, async () => {
      const { FlattenedEncrypt } = await import("jose");
      const { id, bytes } = await ring.encryptionKey();
      const jwe = await new FlattenedEncrypt(Buffer.from(CANARY))
        .setProtectedHeader({ ...header, kid: id })
        .setAdditionalAuthenticatedData(Buffer.from(REDIS_KEY))
        .encrypt(bytes);
      expect(await failureOf(decrypt(JSON.stringify(jwe), REDIS_KEY, ring, VERSION))).to.have.property(
        "message",
        message,
      );
    });
  }

  it("is asked for no key where it names none", async () => {
    const asked: unknown[] = [];
    const asking = {
      encryptionKey: () => ring.encryptionKey(),
      decryptionKey: async (id: string) => void asked.push(id),
    } as unknown as KeyRing;
    const { protected: _header, ...jwe } = JSON.parse(await encrypt(CANARY, REDIS_KEY, ring, VERSION)) as Record<
      string,
      string
    >;
    for (const [unnamed, message] of [
      [{ ...jwe, header: { alg: "dir", enc: "A256GCM", kid: (await ring.encryptionKey()).id } }, "It is not a JWE."],
      [{ ...jwe, protected: named({ alg: "dir", enc: "A256GCM" }) }, "It is encrypted in another way."],
      [{ ...jwe, protected: named({ alg: "dir", enc: "A256GCM", kid: 5 }) }, "It is encrypted in another way."],
    ] as const)
      expect(await failureOf(decrypt(JSON.stringify(unnamed), REDIS_KEY, asking, VERSION))).to.have.property(
        "message",
        message,
      );
    expect(asked).to.deep.equal([]);
  });

  it("says why it does not open: it is none, or was changed", async () => {
    const jwe = JSON.parse(await encrypt(CANARY, REDIS_KEY, ring, VERSION)) as Record<string, string>;
    const changed = await failureOf(decrypt(JSON.stringify({ ...jwe, tag: "A".repeat(22) }), REDIS_KEY, ring, VERSION));
    expect(changed.message).to.equal("It does not decrypt.");
    for (const none of [CANARY, ""]) {
      const { message, cause } = await failureOf(decrypt(none, REDIS_KEY, ring, VERSION));
      expect([message, cause]).to.deep.equal(["It is not a JWE.", undefined]);
    }
  });

  it("does not open with a bit flipped anywhere", async () => {
    const jwe = JSON.parse(await encrypt(CANARY, REDIS_KEY, ring, VERSION)) as Record<string, string>;
    for (const [member, text] of Object.entries(jwe)) {
      const bytes = Buffer.from(text, "base64url");
      for (let index = 0; index < bytes.length; index++) {
        const flipped = Buffer.from(bytes);
        flipped[index]! ^= 1;
        const changed = JSON.stringify({ ...jwe, [member]: flipped.toString("base64url") });
        expect(await failureOf(decrypt(changed, REDIS_KEY, ring, VERSION)), `${member}[${index}]`).to.have.property(
          "code",
          "UNREADABLE_VALUE",
        );
      }
    }
  });

  /** Made with the right key, and perhaps in a way that is not ours. */
  async function sealed(header: object, ivBytes = 12): Promise<string> {
    const { id, bytes } = await ring.encryptionKey();
    const [encodedHeader, aad] = [named({ kid: id, ...header }), Buffer.from(REDIS_KEY).toString("base64url")];
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", bytes, iv).setAAD(Buffer.from(`${encodedHeader}.${aad}`));
    const text = Buffer.concat([cipher.update(CANARY, "utf8"), cipher.final()]);
    const [ivText, ciphertext, tag] = [iv, text, cipher.getAuthTag()].map((each) => each.toString("base64url"));
    return JSON.stringify({ protected: encodedHeader, iv: ivText, ciphertext, tag, aad });
  }
  const OURS = { alg: "dir", enc: "A256GCM" };

  it("opens where another has made it with the same key in the same way", async () => {
    expect(await decrypt(await sealed(OURS), REDIS_KEY, ring, VERSION)).to.equal(CANARY);
  });

  for (const [title, header] of [
    ["another algorithm", { ...OURS, alg: "A256KW" }],
    ["no algorithm", { enc: "A256GCM" }],
    ["another encryption", { ...OURS, enc: "A128CBC-HS256" }],
    ["no key id", { ...OURS, kid: undefined }],
    ["compression", { ...OURS, zip: "DEF" }],
    ["a critical header that nobody knows", { ...OURS, crit: ["new"], new: 1 }],
  ] as const)
    it(`does not open with ${title}, although it was made with the right key`, async () => {
      const failure = await failureOf(decrypt(await sealed(header), REDIS_KEY, ring, VERSION));
      expect(failure).to.include({ code: "UNREADABLE_VALUE", message: "It is encrypted in another way." });
    });

  it("does not open with an initialisation vector of another length, although it was made with the right key", async () => {
    for (const ivBytes of [8, 16]) {
      const failure = await failureOf(decrypt(await sealed(OURS, ivBytes), REDIS_KEY, ring, VERSION));
      expect(failure).to.include({ code: "UNREADABLE_VALUE", message: "It does not decrypt." });
    }
  });

  for (const text of [CANARY, "", "{", "null", "[]", "5", "{}", `{"ciphertext":"${CANARY}"}`]) {
    it(`is refused where it is none: ${JSON.stringify(text.replace(CANARY, "…"))}`, async () => {
      expect(await failureOf(decrypt(text, REDIS_KEY, ring, VERSION))).to.have.property("code", "UNREADABLE_VALUE");
    });
  }

  it("is refused without a word of it if what it holds is not JSON", async () => {
    const codec = new Codec(ring);
    const error = await failureOf(
      codec.decode(PROVIDER, REDIS_KEY, await encrypt(CANARY, REDIS_KEY, ring, VERSION), VERSION),
    );
    expect(error).to.include({ code: "UNREADABLE_VALUE", message: "It is not JSON." });
    const stored = await codec.encode(PROVIDER, REDIS_KEY, `{"apiConfigs":{},"a":"${CANARY}"}`, VERSION);
    expect(await codec.decode(PROVIDER, REDIS_KEY, stored, VERSION)).to.deep.equal({ apiConfigs: {}, a: CANARY });
  });

  it("of a record that is not encrypted is its JSON, and a collection must be an array", async () => {
    const codec = new Codec(ring);
    const history = new Catalogue().find("taskHistory")!;
    expect(await codec.encode(history, "roo:alice:taskHistory", "[1]", VERSION)).to.equal("[1]");
    const task = '[{"id":"a","ts":1}]';
    expect(await codec.decode(history, "roo:alice:taskHistory", task, VERSION)).to.deep.equal(JSON.parse(task));
    expect(await failureOf(codec.decode(history, "roo:alice:taskHistory", "{}", VERSION))).to.have.property(
      "message",
      "It is not an array.",
    );
  });
});

describe("keys", () => {
  it("are 32 bytes in base64url, several separated by commas", () => {
    expect(parseKeys(` ${KEY} , ${OTHER}=`).map(({ bytes }) => bytes.length)).to.deep.equal([32, 32]);
    expect(parseKeys(KEY)[0]!.id).to.equal(parseKeys(KEY)[0]!.id).and.not.to.equal(parseKeys(OTHER)[0]!.id);
    expect(KEY).not.to.contain(parseKeys(KEY)[0]!.id);
  });

  for (const [text, message] of [
    ["", "Expected the key to be 32 bytes in base64url (43 characters), got 0 characters that are not base64url"],
    [
      "correct horse",
      "Expected the key to be 32 bytes in base64url (43 characters), got 13 characters that are not base64url",
    ],
    ["AAAA", "Expected the key to be 32 bytes in base64url (43 characters), got 3 bytes"],
    [`${KEY},AAAA`, "Expected key 2 of 2 to be 32 bytes in base64url (43 characters), got 3 bytes"],
  ] as const) {
    it(`are refused with how long they are, and not with what they are: ${message.slice(-40)}`, () => {
      expect(() => parseKeys(text)).to.throw(`${message}; make one: npx redis-mirrored keygen`);
    });
  }

  it("are read from their store once, and again if that failed", async () => {
    let loads = 0;
    const stored = new StoredKeyRing({
      load: () => (++loads === 1 ? Promise.reject(new Error("locked")) : Promise.resolve(KEY)),
      storeIfAbsent: () => Promise.reject(new Error("not needed")),
    });
    expect(await failureOf(stored.encryptionKey())).to.include({
      code: "KEY_RING",
      message: "The key store could not be read or written",
    });
    expect((await stored.encryptionKey()).id).to.equal(parseKeys(KEY)[0]!.id);
    expect(await stored.decryptionKey("unknown")).to.equal(undefined);
    expect(loads).to.equal(2);
  });

  it("are made once, however many ask at once", async () => {
    let stores = 0;
    const stored = new StoredKeyRing({ load: async () => undefined, storeIfAbsent: async (key) => (stores++, key) });
    const [one, other] = await Promise.all([stored.encryptionKey(), stored.encryptionKey()]);
    expect([one, stores]).to.deep.equal([other, 1]);
  });
});
