import { expect } from "chai";
import type { Mirror, MirrorOptions } from "redis-mirrored";
import { hurriedMirror, type MirrorUnderTest, untilEvent, untilSettled } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const HISTORY = { userId: "alice", record: "taskHistory" };
const NOTE = { userId: "alice", record: "customInstructions" };

describe("live sharing, on a real server", () => {
  let server: RedisServer;
  const open: Mirror[] = [];

  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));
  afterEach(async () => void (await Promise.all(open.splice(0).map((mirror) => mirror.close()))));

  function mirror(options: MirrorOptions = { share: "live" }): MirrorUnderTest {
    const made = hurriedMirror(server.port, options);
    open.push(made.mirror);
    return made;
  }

  /** How many connections listen. */
  async function listeners(): Promise<number> {
    const list = String(await (await server.client()).sendCommand(["CLIENT", "LIST", "TYPE", "pubsub"]));
    return list.trim() === "" ? 0 : list.trim().split("\n").length;
  }

  /** Two instances that know both records, and listen. */
  async function pair(options: MirrorOptions = { share: "live" }): Promise<[MirrorUnderTest, MirrorUnderTest]> {
    const [one, other] = [mirror(options), mirror(options)];
    for (const { service, mirror: each } of [one, other]) {
      service.set(HISTORY, (await service.get(HISTORY)) ?? [{ id: "a", ts: 1 }]);
      if ((await service.get(NOTE)) === undefined) service.set(NOTE, "both");
      await each.flush();
    }
    await until("both listen", async () => (await listeners()) === 2);
    await Promise.all([untilSettled(one.mirror), untilSettled(other.mirror)]);
    return [one, other];
  }

  /** What a mirror tells from here on, as `record` names. */
  function told({ mirror: each }: MirrorUnderTest): string[] {
    const records: string[] = [];
    each.on("remoteChange", ({ userId, record }) => void records.push(`${userId} ${record}`));
    return records;
  }

  it("tells the other instance of an item that changed, within a second, and not the one who changed it", async () => {
    const [one, other] = await pair();
    const own = told(one);
    const heard = untilEvent(other.mirror, "remoteChange", ({ record }) => record === "taskHistory");
    const startMs = performance.now();
    one.service.set(HISTORY, [{ id: "a", ts: 2 }]);
    expect(await heard).to.deep.equal([HISTORY]);
    expect(performance.now() - startMs).to.be.below(1_000);
    expect(own).to.deep.equal([]);
  });

  it("tells of a document that changed, and of one that was deleted", async () => {
    const [one, other] = await pair();
    let heard = untilEvent(other.mirror, "remoteChange");
    one.service.set(NOTE, "of one");
    expect(await heard).to.deep.equal([NOTE]);
    heard = untilEvent(other.mirror, "remoteChange");
    one.service.delete(NOTE);
    expect(await heard).to.deep.equal([NOTE]);
  });

  it("tells of an item that was deleted", async () => {
    const [one, other] = await pair();
    const heard = untilEvent(other.mirror, "remoteChange");
    one.service.set(HISTORY, [{ id: "b", ts: 2 }]);
    await heard;
    const heardAgain = untilEvent(other.mirror, "remoteChange");
    one.service.set(HISTORY, []);
    expect(await heardAgain).to.deep.equal([HISTORY]);
  });

  it("comes back when its connection was cut, and tells what was changed meanwhile", async () => {
    const [one, other] = await pair();
    const client = await server.client();
    const before = told(other);
    await client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
    one.service.set(NOTE, "said to nobody");
    await one.mirror.flush();
    expect(before).to.deep.equal([]);
    await untilEvent(other.mirror, "remoteChange");
    expect(before).to.deep.equal(["alice customInstructions"]);
    await until("both listen again", async () => (await listeners()) === 2);
    const heard = untilEvent(other.mirror, "remoteChange");
    one.service.set(NOTE, "heard again");
    expect(await heard).to.deep.equal([NOTE]);
  });

  it("says once that listening is forbidden, and finds by its reconcile what was changed", async () => {
    const client = await server.client();
    await client.sendCommand("ACL SETUSER unheard on >secret ~* &* +@all -psubscribe".split(" "));
    const timings = { batchWindowMs: 20, healthCheckMs: 50, reconcileMs: 100 };
    const options: MirrorOptions = { share: "live", timings, redis: { username: "unheard", password: "secret" } };
    const [one, other] = [mirror(options), mirror(options)];
    const reasons: string[] = [];
    other.mirror.on("unheard", ({ reason }) => void reasons.push(reason));
    const refused = untilEvent(other.mirror, "unheard");
    for (const { service, mirror: each } of [one, other]) {
      service.set(HISTORY, (await service.get(HISTORY)) ?? [{ id: "a", ts: 1 }]);
      if ((await service.get(NOTE)) === undefined) service.set(NOTE, "both");
      await each.flush();
    }
    await refused;
    expect(await listeners()).to.equal(0);
    const heardOfNote = untilEvent(other.mirror, "remoteChange", ({ record }) => record === NOTE.record);
    const heardOfItem = untilEvent(other.mirror, "remoteChange", ({ record }) => record === HISTORY.record);
    one.service.set(NOTE, "of one");
    one.service.set(HISTORY, [{ id: "a", ts: 2 }]);
    await Promise.all([heardOfNote, heardOfItem]);
    expect(reasons).to.deep.equal(["Redis refused: NOPERM."]);
  });

  it("leaves no connection at the close, not even one that is being made", async () => {
    const [one, other] = await pair();
    await Promise.all([one.mirror.close(), other.mirror.close()]);
    const late = mirror();
    late.service.set(NOTE, "late");
    await late.mirror.close({ timeoutMs: 1 });
    await until("all are gone", async () => (await server.mirrorConnections()) === 0);
  });

  describe("taken over", () => {
    const PROVIDER = { userId: "alice", record: "provider" };

    /** What the local store of an instance that takes over everything holds. */
    class Host {
      readonly store = new Map<string, unknown>();
      readonly #made: MirrorUnderTest;

      constructor(made: MirrorUnderTest) {
        this.#made = made;
        made.mirror.on("remoteChange", ({ record }) => void this.adopt(record));
      }

      async adopt(record: string): Promise<boolean> {
        return this.#made.mirror.adoptRemote({ record }, (take) => {
          const taken = take(this.store.get(record));
          if (taken !== undefined) this.save(record, taken.value);
        });
      }

      save(record: string, value: unknown): void {
        this.store.set(record, value);
        this.#made.service.set({ userId: "alice", record }, value);
      }
    }

    async function hosts(): Promise<[Host, Host, MirrorUnderTest, MirrorUnderTest]> {
      const made = [mirror(), mirror()] as const;
      const [one, other] = [new Host(made[0]), new Host(made[1])];
      const items = [
        { id: "b", ts: 2 },
        { id: "a", ts: 1 },
      ];
      for (const [host, each] of [
        [one, made[0]],
        [other, made[1]],
      ] as const) {
        host.save("taskHistory", items);
        await each.mirror.flush();
      }
      await until("both listen", async () => (await listeners()) === 2);
      await Promise.all(made.map(({ mirror: each }) => untilSettled(each)));
      return [one, other, ...made];
    }

    const holds = (host: Host, record: string, value: unknown) =>
      until(
        `${record} is taken over`,
        async () => JSON.stringify(host.store.get(record)) === JSON.stringify(value),
        2_000,
      );

    it("are items that another instance changed, added and deleted, and nothing of them is sent back", async () => {
      const [one, other, , { mirror: otherMirror }] = await hosts();
      const before = otherMirror.status.sentKeys;
      one.save("taskHistory", [
        { id: "c", ts: 3 },
        { id: "b", ts: 2, task: "changed" },
        { id: "a", ts: 1 },
      ]);
      await holds(other, "taskHistory", one.store.get("taskHistory"));
      one.save("taskHistory", [{ id: "c", ts: 3 }]);
      await holds(other, "taskHistory", [{ id: "c", ts: 3 }]);
      expect(await otherMirror.flush()).to.deep.equal({ flushed: true });
      expect(otherMirror.status).to.deep.include({ sentKeys: before, pending: 0 });
      expect(JSON.parse((await server.get("roo:alice:taskHistory"))!)).to.deep.equal([{ id: "c", ts: 3 }]);
    });

    it("are changes of both, and of an item that both changed the later one", async () => {
      const [one, other, oneMade, otherMade] = await hosts();
      one.save("taskHistory", [
        { id: "b", ts: 2 },
        { id: "a", ts: 1, task: "of one" },
      ]);
      const savedMs = Date.now();
      await until("the clock says that it is later", async () => Date.now() > savedMs);
      other.save("taskHistory", [
        { id: "b", ts: 2, task: "of the other" },
        { id: "a", ts: 1, task: "of the other, later" },
      ]);
      const both = [
        { id: "b", ts: 2, task: "of the other" },
        { id: "a", ts: 1, task: "of the other, later" },
      ];
      await Promise.all([holds(one, "taskHistory", both), holds(other, "taskHistory", both)]);
      await Promise.all([oneMade, otherMade].map(({ mirror: each }) => each.flush()));
      expect(JSON.parse((await server.get("roo:alice:taskHistory"))!)).to.deep.equal(both);
    });

    for (const [id, kind, valueOf] of [
      [NOTE, "a document", (text: string) => text],
      [PROVIDER, "a secret", (text: string) => ({ apiConfigs: { [text]: {} } })],
    ] as const) {
      it(`is ${kind}, and its deletion, and nothing of it is sent back`, async () => {
        const [one, other, , { mirror: otherMirror, service }] = await hosts();
        const before = otherMirror.status.sentKeys;
        await service.get(id);
        one.save(id.record, valueOf("of one"));
        await holds(other, id.record, valueOf("of one"));
        one.save(id.record, valueOf("of one, later"));
        await holds(other, id.record, valueOf("of one, later"));
        one.save(id.record, undefined);
        await holds(other, id.record, undefined);
        await otherMirror.flush();
        expect(otherMirror.status).to.deep.include({ sentKeys: before, pending: 0 });
        expect(await server.get(`roo:alice:${id.record}`)).to.equal(null);
      });
    }
  });

  it("subscribes to nothing where it is not asked for", async () => {
    const { service, mirror: plain } = mirror({});
    service.set(NOTE, "alone");
    await plain.flush();
    expect(await listeners()).to.equal(0);
  });
});
