import { expect } from "chai";
import { KeySpace } from "redis-mirrored";
import { findFootprint } from "#dist/cli/purge/user-footprint.js";
import { bookkeepingKey } from "#dist/sync/keys.js";
import { UserKeys } from "#dist/sync/user-keys.js";
import { HOSTILE_IDS } from "../support/hostile-ids.js";
import { runCommand } from "../support/command.js";
import { saveBriefly } from "../support/mirrors.js";
import { addressOf } from "../support/redis-address.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { SentinelDeployment } from "../support/redis-sentinels.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const CANARY = "sk-ant-canary-7f3a9e";

interface Report {
  isDone: boolean;
  records: { record: string; instanceId: string | null; keys: number; bytes: number | null }[];
  strangers: string[];
  ambiguous: string[];
  removed: number;
  remaining: number | null;
}

const run = (env: Record<string, string>, ...args: string[]) => runCommand(env, "purge", ...args);

describe("purge", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let server: RedisServer;
  let env: Record<string, string>;
  before(async () => {
    server = await RedisServer.start();
    env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "alice" };
  });
  after(() => server.kill());
  beforeEach(async () => {
    await (await server.client()).flushAll();
  });

  const save = (options: { userId?: string; instanceId?: string }, records: Record<string, unknown>) =>
    saveBriefly(server.port, options, records);

  const plant = async (...names: (string | Buffer)[]) => {
    const client = await server.client();
    for (const name of names) await client.set(name, CANARY);
  };
  const keysLeft = async () => (await (await server.client()).keys("*")).sort();
  const report = async (...args: string[]) => JSON.parse((await run(env, ...args, "--json")).stdout) as Report;

  it("removes all records of all instances and the notes on them, and leaves everybody else's", async () => {
    const records = { taskHistory: [{ id: "a", ts: 1, task: CANARY }], provider: { apiKey: CANARY } };
    await save({}, records);
    await save({ instanceId: "lap top" }, { customInstructions: "Be brief.", pinnedApiConfigs: { a: true } });
    // Overwritten by one that has not seen it: kept.
    await save({}, { provider: { apiKey: "another" } });
    for (const userId of ["alice2", "alic", "bob", "alice:x", "*", "alice*"]) await save({ userId }, records);
    await plant("roo:alice", "roo:alicea:x", "other:roo:alice:x", "roo:ALICE:x");
    const before = await keysLeft();
    const ofAlice = before.filter((key) => key.startsWith("roo:alice:"));
    expect(ofAlice).to.include("roo:alice:~kept:provider").and.to.have.length(9);
    const { status, stdout, stderr } = await run(env, "alice", "--yes");
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout).to.contain("\nRemoved 9 keys of `alice`. What still mirrors this user writes them again");
    expect(await keysLeft()).to.deep.equal(before.filter((key) => !ofAlice.includes(key)));
  });

  it("shows first what it will remove, record by record, and no value", async () => {
    await save({}, { provider: { apiKey: CANARY }, customInstructions: CANARY });
    await save({ instanceId: "lap\u001b[2Jtop" }, { customInstructions: CANARY });
    await plant("roo:alice:9:x:y");
    const { status, stdout } = await run(env, "alice", "--dry-run");
    const lines = stdout.split("\n");
    expect(lines[0]).to.match(/^RECORD +INSTANCE +KEYS +BYTES$/);
    expect(lines[1]).to.match(/^customInstructions {3}lap\\u\{1b\}\[2Jtop +2 +\d+$/);
    expect(lines[2]).to.match(/^customInstructions {3}\(shared\) +2 +\d+$/);
    expect(lines[3]).to.match(/^provider {13}\(shared\) +2 +\d+$/);
    expect(lines.slice(4)).to.deep.equal(["Not the mirror's, but under the user's name: roo:alice:9:x:y", ""]);
    expect(stdout).not.to.contain(CANARY);
    expect(status).to.equal(0);
    expect(await keysLeft()).to.have.length(7);
  });

  it("as JSON has every record, how large it is, and what became of it", async () => {
    await save({ instanceId: "laptop" }, { customInstructions: CANARY });
    const planned = await report("alice", "--dry-run");
    expect(planned).to.deep.include({ isDone: false, removed: 0, remaining: null, strangers: [], ambiguous: [] });
    const [row] = planned.records;
    expect(row).to.include({ record: "customInstructions", instanceId: "laptop", keys: 2 });
    expect(row!.bytes).to.be.within(100, 1_000);
    expect(await report("alice", "--yes")).to.deep.include({ isDone: true, removed: 2, remaining: 0 });
  });

  it("can be called again: then there is nothing, which is no failure", async () => {
    await save({}, { customInstructions: "a" });
    expect((await run(env, "alice", "--yes")).status).to.equal(0);
    const again = await run(env, "alice", "--yes");
    expect(again).to.deep.equal({ status: 0, stdout: "Redis holds nothing of `alice`.\n", stderr: "" });
  });

  it("removes what somebody else wrote under the user's name, of whatever type, also where that is not UTF-8", async () => {
    const client = await server.client();
    await plant(
      "roo:alice:",
      "roo:alice:9",
      "roo:alice:a:b:c:d",
      "roo:{alice}:x",
      "roo:alice:agents:1",
      "roo:alice:\n",
    );
    await plant(Buffer.from("roo:alice:\xff\xfe", "latin1"), Buffer.from("roo:alice:\xff\xfd", "latin1"));
    await client.sAdd("roo:alice:taskHistory", "a");
    await client.zAdd("roo:alice:~items:taskHistory", { score: 1, value: "a" });
    await client.rPush("roo:alice:~kept:provider", "a");
    await client.xAdd("roo:alice:provider", "*", { a: "b" });
    expect(await report("alice", "--yes")).to.deep.include({ removed: 12, remaining: 0 });
    expect(await keysLeft()).to.deep.equal([]);
  });

  it("with an instance removes only what that one has", async () => {
    await save({}, { customInstructions: "a" });
    await save({ instanceId: "laptop" }, { customInstructions: "a" });
    await save({ instanceId: "laptop2" }, { customInstructions: "a" });
    await plant("roo:alice:a:b:c");
    expect(await report("alice", "--instance", "laptop", "--yes")).to.deep.include({ removed: 2, remaining: 0 });
    expect(await report("alice", "--instance", "", "--yes")).to.deep.include({ removed: 2, remaining: 0 });
    expect(await keysLeft()).to.deep.equal([
      "roo:alice:a:b:c",
      "roo:alice:laptop2:customInstructions",
      "roo:alice:laptop2:~version:customInstructions",
    ]);
  });

  describe("of what the code before this package left, which did not escape ids", () => {
    it("removes what can be nobody else's, under the id as it is", async () => {
      await plant(
        "roo:7:tasks",
        "roo:7:taskHistory",
        "roo:7:modes",
        "roo:7:agents:a",
        "roo:user *7?:tasks",
        "roo:user 77:tasks",
      );
      expect((await run(env, "7", "--yes")).status).to.equal(0);
      expect((await run(env, "user *7?", "--yes")).status).to.equal(0);
      expect(await keysLeft()).to.deep.equal(["roo:user 77:tasks"]);
    });

    it("leaves what may be another user's, says so, and ends with 1; --ambiguous removes it", async () => {
      const doubtful = ["roo:7:5:agents:a", "roo:7:5:provider", "roo:7:5:taskHistory", "roo:7:5:tasks"];
      await plant(...doubtful, "roo:7:tasks");
      const { status, stdout } = await run(env, "7", "--yes");
      expect(status).to.equal(1);
      expect(stdout).to.contain(
        `Of this user or of another one, which is left alone; --ambiguous removes it too: ${doubtful.join(", ")}\n`,
      );
      expect(await keysLeft()).to.deep.equal(doubtful);
      const other = await report("7:5", "--yes");
      expect(other).to.deep.include({ records: [], ambiguous: doubtful.filter((name) => !name.includes("agents")) });
      expect((await run(env, "7", "--yes", "--ambiguous")).status).to.equal(0);
      expect(await keysLeft()).to.deep.equal([]);
    });

    it("is in no doubt about what the mirror wrote there: it left notes, or encrypted it", async () => {
      await save({ userId: "7", instanceId: "5" }, { taskHistory: [{ id: "a", ts: 1 }], provider: { apiKey: CANARY } });
      const client = await server.client();
      await client.del("roo:7:5:~version:provider");
      const before = await keysLeft();
      expect(await run(env, "7:5", "--yes", "--ambiguous")).to.deep.include({ status: 0, stderr: "" });
      expect(await keysLeft())
        .to.deep.equal(before)
        .and.to.have.length(3);
      expect(await report("7", "--yes")).to.deep.include({ ambiguous: [], removed: 3 });
    });
  });

  it("leaves what may be another user's, whose encoded id is as this one's is, whatever it holds", async () => {
    const doubtful = ["roo:a%20b:notes:x:y", "roo:a%20b:~lock!", "roo:{7}:notes:x:y"];
    await plant(...doubtful, "roo:a%2520b:notes:x:y", "roo:a%2520b:provider");
    await (await server.client()).set("roo:a%20b:packed:x:y", Buffer.from("1f8b08", "hex"));
    const ofSpaced = ["roo:a%20b:notes:x:y", "roo:a%20b:packed:x:y", "roo:a%20b:~lock!"];
    expect(await report("a%20b", "--yes")).to.deep.include({ removed: 2, ambiguous: ofSpaced });
    expect(await report("{7}", "--yes")).to.deep.include({ removed: 0, ambiguous: ["roo:{7}:notes:x:y"] });
    expect(await keysLeft()).to.deep.equal([...ofSpaced, "roo:{7}:notes:x:y"]);
    expect(await report("a b", "--yes")).to.deep.include({ removed: 3, ambiguous: [] });
    expect(await report("7", "--yes")).to.deep.include({ removed: 1, ambiguous: [] });
  });

  it("removes hostile users one by one, each nobody else's keys", async () => {
    const client = await server.client();
    const keysOf = (userId: string) =>
      [undefined, "a", ":", "~kept", "*", "{a}", "\n"].flatMap((instanceId) =>
        [false, true].flatMap((isCluster) => {
          const key = new KeySpace({ isCluster, ...(instanceId !== undefined && { instanceId }) }).keyOf({
            userId,
            record: "provider",
          });
          return [key, bookkeepingKey(key, "version")];
        }),
      );
    for (const userId of HOSTILE_IDS) await client.mSet(keysOf(userId).map((key): [string, string] => [key, "1"]));
    for (const userId of HOSTILE_IDS) {
      const keys = await UserKeys.open(addressOf(server.port), userId);
      const { certain, ambiguous } = await findFootprint([keys], userId, undefined);
      keys.close();
      expect(ambiguous).to.deep.equal([]);
      expect(certain.map(({ text }) => text)).to.have.members(keysOf(userId));
    }
    expect(new Set(HOSTILE_IDS.flatMap(keysOf)).size).to.equal(HOSTILE_IDS.length * 7 * 4);
  });

  it("says that something writes it again, where that has happened", async () => {
    const client = await server.client();
    await client.set("roo:alice:x", "1");
    await client.sendCommand(["CONFIG", "SET", "notify-keyspace-events", "Kg"]);
    const watching = client.duplicate();
    await watching.connect();
    // Put back before the command has heard that it is gone.
    await watching.subscribe("__keyspace@0__:roo:alice:x", () => void client.set("roo:alice:x", "1"));
    const proxy = await TcpProxy.start(server.port);
    proxy.delayMs = 100;
    const { status, stdout } = await run({ ...env, REDIS_PORT: String(proxy.port) }, "alice", "--yes");
    watching.destroy();
    await proxy.stop();
    expect(status).to.equal(1);
    expect(stdout).to.contain("Removed 1 key of `alice`. 1 is there again: something still mirrors this user.");
  });

  it("says what it expected, changes nothing where nobody can be asked, and that Redis is not there", async () => {
    await save({}, { customInstructions: "a" });
    const absent = await RedisServer.absent();
    for (const [more, args, status, words] of [
      [{}, [], 2, "Expected USER, got none"],
      [{}, ["--yes"], 2, "Expected USER, got none"],
      [{}, ["a", "b"], 2, "Expected `purge` to be given 1 argument at most, got 2"],
      [{}, [""], 2, "Expected the id of one user, got an empty one"],
      [{}, ["alice"], 2, "Expected --yes or --dry-run where nobody can be asked, got neither"],
      [{ REDIS_PORT: "x" }, ["alice"], 1, "Expected `REDIS_PORT` to be an integer from 1 to 65535, got `x` (string)\n"],
      [{ REDIS_PORT: String(absent.port) }, ["alice"], 1, "The connection failed: ECONNREFUSED.\n"],
    ] as const) {
      const outcome = await run({ ...env, ...more }, ...args);
      expect(outcome.stderr).to.contain(words);
      expect(outcome.status, words).to.equal(status);
    }
    expect(await keysLeft()).to.have.length(2);
  });

  it("removes where it may not ask how large it is", async () => {
    await save({}, { customInstructions: "a" });
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "small", "on", ">pw", "~roo:*", "+@all", "-memory"]);
    const { status, stdout } = await run({ ...env, REDIS_USERNAME: "small", REDIS_PASSWORD: "pw" }, "alice", "--yes");
    expect([status, stdout.split("\n")[1]]).to.deep.equal([0, "customInstructions   (shared)      2   unknown"]);
  });
});

describe("purge, where there are several servers", function () {
  this.timeout(60_000);

  it("removes a user from a cluster: also what lies on other nodes than the user's own", async () => {
    const cluster = await RedisCluster.start();
    try {
      const env = { REDIS_CLUSTER: cluster.addresses };
      const gone = [
        "roo:{alice}:customInstructions",
        "roo:{alice}:~version:customInstructions",
        "roo:{alice}:l:provider",
      ];
      // As a mirror writes them that takes one of the nodes for a server of its own.
      const untagged = ["customInstructions", "provider", "customModes", "taskHistory"].map(
        (name) => `roo:alice:${name}`,
      );
      const others = ["roo:{bob}:customInstructions", "roo:{alice2}:customInstructions", "roo:bob:customInstructions"];
      const owners = new Set<RedisServer>();
      for (const key of [...gone, ...untagged, ...others]) {
        const owner = await cluster.ownerOf(key);
        if (untagged.includes(key)) owners.add(owner);
        await cluster.send(owner, "SET", key, "1");
      }
      expect(owners.size).to.be.above(1);
      expect(await run(env, "alice", "--yes")).to.deep.include({ status: 0, stderr: "" });
      for (const key of [...gone, ...untagged]) expect(await cluster.get(key), key).to.equal(null);
      for (const key of others) expect(await cluster.get(key), key).to.equal("1");
      expect((await run(env, "alice", "--yes")).stdout).to.equal("Redis holds nothing of `alice`.\n");
    } finally {
      await cluster.stop();
    }
  });

  it("removes a user from the primary that the sentinels name", async () => {
    const deployment = await SentinelDeployment.start({ sentinels: 1 });
    try {
      const primary = await deployment.primary();
      await deployment.send(primary, "SET", "roo:alice:customInstructions", "1");
      const { status } = await run({ REDIS_SENTINELS: deployment.sentinelAddresses }, "alice", "--yes");
      expect([status, await deployment.send(primary, "DBSIZE")]).to.deep.equal([0, 0]);
    } finally {
      await deployment.stop();
    }
  });
});
