import { inspect } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect } from "chai";
import { Codec } from "#dist/sync/codec.js";
import { compress, inflate } from "#dist/sync/compression.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { Catalogue, defineRecord } from "#dist/sync/records.js";
import { KEY } from "../support/mirrors.js";

const MEBIBYTE = 2 ** 20;
const TEXT = JSON.stringify({ note: "说明 – “quoted” 🔑", long: "x".repeat(100_000) });
const CATALOGUE = new Catalogue();
const VERSION = "1700000000000-0000-me";
const NOTE = defineRecord({ name: "note", kind: "document" });
const PROVIDER = CATALOGUE.find("provider")!;

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

describe("compression", () => {
  it("makes one gzip member of a text", async () => {
    const member = await compress(TEXT);
    expect(member.length).to.be.below(2_000);
    expect(gunzipSync(member).toString()).to.equal(TEXT);
  });

  it("compresses texts of any length, as well as with the largest window", async () => {
    for (const length of [0, 1, 63, 64, 255, 256, 511, 512, 513, 1_500, 8_000, 32_767, 32_768, 32_769, 100_000]) {
      const text = Array.from({ length }, (_each, index) => "Translate 说明 – “quoted”. "[(index * index) % 24]).join(
        "",
      );
      const member = await compress(text);
      expect(gunzipSync(member).toString(), String(length)).to.equal(text);
      expect(member.length, String(length)).to.be.at.most(gzipSync(text).length * 1.02 + 8);
    }
  });

  it("keeps no more in memory than what it has made", async () => {
    const member = await compress('"short"');
    expect(member.buffer.byteLength).to.equal(member.length);
  });

  for (const [title, stored] of [
    ["text", TEXT],
    ["bytes that are no gzip", Buffer.from(TEXT)],
    ["one member", gzipSync(TEXT)],
    ["several members", Buffer.concat([TEXT.slice(0, 9), TEXT.slice(9)].map((part) => gzipSync(part)))],
    ["members of stored blocks", gzipSync(TEXT, { level: 0 })],
  ] as const) {
    it(`reads ${title}`, async () => expect(await inflate(stored, MEBIBYTE)).to.equal(TEXT));
  }

  it("unpacks as much as is allowed, and not a byte more", async () => {
    const stored = gzipSync("x".repeat(2 * MEBIBYTE));
    expect(await inflate(stored, 2 * MEBIBYTE)).to.have.length(2 * MEBIBYTE);
    expect(await failureOf(inflate(stored, 2 * MEBIBYTE - 1))).to.have.property("code", "UNREADABLE_VALUE");
  });

  it("stops to unpack what was made to fill the memory, also where it is made of many members", async () => {
    const member = gzipSync(Buffer.alloc(16 * MEBIBYTE));
    for (const bomb of [gzipSync(Buffer.alloc(64 * MEBIBYTE)), Buffer.concat(Array<Buffer>(128).fill(member))]) {
      const before = process.resourceUsage().maxRSS;
      expect(await failureOf(inflate(bomb, 32 * MEBIBYTE))).to.include({
        code: "UNREADABLE_VALUE",
        message: "Unpacked it is larger than 32 MiB.",
      });
      // In KiB. Two GiB would be in the second one.
      expect(process.resourceUsage().maxRSS - before).to.be.below(256 * 1024);
    }
  });

  const whole = gzipSync('{"apiKey":"sk-canary"}');
  for (const [title, broken] of [
    ["its end missing", whole.subarray(0, -3)],
    ["nothing behind its first two bytes", whole.subarray(0, 2)],
    ["a wrong checksum", Buffer.from(whole.map((byte, index) => (index === whole.length - 8 ? byte ^ 1 : byte)))],
    ["something else in the place of its data", Buffer.concat([whole.subarray(0, 10), Buffer.from("sk-canary")])],
    ["a second member that is broken", Buffer.concat([whole, whole.subarray(0, 15)])],
  ] as const) {
    it(`takes gzip with ${title} for unreadable, and quotes nothing of it`, async () => {
      const error = await failureOf(inflate(broken, MEBIBYTE));
      expect(error).to.include({ code: "UNREADABLE_VALUE", message: "It is not gzip, or broken." });
      expect(inspect(error, { depth: Infinity })).not.to.contain("sk-canary");
    });
  }
});

describe("the codec, of gzip", () => {
  const ring = new FixedKeyRing(parseKeys(KEY));
  const [plain, compressing] = [new Codec(ring), new Codec(ring, { isCompressing: true })];

  it("compresses only if it is told to", async () => {
    expect(await plain.encode(NOTE, "key", TEXT, VERSION)).to.equal(TEXT);
    expect(gunzipSync(await compressing.encode(NOTE, "key", TEXT, VERSION)).toString()).to.equal(TEXT);
  });

  it("never compresses a secret", async () => {
    expect(await compressing.encode(PROVIDER, "key", TEXT, VERSION)).to.match(/^\{"protected":/);
  });

  it("reads what either writes", async () => {
    for (const writer of [plain, compressing])
      for (const reader of [plain, compressing]) {
        const stored = await writer.encode(NOTE, "key", TEXT, VERSION);
        expect(await reader.decode(NOTE, "key", stored, VERSION)).to.deep.equal(JSON.parse(TEXT));
      }
  });

  it("takes gzip in the place of a secret for unreadable, also of a JWE", async () => {
    const jwe = await plain.encode(PROVIDER, "key", TEXT, VERSION);
    const error = await failureOf(plain.decode(PROVIDER, "key", gzipSync(jwe), VERSION));
    expect(error).to.include({ code: "UNREADABLE_VALUE", message: "It is gzip, and no JWE." });
  });

  it("reads 32 MiB, packed or not, and no more", async () => {
    const ofBytes = (bytes: number) => gzipSync(`"${"x".repeat(bytes - 2)}"`);
    expect(await plain.decode(NOTE, "key", ofBytes(32 * MEBIBYTE), VERSION)).to.have.length(32 * MEBIBYTE - 2);
    const error = await failureOf(plain.decode(NOTE, "key", ofBytes(32 * MEBIBYTE + 1), VERSION));
    expect(error).to.have.property("code", "UNREADABLE_VALUE");
  });
});
