import { gzipSync } from "node:zlib";
import { expect } from "chai";
import type { MirrorEvents } from "redis-mirrored";
import { hurriedMirror, type MirrorUnderTest } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";

const MEBIBYTE = 2 ** 20;
const USER = { userId: "alice" };
const NOTE = { ...USER, record: "customInstructions" };
const HISTORY = { ...USER, record: "taskHistory" };
const PROVIDER = { ...USER, record: "provider" };
const VALUES = [
  [NOTE, "Be brief."],
  [HISTORY, [{ id: "a", ts: 1 }]],
  [PROVIDER, { apiConfigs: { a: { apiKey: "sk" } } }],
] as const;

const nameOf = (record: string, bookkeeping = "") => `roo:alice:${bookkeeping}${record}`;

describe("what anybody may have put under the mirror's names", () => {
  let server: RedisServer;
  let mirrors: MirrorUnderTest[];
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => {
    mirrors = [];
    await order("FLUSHALL");
  });
  afterEach(() => Promise.all(mirrors.map(({ mirror }) => mirror.close())));

  const order = async (...command: (string | Buffer)[]) => (await server.client()).sendCommand(command);

  /** A process that is told of what cannot be read. */
  function start(): MirrorUnderTest & { readonly unreadable: MirrorEvents["unreadable"][0][] } {
    const started = hurriedMirror(server.port);
    mirrors.push(started);
    const unreadable: MirrorEvents["unreadable"][0][] = [];
    started.mirror.on("unreadable", (value) => unreadable.push(value));
    return { ...started, unreadable };
  }

  /** The value as another process finds it that has never seen the record. */
  const found = (id: { userId: string; record: string }) => start().service.get(id);

  for (const [type, ...make] of [
    ["a string", "SET", "?", "neither JSON nor a version"],
    ["an empty string", "SET", "?", ""],
    ["a list", "RPUSH", "?", "a", "b"],
    ["a set", "SADD", "?", "a", "b"],
    ["a sorted set", "ZADD", "?", "1", "a"],
    ["a hash", "HSET", "?", "a", "b", "~index", "c d e f", "~state", "g"],
    ["a stream", "XADD", "?", "*", "a", "b"],
  ] as const) {
    for (const bookkeeping of ["", "~version:", "~items:", "~kept:"])
      it(`may be ${type} under ${bookkeeping === "" ? "the value's" : `the \`${bookkeeping.slice(0, -1)}\``} name`, async () => {
        for (const [{ record }] of VALUES)
          await order(...make.map((part) => (part === "?" ? nameOf(record, bookkeeping) : part)));
        const { mirror, service } = start();
        for (const [id] of VALUES) expect(await service.get(id)).to.be.oneOf([undefined]);
        for (const [id, value] of VALUES) service.set(id, value);
        expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
        for (const [id, value] of VALUES) {
          expect(await found(id), id.record).to.deep.equal(value);
          service.set(id, undefined);
        }
        expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
        for (const [{ userId, record }] of VALUES) {
          expect(await found({ userId, record })).to.equal(undefined);
          // Each of them can be asked for, and the answer is of this world.
          expect(await mirror.history({ userId, record })).to.be.an("array");
        }
      });
  }

  it("may be half a gigabyte: it is not taken in, counts as absent, and is told of once", async () => {
    await order("SETRANGE", nameOf("customInstructions"), String(512 * MEBIBYTE - 1), "x");
    const { mirror, service, unreadable } = start();
    await service.get({ ...USER, record: "pinnedApiConfigs" });
    const before = process.memoryUsage().rss;
    const beginMs = performance.now();
    expect(await service.get(NOTE)).to.equal(undefined);
    expect(performance.now() - beginMs).to.be.below(1_000);
    expect(unreadable).to.deep.equal([{ ...NOTE, detail: "It is larger than 32 MiB." }]);
    service.set(NOTE, "Be brief.");
    expect(await mirror.flush({ timeoutMs: 10_000 })).to.deep.equal({ flushed: true });
    expect(await service.get(NOTE)).to.equal("Be brief.");
    expect(process.memoryUsage().rss - before).to.be.below(64 * MEBIBYTE);
    // What cannot be read is not kept for somebody to read it.
    expect(await order("EXISTS", nameOf("customInstructions", "~kept:"))).to.equal(0);
  }).timeout(60_000);

  it("may be as large in its notes", async () => {
    const large = String(64 * MEBIBYTE);
    const fields = `for _, field in ipairs(ARGV) do redis.call('HSET', KEYS[1], field, string.rep('a', ${large})) end`;
    await order("SETRANGE", nameOf("customInstructions", "~version:"), large, "x");
    await order("EVAL", fields, "1", nameOf("taskHistory", "~items:"), "~index", "~state", "a", "b");
    await order("EVAL", fields, "1", nameOf("customInstructions", "~kept:"), "a".repeat(100), "1700000000000-0000-me");
    await order("SET", nameOf("taskHistory"), '[{"id":"a","ts":1}]');
    const { mirror, service, unreadable } = start();
    await service.get({ ...USER, record: "pinnedApiConfigs" });
    const before = process.memoryUsage().rss;
    for (const id of [NOTE, HISTORY]) expect(await service.get(id)).to.equal(undefined);
    expect(unreadable.map(({ detail }) => detail)).to.deep.equal(Array(2).fill("It is larger than 32 MiB."));
    expect(await mirror.history({ record: "customInstructions" }).catch((error: Error) => error.message)).to.equal(
      "It is larger than 32 MiB.",
    );
    const held: unknown[] = [];
    mirror.on("held", (write) => held.push(write));
    for (const [id, value] of VALUES) service.set(id, value);
    const reason = "It is larger than 32 MiB.";
    expect(await mirror.flush({ timeoutMs: 10_000 })).to.deep.equal({ flushed: false, reason });
    // Of a list nobody knows what it would be merged with. The others arrive.
    expect(held).to.deep.equal([{ ...HISTORY, reason }]);
    for (const [id, value] of VALUES) if (id !== HISTORY) expect(await found(id)).to.deep.equal(value);
    expect(process.memoryUsage().rss - before).to.be.below(48 * MEBIBYTE);
  }).timeout(60_000);

  const deep = `${"[".repeat(2 ** 20)}${"]".repeat(2 ** 20)}`;
  for (const [title, stored, detail] of [
    ["nested a million levels deep", deep, "It is nested deeper than 500 levels."],
    ["the same, compressed", gzipSync(deep), "It is nested deeper than 500 levels."],
    ["more values than a host has room for", `[${"0,".repeat(2 ** 20)}0]`, "It holds more than 1000000 values."],
    ["a prototype", '{"__proto__":{"polluted":1}}', "It names what every object inherits."],
    ["a constructor's", '{"constructor":{"prototype":{"polluted":1}}}', "It names what every object inherits."],
    ["no UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22]), "It is not UTF-8."],
    ["no UTF-8, compressed", gzipSync(Buffer.from([0x22, 0xff, 0x22])), "It is not UTF-8."],
    ["of another form", "[1]", "It does not pass the record's schema."],
  ] as const) {
    it(`may be ${title}: it counts as absent, and is told of once`, async () => {
      await order("SET", nameOf("customInstructions"), stored);
      const { service, unreadable } = start();
      expect(await service.get(NOTE)).to.equal(undefined);
      expect(unreadable).to.deep.equal([{ ...NOTE, detail }]);
      expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
    });
  }

  it("may be items of which some are none: these are left out, the others are given to the host", async () => {
    const items = [{ id: "a", ts: 3 }, { id: "b", ts: "2" }, 5, { id: "c", ts: 1 }];
    await order("SET", nameOf("taskHistory"), JSON.stringify(items));
    const { service, unreadable } = start();
    expect(await service.get(HISTORY)).to.deep.equal([items[0], items[3]]);
    const detail = "2 of its items do not pass the record's schema.";
    expect(unreadable).to.deep.equal([{ ...HISTORY, detail, items: 2 }]);
  });

  it("may be a kept version on which a host would break: that one is not restored", async () => {
    const version = "1700000000000-0000-other";
    await order("HSET", nameOf("provider", "~kept:"), version, '{"apiConfigs":{}}');
    await order(
      "HSET",
      nameOf("customInstructions", "~kept:"),
      version,
      "{}",
      "1700000000001-0000-other",
      '"Be brief."',
    );
    const { mirror } = start();
    const record = "customInstructions";
    const failure = await mirror.restore({ record, version }).catch((error: unknown) => error);
    expect(failure).to.include({ code: "UNREADABLE_VALUE", message: "It does not pass the record's schema." });
    expect(await mirror.restore({ record, version: "1700000000001-0000-other" })).to.equal("Be brief.");
  });
});
