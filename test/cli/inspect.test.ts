import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { KEY, saveBriefly } from "../support/mirrors.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { RedisServer } from "../support/redis-server.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const CANARY = "sk-ant-canary-7f3a9e";
const HOUR_MS = 3_600_000;

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function run(env: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const command = spawn(process.execPath, [MAIN, "inspect", ...args], { env: { PATH: process.env["PATH"], ...env } });
  let [stdout, stderr] = ["", ""];
  command.stdout.on("data", (chunk) => (stdout += String(chunk)));
  command.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const [status] = (await once(command, "close")) as [number | null];
  return { status, stdout, stderr };
}

function tasks(...ids: string[]) {
  const nowMs = Date.now();
  return ids.map((id, index) => ({ id, ts: nowMs - (index + 2) * HOUR_MS, task: `${CANARY} ${id}` }));
}

/** A collection as it lies when it is merged item by item: hash and array. */
function mergedCollection(user: string, items: readonly { id: string; ts: number }[], version: string) {
  const index = items.map(({ id, ts }) => `${id} ${version} ${ts}`).join("\n");
  const fingerprint = createHash("sha1").update(index).digest("hex").slice(0, 16);
  const bodies = Object.fromEntries(items.map((item) => [item.id, JSON.stringify(item)]));
  return {
    key: `roo:${user}:taskHistory`,
    array: JSON.stringify(items),
    hashKey: `roo:${user}:~items:taskHistory`,
    hash: { ...bodies, gone: `${version} deleted`, "~index": index, "~state": `${version} ${fingerprint} - 128` },
  };
}

describe("inspect", function () {
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

  it("shows the merged history where instances share one, and what there is of the other records", async () => {
    await save({}, { taskHistory: tasks("a", "b"), provider: { apiKey: CANARY }, customInstructions: "Be brief." });
    const { status, stdout, stderr } = await run(env);
    expect([status, stderr]).to.deep.equal([0, ""]);
    const saved = "20\\d\\d-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d +[0-9a-z]+";
    const lines = stdout.split("\n");
    expect(lines[0]).to.match(/^RECORD +ITEMS +BYTES +EXPIRES +SAVED +WRITER +KEPT$/);
    expect(lines[1]).to.match(new RegExp(`^customInstructions +11 +\\d d \\d+ h +${saved} +0$`));
    expect(lines[2]).to.match(new RegExp(`^provider +encrypted +\\d+ +\\d d \\d+ h +${saved} +0$`));
    expect(lines[3]).to.match(new RegExp(`^taskHistory +2 +\\d+ +\\d d \\d+ h +${saved} +0$`));
    expect(lines.slice(4)).to.deep.equal([
      "",
      "taskHistory, newest first",
      "  2 items",
      "  2 h ago   a",
      "  3 h ago   b",
      "",
    ]);
  });

  it("shows the histories of instances side by side, in columns that line up", async () => {
    await save({ instanceId: "笔记本" }, { taskHistory: tasks("a", "b") });
    await save({ instanceId: "desktop" }, { taskHistory: tasks("c") });
    await save({}, { taskHistory: tasks("d") });
    const { stdout } = await run(env);
    expect(
      stdout
        .split("\n")
        .slice(0, 4)
        .map((line) => line.split(/ {2,}/).slice(0, 3)),
    ).to.deep.equal([
      ["RECORD", "INSTANCE", "ITEMS"],
      ["taskHistory", "(shared)", "1"],
      ["taskHistory", "desktop", "1"],
      ["taskHistory", "笔记本", "2"],
    ]);
    expect(stdout.split("\n").slice(5)).to.deep.equal([
      "taskHistory, newest first",
      "  (shared): 1   desktop: 1    笔记本: 2",
      "  2 h ago   d   2 h ago   c   2 h ago   a",
      "                              3 h ago   b",
      "",
    ]);
  });

  it("puts as many instances next to each other as the terminal is wide enough for", async () => {
    for (const instanceId of ["desktop", "laptop", "tablet"]) await save({ instanceId }, { taskHistory: tasks("a") });
    const { stdout } = await run({ ...env, COLUMNS: "30" });
    expect(stdout.split("\n").slice(5)).to.deep.equal([
      "taskHistory, newest first",
      "  desktop: 1    laptop: 1",
      "  2 h ago   a   2 h ago   a",
      "",
      "  tablet: 1",
      "  2 h ago   a",
      "",
    ]);
  });

  it("says how many items more there are than it shows", async () => {
    await save({}, { taskHistory: tasks("a", "b", "c") });
    expect((await run(env, "--items", "1")).stdout).to.match(/\n {2}3 items\n {2}2 h ago {3}a\n {2}and 2 more\n$/);
    expect((await run(env, "--items", "0")).stdout).not.to.contain("newest first");
  });

  it("as JSON has every member of every record, and of a list the ids and ages of all items", async () => {
    const history = tasks("a", "b");
    await save({ instanceId: "lap top" }, { taskHistory: history, mcpSettings: { mcpServers: {} } });
    const report = JSON.parse((await run(env, "--json")).stdout) as { records: Record<string, unknown>[] };
    const [secret, list] = report.records;
    expect(report).to.include({ userId: "alice" }).and.to.have.deep.property("strangers", []);
    expect(secret).to.include({
      record: "mcpSettings",
      instanceId: "lap top",
      isEncrypted: true,
      items: null,
      kept: 0,
    });
    expect(list).to.include({ record: "taskHistory", isEncrypted: false, state: "there" });
    expect(list!["items"]).to.deep.equal(history.map(({ id, ts }) => ({ id, recency: ts })));
    expect(list!["bytes"]).to.equal(JSON.stringify(history).length);
    expect(list!["version"]).to.match(/^\d{13}-[0-9a-z]{4}-[0-9a-z]+$/);
    expect(new Date(list!["savedAt"] as string).getTime()).to.equal(Number(String(list!["version"]).slice(0, 13)));
    expect(list!["ttlSeconds"]).to.be.within(604_700, 604_800);
  });

  it("prints no part of a value, encrypted or not", async () => {
    await save({}, { taskHistory: tasks("a"), provider: { apiKey: CANARY }, customInstructions: CANARY });
    for (const args of [[], ["--json"]]) {
      const { stdout, stderr } = await run({ ...env, ROO_MIRROR_KEY: KEY }, ...args);
      expect(stdout).to.contain("provider");
      expect(stdout + stderr).not.to.contain(CANARY);
    }
  });

  it("reads a collection that is merged item by item from its index", async () => {
    const { key, array, hashKey, hash } = mergedCollection("alice", tasks("a%20b", "c"), "1764018000123-0000-w1");
    const client = await server.client();
    await client.set(key, gzipSync(array), { EX: 100 });
    await client.hSet(hashKey, hash);
    await client.hSet("roo:alice:~kept:taskHistory", "1764018000000-0000-w2", "[{}]");
    const { records } = JSON.parse((await run(env, "--json")).stdout) as { records: Record<string, unknown>[] };
    expect(records).to.have.length(1);
    expect(records[0]).to.include({
      state: "there",
      writer: "w1",
      kept: 1,
      savedAt: "2025-11-24T21:00:00.123Z",
    });
    expect(records[0]!["ttlSeconds"]).to.be.within(1, 100);
    expect((records[0]!["items"] as { id: string }[]).map(({ id }) => id)).to.deep.equal(["a b", "c"]);
  });

  it("counts of such a collection what the array shows, not what waits to move up", async () => {
    const { key, hashKey, hash } = mergedCollection("alice", tasks("a", "b", "c"), "1764018000123-0000-w1");
    const client = await server.client();
    await client.set(key, JSON.stringify(tasks("a", "b")));
    await client.hSet(hashKey, hash);
    expect((await run(env)).stdout).to.match(/\n {2}2 items\n {2}2 h ago {3}a\n {2}3 h ago {3}b\n$/);
  });

  it("counts the items of an array that is compressed", async () => {
    await (await server.client()).set("roo:alice:taskHistory", gzipSync(JSON.stringify(tasks("a", "b"))));
    expect((await run(env)).stdout).to.match(/\ntaskHistory +2 +\d+ +never +unknown +unknown +0\n/);
  });

  it("counts no items of one that would fill the memory, or is broken", async () => {
    const client = await server.client();
    const bomb = Buffer.concat(Array<Buffer>(3).fill(gzipSync(Buffer.alloc(16 * 2 ** 20, 0x20))));
    for (const planted of [Buffer.concat([bomb, gzipSync("[]")]), gzipSync('[{"id":"a"}]').subarray(0, -3)]) {
      await client.set("roo:alice:taskHistory", planted);
      const { records } = JSON.parse((await run(env, "--json")).stdout) as { records: Record<string, unknown>[] };
      expect(records[0]).to.include({ state: "there", bytes: planted.length, items: null });
    }
  });

  it("tells a record that was deleted from one whose value is lost", async () => {
    await save({}, { customInstructions: "Be brief.", pinnedApiConfigs: { a: true } });
    await save({}, { customInstructions: undefined });
    const client = await server.client();
    await client.del("roo:alice:pinnedApiConfigs");
    const empty = mergedCollection("alice", [], "1764018000123-0000-w1");
    await client.hSet(empty.hashKey, empty.hash);
    const lines = (await run(env)).stdout.split("\n");
    expect(lines[1]).to.match(/^customInstructions +deleted +\d d \d+ h .* 1$/);
    expect(lines[2]).to.match(/^pinnedApiConfigs +missing /);
    expect(lines[3]).to.match(/^taskHistory +0 +deleted +never +2025-11-24 21:00:00 +w1 +0$/);
  });

  it("shows the user that is named, and only that one", async () => {
    await save({ userId: "bob*" }, { customInstructions: "b" });
    await save({ userId: "bobby" }, { customInstructions: "c", taskHistory: [] });
    const { stdout } = await run(env, "bob*");
    expect(stdout.split("\n")).to.have.length(3);
    expect(stdout).to.contain("customInstructions");
    expect((await run(env)).stdout).to.equal("Redis holds nothing of `alice`.\n");
    expect((await run(env, "bob\u001b[2J")).stdout).to.equal("Redis holds nothing of `bob\\u{1b}[2J`.\n");
  });

  it("names what is not the mirror's, and shows records of the host's own and values of another kind", async () => {
    const client = await server.client();
    await client.set("roo:alice:9:x:y", "1");
    await client.set("roo:alice:bookmarks", JSON.stringify(tasks("a")));
    await client.set("roo:alice:flags", "[1,2]");
    await client.hSet("roo:alice:taskHistory", "a", "b");
    await client.set("roo:alice:~version:taskHistory", "nonsense");
    const { stdout, status } = await run(env);
    expect(status).to.equal(0);
    const lines = stdout.split("\n");
    expect(lines[1]).to.match(/^bookmarks +1 /);
    expect(lines[2]).to.match(/^flags +5 +never/);
    expect(lines[3]).to.match(/^taskHistory +missing +never +unknown +unknown/);
    expect(stdout).to.contain("\nNot the mirror's, but under the user's name: roo:alice:9:x:y\n");
  });

  it("names a few keys of others, and counts the rest", async () => {
    const keys = Array.from({ length: 7 }, (_none, index) => `roo:alice:${index}`);
    await (await server.client()).mSet(keys.map((key) => [key, ""] as [string, string]));
    expect((await run(env)).stdout).to.equal(
      `Not the mirror's, but under the user's name: ${keys.slice(0, 5).join(", ")} and 2 more\n`,
    );
    expect(JSON.parse((await run(env, "--json")).stdout)).to.deep.equal({
      userId: "alice",
      records: [],
      strangers: keys,
    });
  });

  it("finds all keys among many others", async () => {
    const client = await server.client();
    await client.mSet(Array.from({ length: 5_000 }, (_none, index) => [`other:${index}`, ""] as [string, string]));
    await save({}, { taskHistory: tasks("a"), customInstructions: "b", customModes: [], pinnedApiConfigs: {} });
    const { records } = JSON.parse((await run(env, "--json")).stdout) as { records: { record: string }[] };
    expect(records.map(({ record }) => record)).to.deep.equal([
      "customInstructions",
      "customModes",
      "pinnedApiConfigs",
      "taskHistory",
    ]);
  });

  it("says what it expected, and that Redis is not there", async () => {
    const absent = await RedisServer.absent();
    for (const [more, args, status, words] of [
      [{}, ["a", "b"], 2, "Expected `inspect` to be given 1 argument at most, got 2"],
      [{}, ["--items", "x"], 2, "Expected --items to be a number, got `x`"],
      [{}, [""], 2, "Expected a user id, got an empty one"],
      [{}, ["--values"], 2, "Expected an option of `inspect`, got `--values`"],
      [{ REDIS_PORT: "x" }, [], 1, "Expected `REDIS_PORT` to be an integer from 1 to 65535, got `x` (string)\n"],
      [{ REDIS_PORT: String(absent.port) }, [], 1, "The connection failed: ECONNREFUSED.\n"],
    ] as const) {
      const outcome = await run({ ...env, ...more }, ...args);
      expect(outcome.stderr).to.contain(words);
      expect([outcome.status, outcome.stdout], words).to.deep.equal([status, ""]);
    }
  });

  it("says that Redis refuses", async () => {
    const closed = await RedisServer.start("--requirepass", "secret");
    const outcome = await run({ ...env, REDIS_PORT: String(closed.port) });
    await closed.kill();
    expect([outcome.status, outcome.stderr]).to.deep.equal([1, "Redis refused: NOAUTH.\n"]);
  });
});

describe("inspect, on a cluster", function () {
  this.timeout(30_000);
  let cluster: RedisCluster;
  before(async () => (cluster = await RedisCluster.start()));
  after(() => cluster.stop());

  it("finds a user's keys on the node that has them, from any node that answers", async () => {
    const env = { REDIS_CLUSTER: `127.0.0.1:${(await RedisServer.absent()).port},${cluster.addresses.split(",")[0]}` };
    for (const user of ["alice", "bob", "carol", "dave"]) {
      const key = `roo:{${user}}:laptop:customInstructions`;
      await cluster.send(await cluster.ownerOf(key), "SET", key, '"Be brief."');
      const { stdout, stderr } = await run(env, user);
      expect([stdout.split("\n")[1]?.split(/ {2,}/).slice(0, 3), stderr]).to.deep.equal([
        ["customInstructions", "laptop", "11"],
        "",
      ]);
    }
  });
});
