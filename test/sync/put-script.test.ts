import { expect } from "chai";
import fc from "fast-check";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import { DEFAULT_DEADLINES } from "#dist/sync/redis-address.js";
import type { WireWrite } from "#dist/sync/redis-gateway.js";
import { MAX_KEPT } from "#dist/sync/script-parts.js";
import { addressOf } from "../support/redis-address.js";
import { ModelRedis } from "../support/model-redis.js";
import { RedisServer } from "../support/redis-server.js";
import { base64url, KNOWN_KEY, sealed, UNKNOWN_KEY } from "../support/sealed.js";
import { StoppedClock } from "../support/stopped-clock.js";

const KEY = "roo:alice:notes";
const version = (ms: number, writer = "a", counter = 0) =>
  `${1_700_000_000_000 + ms}-${String(counter).padStart(4, "0")}-${writer}`;

const SEALED = [
  sealed(KNOWN_KEY, "one", version(0)),
  sealed(KNOWN_KEY, "two"),
  sealed(UNKNOWN_KEY, "three", version(1)),
  `{"ciphertext":"four","protected":"${base64url("{}")}"}`,
];

const write = (fields: Partial<WireWrite>): WireWrite => ({
  redisKey: KEY,
  value: '"value"',
  ttlSeconds: 100,
  version: version(0),
  seen: undefined,
  keepsPrevious: false,
  ...fields,
});

describe("the put script", () => {
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

  async function put(fields: Partial<WireWrite>): Promise<string> {
    const [outcome] = await gateway.write([write(fields)]);
    return outcome!.kind;
  }

  async function kept(): Promise<(string | Buffer | undefined)[]> {
    const versions = (await gateway.listKept(KEY)).map((each) => each.version).sort();
    return Promise.all(versions.map((each) => gateway.readKept(KEY, each)));
  }

  it("keeps what it overwrites unless the writer has seen it", async () => {
    await put({ value: '"good"', version: version(1, "a") });
    await put({ value: '"seen"', version: version(2, "b"), seen: version(1, "a") });
    expect(await kept()).to.deep.equal([]);
    await put({ value: '"default"', version: version(3, "c") });
    expect(await kept()).to.deep.equal(['"seen"']);
    expect(await (await server.client()).ttl("roo:alice:~kept:notes")).to.be.within(99, 100);
  });

  it("keeps what a deletion or an empty value takes away, also if it was seen", async () => {
    await put({ value: "[1]", version: version(1) });
    await put({ value: "[]", version: version(2), keepsPrevious: true });
    await put({ value: "[2]", version: version(3) });
    await put({ value: undefined, version: version(4), keepsPrevious: true });
    expect(await kept()).to.deep.equal(["[1]", "[2]"]);
    expect(await gateway.read(KEY)).to.include({ value: undefined, isDeleted: true });
  });

  it("keeps of a secret what is encrypted, and nothing that lies open", async () => {
    await (await server.client()).set(KEY, '{"apiKey":"open"}');
    const secret = { isSecret: true, keyIds: [KNOWN_KEY] };
    await put({ ...secret, value: sealed(KNOWN_KEY, "1"), version: version(1, "a") });
    await put({ ...secret, value: sealed(KNOWN_KEY, "2"), version: version(2, "b") });
    expect(await kept()).to.deep.equal([sealed(KNOWN_KEY, "1")]);
    await (await server.client()).set(KEY, '{"apiKey":"open again"}');
    await put({ ...secret, value: undefined, version: version(3, "b"), keepsPrevious: true });
    expect(await kept()).to.deep.equal([sealed(KNOWN_KEY, "1")]);
  });

  it("does not let an older save win, and keeps that of another writer", async () => {
    await put({ value: '"newer"', version: version(2, "a") });
    expect(await put({ value: '"older, of another"', version: version(1, "b") })).to.equal("superseded");
    expect(await put({ value: '"older, of the same"', version: version(1, "a") })).to.equal("superseded");
    expect((await gateway.read(KEY)).value).to.equal('"newer"');
    expect(await kept()).to.deep.equal(['"older, of another"']);
  });

  it("takes a write that comes twice for one, and puts back a value that was evicted", async () => {
    await put({ version: version(1) });
    await (await server.client()).del(KEY);
    expect(await put({ version: version(1) })).to.equal("applied");
    expect((await gateway.read(KEY)).value).to.equal('"value"');
    expect(await kept()).to.deep.equal([]);
  });

  it("does not believe a version of the day after tomorrow, nor one that is none", async () => {
    await put({ value: '"of a broken clock"', version: `${Date.now() + 48 * 3_600_000}-0000-b` });
    expect(await put({ value: '"now"', version: `${Date.now()}-0000-a` })).to.equal("applied");
    const client = await server.client();
    await client.set("roo:alice:~version:notes", "zzzz");
    expect(await put({ value: '"still"', version: `${Date.now() + 1}-0000-a` })).to.equal("applied");
    expect(await kept()).to.have.members(['"of a broken clock"', '"now"']);
  });

  it("believes a version that is ahead by no more than clocks differ", async () => {
    const ahead = `${Date.now() + 3_600_000}-0000-b`;
    await put({ value: '"an hour ahead"', version: ahead });
    expect(await put({ value: '"now"', version: `${Date.now()}-0000-a` })).to.equal("superseded");
  });

  it("does not believe a version of today on a machine whose clock has begun anew at 1970", async () => {
    const behind = new NodeRedisGateway(addressOf(server.port), DEFAULT_DEADLINES, new StoppedClock());
    try {
      await put({ value: '"today"', version: version(0) });
      const [outcome] = await behind.write([write({ value: '"in 1970"', version: "0000000000001-0000-a" })]);
      expect(outcome).to.deep.equal({ kind: "applied" });
    } finally {
      behind.close();
    }
  });

  it("copes with things of another type under its names", async () => {
    const client = await server.client();
    for (const key of [KEY, "roo:alice:~version:notes", "roo:alice:~kept:notes"]) await client.rPush(key, "x");
    expect(await put({ value: '"one"', version: version(1) })).to.equal("applied");
    await put({ value: '"two"', version: version(2, "b") });
    expect(await kept()).to.deep.equal(['"one"']);
  });

  it(`keeps ${MAX_KEPT} versions, the first among them, and of more lets those closest together go`, async () => {
    for (let save = 0; save < 40; save++) {
      const writer = save % 2 === 0 ? "a" : "b";
      await put({ value: `"value ${save}"`, version: version(save < 4 ? save * 1_000_000 : 4_000_000 + save, writer) });
    }
    const left = await kept();
    expect(left).to.have.lengthOf(MAX_KEPT);
    expect(left.slice(0, 3)).to.deep.equal(['"value 0"', '"value 1"', '"value 2"']);
    expect(left.at(-1)).to.equal('"value 38"');
  });

  it("applies nothing of a write that a full server refuses", async () => {
    const client = await server.client();
    await put({ value: '"before"', version: version(1) });
    await client.configSet("maxmemory", "1");
    for (const value of ['"after"', undefined])
      expect(await put({ value, version: version(2, "b") })).to.equal("failed");
    await client.configSet("maxmemory", "0");
    expect(await gateway.read(KEY)).to.deep.equal({ value: '"before"', version: version(1), isDeleted: false });
    expect(await kept()).to.deep.equal([]);
  });

  it("says on the value's key who has changed it, and nothing where nothing has changed", async () => {
    const subscriber = (await server.client()).duplicate();
    await subscriber.connect();
    const heard: string[] = [];
    await subscriber.subscribe(KEY, (writer) => void heard.push(writer));
    try {
      await put({ version: version(1, "me") });
      await put({ version: version(1, "me") });
      await put({ version: version(0, "late") });
      await put({ value: undefined, version: version(2, "you") });
      // On the same connection, so that it comes after all that was said.
      await subscriber.ping();
      expect(heard).to.deep.equal(["me", "you"]);
    } finally {
      subscriber.destroy();
    }
  });

  it("does what its model does, for whatever comes in whatever order", async () => {
    const versions = fc
      .tuple(fc.nat(6), fc.constantFrom("a", "b", "c"), fc.nat(1))
      .map(([ms, writer, counter]) => version(ms * 7, writer, counter));
    const writes = fc.record({
      value: fc.option(fc.constantFrom('"one"', '{"protected":"two"}', "[]", ...SEALED), { nil: undefined }),
      version: versions,
      seen: fc.option(versions, { nil: undefined }),
      keepsPrevious: fc.boolean(),
      isSecret: fc.boolean(),
      overwritesUnreadable: fc.constantFrom(false, false, true),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(writes, { maxLength: 40 }), async (history) => {
        const redisKey = `roo:alice:${Math.random()}`;
        const model = new ModelRedis();
        for (const fields of history) {
          const each = write({ ...fields, redisKey, keyIds: [KNOWN_KEY] });
          // One by one: in a batch, one that has something to keep comes after the others.
          expect(await gateway.write([each])).to.deep.equal([model.put(each)]);
        }
        expect(await gateway.read(redisKey)).to.deep.equal(model.read(redisKey));
        expect(await gateway.listKept(redisKey)).to.have.deep.members(model.listKept(redisKey));
      }),
      { numRuns: 200 },
    );
  });
});
