import { gunzipSync, gzipSync } from "node:zlib";
import { RESP_TYPES } from "@redis/client";
import { expect } from "chai";
import { type Memento, MemoryMemento, type MirrorOptions } from "redis-mirrored";
import { hurriedMirror, type MirrorUnderTest, untilEvent } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const NOTE = { userId: "alice", record: "customInstructions" };
const NOTE_KEY = "roo:alice:customInstructions";
const HISTORY = { userId: "alice", record: "taskHistory" };
const HISTORY_KEY = "roo:alice:taskHistory";
const PROVIDER = { userId: "alice", record: "provider" };
const PROVIDER_KEY = "roo:alice:provider";

const task = (id: string, ts: number) => ({ id, ts, task: `Translate 说明 – “quoted” of ${id}. `.repeat(40) });
/** What each of the records may hold. */
const GOOD: Record<string, unknown> = {
  customInstructions: "good",
  taskHistory: [task("a", 1)],
  provider: { apiConfigs: {} },
};
const LONG = "Answer briefly – “quoted”. ".repeat(100);
const MEBIBYTE = 2 ** 20;
const KEPT = "1700000000000-0000-somebody";

describe("mirrors of which some compress, on one server", () => {
  let server: RedisServer;
  let mirrors: MirrorUnderTest[];
  before(async () => (server = await RedisServer.start()));
  after(async () => server.kill());
  beforeEach(async () => {
    mirrors = [];
    await (await server.client()).flushAll();
  });
  afterEach(async () => {
    for (const { mirror } of mirrors) await mirror.close();
  });

  /** @param memento Of one local store. */
  function open(compression: boolean, memento: Memento = new MemoryMemento(), options: MirrorOptions = {}) {
    const mirrored = hurriedMirror(server.port, { compression, memento, ...options });
    mirrors.push(mirrored);
    return mirrored;
  }

  async function save({ service, mirror }: MirrorUnderTest, id: typeof NOTE, value: unknown): Promise<void> {
    service.set(id, value);
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  }

  async function bytesOf(...command: string[]): Promise<Buffer> {
    const client = await server.client();
    const options = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
    return (await client.sendCommand<Buffer | null>(command, options)) ?? Buffer.alloc(0);
  }
  const isGzip = (bytes: Buffer) => bytes.toString("hex", 0, 2) === "1f8b";
  /** What lies there, which has to be gzip. */
  async function unpacked(redisKey: string): Promise<unknown> {
    return JSON.parse(gunzipSync(await bytesOf("GET", redisKey)).toString());
  }

  it("put gzip there, or JSON, and a JWE in either case", async () => {
    const [compressing, plain] = [open(true), open(false, undefined, { userId: "bob" })];
    const tasks = [task("b", 2), task("a", 1)];
    for (const [{ service, mirror }, userId] of [
      [compressing, "alice"],
      [plain, "bob"],
    ] as const) {
      service.set({ userId, record: "customInstructions" }, LONG);
      service.set({ userId, record: "taskHistory" }, tasks);
      service.set({ userId, record: "provider" }, { apiKey: "sk" });
      await mirror.flush({ timeoutMs: 5_000 });
    }
    expect([await unpacked(NOTE_KEY), await unpacked(HISTORY_KEY)]).to.deep.equal([LONG, tasks]);
    expect(await server.get("roo:bob:customInstructions")).to.equal(JSON.stringify(LONG));
    expect(await server.get("roo:bob:taskHistory")).to.equal(JSON.stringify(tasks));
    for (const key of [PROVIDER_KEY, "roo:bob:provider"]) expect(await server.get(key)).to.match(/^\{"protected":/);
    expect(isGzip(await bytesOf("HGET", "roo:alice:~items:taskHistory", "a"))).to.equal(true);
  });

  it("tell how many bytes of what arrived that has saved", async () => {
    const [compressing, plain] = [open(true), open(false)];
    const tasks = [task("b", 2), task("a", 1)];
    await save(compressing, NOTE, LONG);
    await save(compressing, HISTORY, tasks);
    const { sentBytes, savedBytes } = compressing.mirror.status;
    const bodies = await Promise.all(["a", "b"].map((id) => bytesOf("HGET", "roo:alice:~items:taskHistory", id)));
    const there = [await bytesOf("GET", NOTE_KEY), ...bodies].reduce((sum, { length }) => sum + length, 0);
    const texts = [LONG, ...tasks].map((value) => JSON.stringify(value));
    expect(sentBytes).to.equal(there);
    expect(sentBytes + savedBytes).to.equal(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0));

    // Who has read what is there saves later than that, also within the same millisecond.
    await plain.service.get(NOTE);
    await save(plain, NOTE, "plain");
    await save(plain, PROVIDER, { apiKey: "sk" });
    await compressing.service.get(PROVIDER);
    await save(compressing, PROVIDER, { apiKey: "sk of another" });
    expect([plain.mirror.status.savedBytes, compressing.mirror.status.savedBytes]).to.deep.equal([0, savedBytes]);
  });

  for (const [title, first, second] of [
    ["a mirror that compresses, then one that does not,", true, false],
    ["a mirror that does not compress, then one that does,", false, true],
  ] as const) {
    it(`share what ${title} have saved`, async () => {
      const [one, other] = [open(first), open(second)];
      await save(one, NOTE, "of one");
      expect(await other.service.get(NOTE)).to.equal("of one");
      await save(other, NOTE, "of the other");
      expect(await one.service.get(NOTE)).to.equal("of the other");

      await save(one, HISTORY, [task("a", 1)]);
      await save(other, HISTORY, [task("b", 2)]);
      await save(one, HISTORY, [task("c", 3), task("a", 1)]);
      const all = [task("c", 3), task("b", 2), task("a", 1)];
      expect([await one.service.get(HISTORY), await other.service.get(HISTORY)]).to.deep.equal([all, all]);
      expect(await unpacked(HISTORY_KEY)).to.deep.equal(all);

      await save(one, HISTORY, []);
      await save(other, HISTORY, []);
      expect([await one.service.get(HISTORY), await other.service.get(HISTORY)]).to.deep.equal([[], []]);
    });

    it(`do not send again what ${title} find to be the same`, async () => {
      const memento = new MemoryMemento();
      await save(open(first), NOTE, LONG);
      await save(open(first), HISTORY, [task("a", 1)]);
      const before = await Promise.all([NOTE_KEY, HISTORY_KEY].map((key) => bytesOf("GET", key)));
      const other = open(second, memento);
      other.service.compare(NOTE, LONG);
      other.service.compare(HISTORY, [task("a", 1)]);
      await untilCompared(other);
      await other.mirror.flush({ timeoutMs: 5_000 });
      expect(other.mirror.status.sentKeys).to.equal(0);
      expect(await Promise.all([NOTE_KEY, HISTORY_KEY].map((key) => bytesOf("GET", key)))).to.deep.equal(before);
      expect(await (await server.client()).exists(["roo:alice:~kept:taskHistory"])).to.equal(0);
    });

    it(`list, read and restore the versions that ${title} have saved`, async () => {
      const [one, other] = [open(first), open(second)];
      await save(one, NOTE, "good");
      await save(one, NOTE, "");
      await save(one, HISTORY, [task("a", 1)]);
      await save(one, HISTORY, []);
      for (const [id, good] of [
        [NOTE, "good"],
        [HISTORY, [task("a", 1)]],
      ] as const) {
        const [current, kept] = await other.service.history(id);
        expect([current?.isCurrent, kept?.isCurrent]).to.deep.equal([true, false]);
        expect(await other.service.readVersion(id, kept!.version)).to.deep.equal(good);
        expect(await other.service.restoreVersion(id, kept!.version)).to.deep.equal(good);
        expect(await one.service.get(id)).to.deep.equal(good);
      }
      expect([isGzip(await bytesOf("GET", NOTE_KEY)), isGzip(await bytesOf("GET", HISTORY_KEY))]).to.deep.equal([
        second,
        second,
      ]);
    });
  }

  it("give back what the server has lost, as it went over the wire", async () => {
    const mirrored = open(true);
    await save(mirrored, NOTE, LONG);
    await save(mirrored, HISTORY, [task("b", 2), task("a", 1)]);
    const before = await Promise.all([NOTE_KEY, HISTORY_KEY].map((key) => bytesOf("GET", key)));
    await loseAll();
    const after = () => Promise.all([NOTE_KEY, HISTORY_KEY].map((key) => bytesOf("GET", key)));
    await until("both are back", async () => (await after()).every(({ length }) => length > 0));
    expect(await after()).to.deep.equal(before);
  });

  it("give back as gzip what they found to be there as gzip, though they do not compress", async () => {
    const [compressing, plain] = [open(true), open(false)];
    await save(compressing, NOTE, LONG);
    await compressing.mirror.close();
    const before = await bytesOf("GET", NOTE_KEY);
    plain.service.compare(NOTE, LONG);
    await untilCompared(plain);
    await loseAll();
    const after = await until("it is back", async () => {
      const bytes = await bytesOf("GET", NOTE_KEY);
      return bytes.length > 0 && bytes;
    });
    expect(after).to.deep.equal(before);
  });

  it("know a local store that has gone on from what lies there as gzip", async () => {
    const memento = new MemoryMemento();
    const before = open(true, memento);
    await save(before, NOTE, "arrived");
    await save(before, HISTORY, [task("a", 1)]);
    await before.mirror.close();
    const { service } = open(false, memento);
    service.compare(NOTE, "saved just before the crash");
    service.compare(HISTORY, [task("b", 2), task("a", 1)]);
    await until("the note is there", async () => (await server.get(NOTE_KEY)) === '"saved just before the crash"');
    await until("the task is there", async () => ((await unpacked(HISTORY_KEY)) as unknown[]).length === 2);
    expect(await unpacked(HISTORY_KEY)).to.deep.equal([task("b", 2), task("a", 1)]);
  });

  it("take over the items of an array of gzip of which there are no notes", async () => {
    await (await server.client()).set(HISTORY_KEY, gzipSync(JSON.stringify([task("theirs", 1)])));
    const { service } = open(false);
    service.compare(HISTORY, [task("ours", 2)]);
    const both = [task("ours", 2), task("theirs", 1)];
    await until("both are there", async () => {
      const value = await server.get(HISTORY_KEY);
      return value?.startsWith("[") === true && (JSON.parse(value) as unknown[]).length === 2;
    });
    expect(JSON.parse((await server.get(HISTORY_KEY))!)).to.deep.equal(both);
  });

  describe("of gzip that somebody has planted", () => {
    const whole = gzipSync('"sk-canary"');
    for (const [title, planted] of [
      ["a bomb", Buffer.concat(Array<Buffer>(8).fill(gzipSync(Buffer.alloc(16 * MEBIBYTE, 0x20))))],
      ["one that is cut off", whole.subarray(0, -3)],
      ["no more than its first two bytes", whole.subarray(0, 2)],
      ["gzip of what is no JSON", gzipSync("sk-canary")],
    ] as const) {
      it(`take ${title} for absent, and say so`, async () => {
        const { service, mirror } = open(true);
        const details: string[] = [];
        mirror.on("unreadable", ({ record, detail }) => details.push(`${record}: ${detail}`));
        for (const [id, key] of [
          [NOTE, NOTE_KEY],
          [HISTORY, HISTORY_KEY],
          [PROVIDER, PROVIDER_KEY],
        ] as const) {
          await (await server.client()).set(key, planted);
          await until("it is told", async () => {
            expect(await service.get(id)).to.equal(undefined);
            return details.some((detail) => detail.startsWith(id.record));
          });
          await (await server.client()).hSet(key.replace(id.record, `~kept:${id.record}`), KEPT, planted);
          expect((await service.history(id)).at(-1)).to.include({ version: KEPT, bytes: planted.length });
          expect(await service.restoreVersion(id, KEPT).catch(({ code }) => code as string)).to.equal(
            "UNREADABLE_VALUE",
          );
          await save({ service, mirror }, id, GOOD[id.record]);
          expect(await service.get(id)).to.deep.equal(GOOD[id.record]);
        }
        expect(details.join()).not.to.contain("canary");
      });
    }

    it("do not unpack more than 2 MiB to compare it, and leave it alone", async () => {
      const large = JSON.stringify("x".repeat(2 * MEBIBYTE));
      await (await server.client()).set(NOTE_KEY, gzipSync(large));
      const { service, mirror } = open(true);
      const told = untilEvent(mirror, "unreadable");
      service.compare(NOTE, "ours");
      expect((await told)[0]).to.deep.equal({ ...NOTE, detail: "Unpacked it is larger than 2 MiB." });
      expect(await unpacked(NOTE_KEY)).to.have.length(2 * MEBIBYTE);
    });
  });

  /** It is connected once the attempt is over that compares. */
  async function untilCompared({ mirror }: MirrorUnderTest): Promise<void> {
    await untilEvent(mirror, "status", ({ state }) => state === "connected");
  }

  /** A server that was restarted without what it had. */
  async function loseAll(): Promise<void> {
    const client = await server.client();
    await client.flushAll();
    await client.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
  }
});
