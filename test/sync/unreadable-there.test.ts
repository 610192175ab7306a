import { expect } from "chai";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import type { CollectionWrite, WireOutcome, WireWrite } from "#dist/sync/redis-gateway.js";
import { addressOf } from "../support/redis-address.js";
import { RedisServer } from "../support/redis-server.js";
import { base64url, KNOWN_KEY, sealed, UNKNOWN_KEY } from "../support/sealed.js";

const KEY = "roo:alice:notes";
const VERSION_KEY = "roo:alice:~version:notes";
const ITEMS_KEY = "roo:alice:~items:notes";
const KEPT_KEY = "roo:alice:~kept:notes";
const version = (ms: number, writer = "a") => `${1_700_000_000_000 + ms}-0000-${writer}`;

const OURS = sealed(KNOWN_KEY, "ours", version(9));
const THEIRS = sealed(UNKNOWN_KEY, "theirs", version(1, "b"));

/** What it overwrites is kept. */
const KEPT = { kind: "applied", hasKept: true };

describe("what lies in Redis and cannot be read here", () => {
  let server: RedisServer;
  let gateway: NodeRedisGateway;
  before(async () => {
    server = await RedisServer.start();
    gateway = new NodeRedisGateway(addressOf(server.port));
  });
  after(async () => {
    gateway.close();
    await server.kill();
  });
  beforeEach(async () => void (await (await server.client()).flushAll()));

  async function put(fields: Partial<WireWrite>): Promise<WireOutcome> {
    const common = { redisKey: KEY, value: OURS, ttlSeconds: 100, version: version(9), seen: undefined };
    const secret = { keepsPrevious: false, isSecret: true, keyIds: [KNOWN_KEY] };
    const [outcome] = await gateway.write([{ ...common, ...secret, ...fields }]);
    return outcome!;
  }

  const PLAIN = { isSecret: false, keyIds: [] };

  async function lay(value: string, its = version(1, "b")): Promise<void> {
    const client = await server.client();
    await client.set(KEY, value);
    await client.set(VERSION_KEY, its);
  }

  const there = async () => (await gateway.read(KEY)).value;

  function expectLeft(outcome: WireOutcome, keyId: string | undefined): string {
    if (outcome.kind !== "failed") throw new Error(`expected a refusal, got ${outcome.kind}`);
    expect(outcome.error).to.include({ code: "UNKNOWN_KEY", keyId });
    return outcome.error.message;
  }

  for (const [title, fields] of [
    ["a save", {}],
    ["a deletion", { value: undefined, keepsPrevious: true }],
    ["a save that has seen it", { seen: version(5) }],
    ["a save that is sent again under the version it had", { version: version(1, "b") }],
  ] as const)
    it(`is not overwritten by ${title}, which says under which key it is`, async () => {
      await lay(THEIRS);
      const before = await gateway.read(KEY);
      const message = expectLeft(await put(fields), UNKNOWN_KEY);
      expect(message).to.contain(UNKNOWN_KEY).and.to.contain("redis-mirrored rotate");
      expect([await gateway.read(KEY), await gateway.listKept(KEY)]).to.deep.equal([before, []]);
    });

  it("is not overwritten by who has no key at all, nor where nothing says how old it is", async () => {
    await (await server.client()).set(KEY, THEIRS);
    expectLeft(await put({ keyIds: [] }), UNKNOWN_KEY);
    expect(await there()).to.equal(THEIRS);
  });

  it("is overwritten once its key is here, and kept", async () => {
    await lay(THEIRS);
    expect(await put({ keyIds: [KNOWN_KEY, UNKNOWN_KEY] })).to.deep.equal(KEPT);
    expect([await there(), await gateway.readKept(KEY, version(1, "b"))]).to.deep.equal([OURS, THEIRS]);
  });

  it("is overwritten where the user says so, and kept", async () => {
    await lay(THEIRS);
    expect(await put({ overwritesUnreadable: true })).to.deep.equal(KEPT);
    expect([await there(), await gateway.readKept(KEY, version(1, "b"))]).to.deep.equal([OURS, THEIRS]);
  });

  it("is overwritten and kept where it is broken and names a key of ours", async () => {
    const broken = OURS.slice(0, -9);
    await lay(broken);
    expect(await put({})).to.deep.equal(KEPT);
    expect([await there(), await gateway.readKept(KEY, version(1, "b"))]).to.deep.equal([OURS, broken]);
  });

  for (const [title, header] of [
    ["another algorithm", { alg: "A256KW", enc: "A256GCM", kid: KNOWN_KEY }],
    ["its members in another order", { kid: KNOWN_KEY, alg: "dir", enc: "A256GCM", ver: 5 }],
    ["no key's id", { alg: "dir", enc: "A256GCM" }],
    ["an id that would do something to a terminal", { alg: "dir", enc: "A256GCM", kid: "\u001b[2J" }],
  ] as const)
    it(`is not overwritten with a header that is not ours: ${title}`, async () => {
      const jwe = JSON.stringify({ ciphertext: "", protected: base64url(JSON.stringify(header)) });
      await lay(jwe);
      expect(expectLeft(await put({}), undefined)).not.to.match(/\p{Cc}/u);
      expect(await there()).to.equal(jwe);
    });

  it("is overwritten with such a header where that is said to be readable, and no other", async () => {
    const [header, other] = [KNOWN_KEY, UNKNOWN_KEY].map((kid) => base64url(JSON.stringify({ kid, alg: "dir" })));
    const jwe = JSON.stringify({ ciphertext: "", protected: header });
    await lay(jwe);
    expectLeft(await put({ readableHeader: other! }), undefined);
    expect(await put({ readableHeader: header! })).to.deep.equal(KEPT);
    expect(await gateway.readKept(KEY, version(1, "b"))).to.equal(jwe);
  });

  it("is overwritten where another program has written a JWE with a key of ours, its members in another order", async () => {
    const { protected: header, ciphertext } = JSON.parse(OURS) as Record<string, string>;
    const jwe = JSON.stringify({ ciphertext, protected: header }, undefined, 2);
    await lay(jwe);
    expect(await put({})).to.deep.equal(KEPT);
    expect(await gateway.readKept(KEY, version(1, "b"))).to.equal(jwe);
  });

  it("is not overwritten by plain text, unless that has seen it or the user says so", async () => {
    await lay(THEIRS);
    const plain = { ...PLAIN, value: '"plain"' };
    expect(expectLeft(await put(plain), UNKNOWN_KEY)).to.contain("ROO_MIRROR_ENCRYPT=all");
    expectLeft(await put({ ...PLAIN, value: undefined, keepsPrevious: true }), UNKNOWN_KEY);
    expect(await there()).to.equal(THEIRS);
    expect(await put({ ...plain, overwritesUnreadable: true })).to.deep.equal(KEPT);
    expect(await gateway.readKept(KEY, version(1, "b"))).to.equal(THEIRS);
    await lay(THEIRS);
    expect(await put({ ...plain, seen: version(1, "b") })).to.deep.equal({ kind: "applied" });
  });

  it("has no plain text kept beside it that was saved before it, unless the user says so", async () => {
    await lay(THEIRS);
    const earlier = { ...PLAIN, value: '"plain"', version: version(0) };
    expectLeft(await put(earlier), UNKNOWN_KEY);
    expect(await gateway.listKept(KEY)).to.deep.equal([]);
    expect(await put({ ...earlier, overwritesUnreadable: true })).to.have.property("kind", "superseded");
    expect(await gateway.readKept(KEY, version(0))).to.equal('"plain"');
  });

  it("is not taken for encrypted where a plain document has a member of that name", async () => {
    await lay('{"protected":"no","ciphertext":"no"}');
    expect(await put({ ...PLAIN, value: '"plain"' })).to.deep.equal(KEPT);
  });

  it("is not overwritten by the items of a collection, unless the user says so", async () => {
    await (await server.client()).set(KEY, THEIRS);
    const item = { id: "a", version: version(9), seen: undefined, recency: 1, body: '{"id":"a"}' };
    const write: CollectionWrite = {
      redisKey: KEY,
      version: version(9),
      items: [item],
      ttlSeconds: 100,
      limit: 50,
      isClear: false,
      keepsPrevious: false,
    };
    const [refused] = await gateway.merge([write]);
    expect(refused).to.have.nested.property("error.code", "UNKNOWN_KEY");
    expect([await there(), await (await server.client()).exists(ITEMS_KEY)]).to.deep.equal([THEIRS, 0]);
    const [merged] = await gateway.merge([{ ...write, overwritesUnreadable: true }]);
    expect([merged!.kind, await there()]).to.deep.equal(["merged", '[{"id":"a"}]']);
  });

  describe("because it lies open, from a time when the record was not encrypted,", () => {
    beforeEach(async () => {
      const client = await server.client();
      await lay('[{"id":"a"}]');
      await client.hSet(ITEMS_KEY, { "~state": "x", a: '{"id":"a"}' });
      await client.hSet(KEPT_KEY, { [version(-2)]: '"open"', [version(-1)]: THEIRS });
    });

    const left = async () => {
      const client = await server.client();
      return [await there(), await client.exists(ITEMS_KEY), await client.hVals(KEPT_KEY)];
    };

    it("goes with the first encrypted save: the array, the items and what was kept of it", async () => {
      await put({});
      expect(await left()).to.deep.equal([OURS, 0, [THEIRS]]);
    });

    it("goes with a deletion too", async () => {
      await put({ value: undefined, keepsPrevious: true });
      expect(await left()).to.deep.equal([undefined, 0, [THEIRS]]);
    });

    it("goes where an earlier release has encrypted the record since, and left it", async () => {
      await lay(sealed(KNOWN_KEY, "earlier"));
      await put({});
      expect((await left()).slice(0, 2)).to.deep.equal([OURS, 0]);
      expect((await left())[2]).to.have.members([THEIRS, sealed(KNOWN_KEY, "earlier")]);
    });

    it("stays where the save does not come through", async () => {
      await lay('"later"', version(20, "b"));
      expect(await put({})).to.deep.equal({ kind: "superseded", by: version(20, "b") });
      const client = await server.client();
      expect(await client.exists(ITEMS_KEY)).to.equal(1);
      await lay("1");
      await client.configSet("maxmemory", "1");
      const outcome = await put({});
      await client.configSet("maxmemory", "0");
      expect(outcome).to.have.nested.property("error.reply", "OOM");
      expect([await there(), await client.exists(ITEMS_KEY)]).to.deep.equal(["1", 1]);
    });

    it("is looked for no more once the record is encrypted", async () => {
      await put({});
      const client = await server.client();
      await client.hSet(ITEMS_KEY, "a", "1");
      expect(await put({ version: version(10) })).to.deep.equal({ kind: "applied" });
      expect(await client.exists(ITEMS_KEY)).to.equal(1);
    });

    it("does not keep another type under its names from being overwritten", async () => {
      const client = await server.client();
      await client.del([ITEMS_KEY, KEPT_KEY]);
      for (const key of [ITEMS_KEY, KEPT_KEY]) await client.rPush(key, "x");
      expect(await put({})).to.deep.equal({ kind: "applied" });
      expect(await there()).to.equal(OURS);
    });
  });
});
