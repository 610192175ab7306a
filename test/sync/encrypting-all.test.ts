import { expect } from "chai";
import { defineRecord, type Mirror, type MirrorOptions } from "redis-mirrored";
import { hurriedMirror } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";

const CANARY = "sk-canary-7f3a9e";
const HISTORY = [
  { id: "b", ts: 2, task: CANARY },
  { id: "a", ts: 1, task: CANARY },
];
const VALUES = { taskHistory: HISTORY, customInstructions: CANARY, customModes: [{ slug: CANARY }] };

describe("a mirror that encrypts everything", () => {
  let server: RedisServer;
  const mirrors: Mirror[] = [];
  before(async () => (server = await RedisServer.start()));
  afterEach(async () => void (await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()))));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));

  async function save(options: MirrorOptions, values: Record<string, unknown>) {
    const { mirror, service } = hurriedMirror(server.port, options);
    mirrors.push(mirror);
    for (const [record, value] of Object.entries(values)) service.set({ userId: "alice", record }, value);
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    return service;
  }

  /** Everything that is there, as text. */
  async function dump(): Promise<string> {
    const client = await server.client();
    const parts = await Promise.all(
      (await client.keys("*")).map(async (key) =>
        (await client.type(key)) === "hash" ? JSON.stringify(await client.hGetAll(key)) : await client.get(key),
      ),
    );
    return parts.join("\n");
  }

  it("leaves nothing in Redis that can be read without the key, also of what lay open before", async () => {
    await save({}, VALUES);
    await save({}, { customInstructions: [] });
    expect(await dump()).to.contain(CANARY);
    await save({ encrypt: "all" }, VALUES);
    expect(await dump()).not.to.contain(CANARY);
    const keys = await (await server.client()).keys("roo:alice:~items:*");
    expect(keys).to.deep.equal([]);
  });

  const TASKS = { userId: "alice", record: "taskHistory" };
  const ALL = { env: { ROO_MIRROR_ENCRYPT: "all" } };

  function start(options: MirrorOptions = ALL) {
    const { mirror, service } = hurriedMirror(server.port, options);
    mirrors.push(mirror);
    return service;
  }

  it("restores what lies there in plain from before", async () => {
    await save({}, VALUES);
    for (const [record, value] of Object.entries(VALUES))
      expect(await start().get({ userId: "alice", record }), record).to.deep.equal(value);
  });

  it("keeps what lay there in plain, encrypted, when its first save overwrites it", async () => {
    await save({}, VALUES);
    const service = start();
    for (const record of Object.keys(VALUES)) service.set({ userId: "alice", record }, []);
    expect(await service.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await dump()).not.to.contain(CANARY);
    for (const [record, value] of Object.entries(VALUES)) {
      const [current, before] = await service.history({ userId: "alice", record });
      expect(
        [current!.isCurrent, await service.readVersion({ userId: "alice", record }, before!.version)],
        record,
      ).to.deep.equal([true, value]);
    }
  });

  it("does not read what lies in plain under the name of a record that is encrypted by definition", async () => {
    await (await server.client()).set("roo:alice:provider", '{"apiConfigs":{}}');
    expect(await start().get({ userId: "alice", record: "provider" })).to.equal(undefined);
  });

  it("keeps what a host does not get of a collection, when it saves what it has got", async () => {
    const whole = [{ id: "odd", ts: 3, task: { text: "rich" } }, ...HISTORY];
    await save({ encrypt: "all" }, { taskHistory: whole });
    const service = start();
    const found = (await service.findToRestore(TASKS))!;
    expect(found.value).to.deep.equal(HISTORY);
    await service.adopt(TASKS, found, async () => service.set(TASKS, found.value));
    service.set(TASKS, [{ id: "new", ts: 9, task: "new" }, ...HISTORY]);
    expect(await service.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    const lenient = start({ ...ALL, records: [defineRecord({ name: "taskHistory", kind: "collection" })] });
    expect(await lenient.readVersion(TASKS, found.version!)).to.deep.equal(whole);
    service.set(TASKS, [{ id: "newer", ts: 10, task: "newer" }, ...HISTORY]);
    await service.flush({ timeoutMs: 5_000 });
    expect(await service.history(TASKS)).to.have.length(2);
  });

  it("restores it to another instance with the same key", async () => {
    await save({ encrypt: "all" }, VALUES);
    const { mirror, service } = hurriedMirror(server.port, { env: { ROO_MIRROR_ENCRYPT: "all" } });
    mirrors.push(mirror);
    for (const [record, value] of Object.entries(VALUES))
      expect(await service.get({ userId: "alice", record }), record).to.deep.equal(value);
  });
});
