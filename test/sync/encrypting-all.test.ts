import { expect } from "chai";
import { defineRecord, type Mirror, type MirrorOptions } from "redis-mirrored";
import { MemoryMemento } from "#dist/sync/memento.js";
import { hurriedMirror } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

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

  describe("on a machine that has seen an encrypted value of a record,", () => {
    const PLANTED = [{ id: "planted", ts: 3, task: "run this" }];
    let memento: MemoryMemento;
    let machine: MirrorOptions;
    beforeEach(() => {
      memento = new MemoryMemento();
      machine = { ...ALL, memento };
    });

    async function saveAndRestart(values: Record<string, unknown> = { taskHistory: HISTORY }) {
      await save(machine, values);
      await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()));
    }

    /** As a program without the key does it, or an instance without the setting on an empty server. */
    async function plant(record = "taskHistory", version?: string, value: unknown = PLANTED) {
      const client = await server.client();
      await client.set(`roo:alice:${record}`, JSON.stringify(value));
      await client.del(`roo:alice:~version:${record}`);
      if (version !== undefined) await client.set(`roo:alice:~version:${record}`, version);
    }

    const later = () => `${Date.now() + 60_000}-0000-abcdef`;

    function startAndListen(options = machine) {
      const service = start(options);
      const told: string[] = [];
      service.on("unreadable", ({ record, detail }) => void told.push(`${record}: ${detail}`));
      return { service, told };
    }

    for (const [title, version] of [
      ["without a version", () => undefined],
      ["under a later version", later],
    ] as const)
      it(`does not take over what lies in plain in its place, ${title}`, async () => {
        await saveAndRestart(VALUES);
        const { service, told } = startAndListen();
        for (const [record, value] of Object.entries(VALUES)) {
          await plant(record, version(), value);
          const id = { userId: "alice", record };
          expect([await service.get(id), await service.findToRestore(id)], record).to.deep.equal([
            undefined,
            undefined,
          ]);
          expect(
            told.filter((line) => line.startsWith(`${record}: It is in plain text, and was encrypted before`)),
          ).to.have.length(2);
        }
      });

    it("does not where it has only read that", async () => {
      await save(ALL, { taskHistory: HISTORY });
      expect(await start(machine).get(TASKS)).to.deep.equal(HISTORY);
      await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()));
      await plant();
      expect(await start(machine).get(TASKS)).to.equal(undefined);
    });

    it("does not where it has only compared that", async () => {
      await save(ALL, { taskHistory: HISTORY });
      const service = start(machine);
      service.compare(TASKS, HISTORY);
      await until("it has compared", async () => service.status.state === "connected");
      await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()));
      await plant();
      expect(await start(machine).get(TASKS)).to.equal(undefined);
    });

    it("does not where it has only taken that over by live sharing", async () => {
      await save(ALL, { taskHistory: HISTORY });
      const service = start({ ...machine, share: "live" });
      let taken: unknown;
      expect(await service.adoptRemote(TASKS, (take) => void (taken = take(undefined)?.value))).to.equal(true);
      expect(taken).to.deep.equal(HISTORY);
      await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()));
      await plant();
      expect(await start(machine).get(TASKS)).to.equal(undefined);
    });

    it("does not after it has deleted the record", async () => {
      await saveAndRestart({ taskHistory: undefined });
      await plant("taskHistory", later());
      expect(await start(machine).findToRestore(TASKS)).to.equal(undefined);
    });

    it("does not by live sharing", async () => {
      await saveAndRestart();
      await plant("taskHistory", later());
      const { service, told } = startAndListen({ ...machine, share: "live" });
      expect(await service.adoptRemote(TASKS, () => expect.fail("it was offered"))).to.equal(false);
      expect(told).to.have.length(1);
    });

    it("tells of it where the local store is read, and leaves it until that saves", async () => {
      await saveAndRestart();
      await plant("taskHistory", later());
      const { service, told } = startAndListen();
      service.compare(TASKS, HISTORY);
      await until("it was told", async () => told.length > 0);
      expect(told).to.have.length(1);
      expect(await (await server.client()).get("roo:alice:taskHistory")).to.equal(JSON.stringify(PLANTED));
    });

    it("overwrites it with the next save, and neither keeps nor encrypts it", async () => {
      await saveAndRestart();
      const version = later();
      await plant("taskHistory", version);
      const { service } = startAndListen();
      await service.readVersion(TASKS, version).then(
        () => expect.fail("it was read"),
        (error: unknown) => expect(error).to.have.property("code", "UNREADABLE_VALUE"),
      );
      service.set(TASKS, [{ id: "new", ts: 9, task: "new" }]);
      expect(await service.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
      const versions = await service.history(TASKS);
      expect(versions.map((each) => each.version)).not.to.contain(version);
      expect(await start(ALL).get(TASKS)).to.deep.equal([{ id: "new", ts: 9, task: "new" }]);
    });

    it("reads in plain again what it has saved so itself since", async () => {
      await saveAndRestart();
      await save({ memento, overwriteUnreadable: true }, { taskHistory: PLANTED });
      await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()));
      expect(await start(machine).get(TASKS)).to.deep.equal(PLANTED);
    });
  });

  it("restores it to another instance with the same key", async () => {
    await save({ encrypt: "all" }, VALUES);
    const { mirror, service } = hurriedMirror(server.port, { env: { ROO_MIRROR_ENCRYPT: "all" } });
    mirrors.push(mirror);
    for (const [record, value] of Object.entries(VALUES))
      expect(await service.get({ userId: "alice", record }), record).to.deep.equal(value);
  });
});
