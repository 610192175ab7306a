import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { type Canary, canary, FORMS, keyCanary, Plantation } from "./canaries.js";
import { Evidence } from "./evidence.js";

const WRITINGS: Readonly<Record<string, (secret: string) => string | Buffer>> = {
  "as it is": (secret) => secret,
  "as JSON in JSON": (secret) => JSON.stringify({ value: JSON.stringify({ secret }) }),
  inspected: (secret) => inspect({ deep: [secret] }),
  "in a URL": (secret) => `redis://:${encodeURIComponent(secret)}@127.0.0.1`,
  "all of it percent-encoded": (secret) => [...Buffer.from(secret)].map((byte) => `%${byte.toString(16)}`).join(""),
  reversed: (secret) => Array.from(secret).reverse().join(""),
  base64: (secret) => Buffer.from(secret).toString("base64"),
  "base64, one later": (secret) => Buffer.from(`"${secret}"`).toString("base64"),
  "base64, two later": (secret) => Buffer.from(`{"${secret}"}`).toString("base64"),
  base64url: (secret) => Buffer.from(`{"${secret}"}`).toString("base64url"),
  hex: (secret) => Buffer.from(secret).toString("hex"),
  HEX: (secret) => Buffer.from(secret).toString("hex").toUpperCase(),
  "UTF-16": (secret) => Buffer.from(secret, "utf16le"),
  "UTF-16, the other way": (secret) => Buffer.from(secret, "utf16le").swap16(),
  "escaped, \\x": (secret) => [...Buffer.from(secret)].map((byte) => `\\x${byte.toString(16)}`).join(""),
  "escaped, \\u": (secret) =>
    Array.from(secret)
      .map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  "as bytes": (secret) => inspect(new Uint8Array(Buffer.from(secret)), { maxArrayLength: null }),
  "as bytes in JSON": (secret) => JSON.stringify(Buffer.from(secret)),
  "a little at the beginning": (secret) => `${secret.slice(0, secret.length / 2 + 2)}…`,
  "a little at the end": (secret) => `…${secret.slice(secret.length / 2 - 2)}`,
  packed: (secret) => gzipSync(`${"x".repeat(100)}${secret}`),
};

function leaks(said: string | Buffer, ...canaries: Canary[]): string[] {
  const evidence = new Evidence();
  evidence.add("somewhere", Buffer.concat([Buffer.from("before "), Buffer.from(said), Buffer.from(" after")]));
  return evidence.leaksOf(canaries);
}

describe("the search for canaries", () => {
  const secret = canary("a secret");
  const key = keyCanary("a key");

  for (const [name, write] of Object.entries(WRITINGS))
    it(`finds one, and only that one, ${name}`, () => {
      expect(leaks(write(secret.text), secret, canary("another"))).to.satisfy(
        (found: string[]) =>
          found.length > 0 && found.every((line) => /^somewhere(, unpacked)?: a secret, /.test(line)),
      );
    });

  it("finds each form that it knows", () => {
    for (const [form, patternsOf] of Object.entries(FORMS))
      for (const each of [secret, key])
        for (const pattern of each.cores.flatMap(patternsOf)) {
          expect(leaks(pattern, each), form).to.include(`somewhere: ${each.name}, ${form}`);
        }
  });

  it("finds a key as text, and the bytes of it", () => {
    const bytes = Buffer.from(key.text, "base64url");
    for (const said of [
      key.text,
      bytes,
      bytes.toString("hex"),
      bytes.toString("base64"),
      inspect(bytes),
      [...bytes].join(", "),
    ])
      expect(leaks(said, key)).not.to.deep.equal([]);
  });

  it("finds nothing where there is nothing", () => {
    for (const [name, write] of Object.entries(WRITINGS))
      expect(leaks(write(secret.text), canary("another"), key), name).to.deep.equal([]);
  });

  it("finds it in all that may be done with a thing", () => {
    const thing = Object.assign(new Error("fine"), { hidden: { deep: secret.text } });
    const evidence = new Evidence();
    evidence.addThing("an error", thing);
    evidence.addThing("its cause", new Error("fine", { cause: new Error(secret.text) }));
    evidence.addThing("its message", new Error(secret.text));
    expect(evidence.leaksOf([secret])).to.include.members([
      "an error, inspected: a secret, in part",
      "an error, as JSON: a secret, in part",
      "its cause, inspected: a secret, in part",
      "its message, as text: a secret, in part",
      "its message, its stack: a secret, in part",
      "its message, reported: a secret, in part",
    ]);
  });

  it("plants one in each text of a value, and in each name that the host does not look for", () => {
    const plantation = new Plantation("a profile");
    const filled = plantation.plantIn(
      { apiConfigs: { work: { apiKey: "k", list: [{ b: "c" }], size: 1 } } },
      new Set(["apiConfigs"]),
    );
    expect(plantation.canaries.map(({ name }) => name)).to.deep.equal([
      "a profile the name .apiConfigs.work",
      "a profile the name .apiConfigs.work.apiKey",
      "a profile .apiConfigs.work.apiKey",
      "a profile the name .apiConfigs.work.list",
      "a profile the name .apiConfigs.work.list[0].b",
      "a profile .apiConfigs.work.list[0].b",
      "a profile the name .apiConfigs.work.size",
    ]);
    for (const { text } of plantation.canaries)
      expect(JSON.stringify(filled)).to.contain(JSON.stringify(text).slice(1, -1));
  });
});
