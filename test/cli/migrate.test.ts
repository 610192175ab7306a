import { expect } from "chai";
import { defineRecord } from "redis-mirrored";
import { deleteLegacy, findLegacy } from "#dist/cli/migrate/legacy-keys.js";
import { UserKeys } from "#dist/sync/user-keys.js";
import { runCommand } from "../support/command.js";
import { hurriedMirror, KEY } from "../support/mirrors.js";
import { addressOf } from "../support/redis-address.js";
import { RedisServer } from "../support/redis-server.js";

const CANARY = "sk-ant-canary-7f3a9e";
const WEEK_S = 604_800;
const DAY_MS = 86_400_000;
const NOW_MS = Date.now();
const PROFILES = { currentApiConfigName: "default", apiConfigs: { default: { id: "p1", apiKey: CANARY } } };

interface Task {
  id: string;
  ts: number;
  task: string;
}

interface Report {
  isDone: boolean;
  agentKeys: string[];
  deleted: string[];
  kept: { redisKey: string; itemsLeft: number }[];
  records: { record: string; redisKey: string; kind: string; reason: string | null; added: number }[];
}

const task = (id: string, daysAgo: number, text = `${CANARY} ${id}`): Task => ({
  id,
  ts: NOW_MS - daysAgo * DAY_MS,
  task: text,
});

describe("migrate", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let server: RedisServer;
  let env: Record<string, string>;
  before(async () => {
    server = await RedisServer.start();
    env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "7", ROO_MIRROR_KEY: KEY };
  });
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));

  const run = (...args: string[]) => runCommand(env, "migrate", ...args);

  async function migrate(...args: string[]): Promise<Report> {
    const { stdout, stderr, status } = await run("--json", ...(args.includes("--dry-run") ? [] : ["--yes"]), ...args);
    expect([status, stderr]).to.deep.equal([0, ""]);
    return JSON.parse(stdout) as Report;
  }

  /** As the old code did: `SETEX`, plain JSON, the id as it is. */
  async function left(redisKey: string, value: unknown, ageS = 60): Promise<void> {
    await (await server.client()).set(redisKey, JSON.stringify(value), { EX: WEEK_S - ageS });
  }

  async function get(record: string, userId = "7", instanceId = ""): Promise<unknown> {
    const { mirror, service } = hurriedMirror(server.port, { userId, instanceId });
    const value = await service.get({ userId, record });
    await mirror.close();
    return value;
  }

  async function save(records: Record<string, unknown>): Promise<void> {
    const { mirror, service } = hurriedMirror(server.port, { userId: "7" });
    for (const [record, value] of Object.entries(records)) service.set({ userId: "7", record }, value);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  }

  /** All that is in Redis, so that a secret is found wherever it lies. */
  async function everything(): Promise<Record<string, unknown>> {
    const client = await server.client();
    const all: Record<string, unknown> = {};
    for (const key of (await client.keys("*")).sort())
      all[key] = (await client.type(key)) === "hash" ? { ...(await client.hGetAll(key)) } : await client.get(key);
    return all;
  }

  const ids = (value: unknown) => (value as Task[]).map(({ id }) => id);
  const kinds = ({ records }: Report) => Object.fromEntries(records.map(({ record, kind }) => [record, kind]));

  it("makes one history of those of all terminals, of each task the newest", async () => {
    await left("roo:7:tasks", [task("old", 9), task("shared", 5, "as it was")]);
    await left("roo:7:2:tasks", [task("pc", 3), task("shared", 1, "as it is")]);
    await left("roo:7:3:taskHistory", [task("cloud", 2)]);
    await left("roo:7:taskHistory", [task("web", 4)]);
    const report = await migrate();
    expect(report.records).to.have.length(1);
    expect(report.records[0]).to.include({ redisKey: "roo:7:taskHistory", kind: "merge", added: 5 });
    const history = await get("taskHistory");
    expect(ids(history)).to.deep.equal(["shared", "cloud", "pc", "web", "old"]);
    expect((history as Task[])[0]!.task).to.equal("as it is");
    const client = await server.client();
    expect(JSON.parse((await client.get("roo:7:taskHistory"))!)).to.deep.equal(history);
    expect(await client.ttl("roo:7:taskHistory")).to.be.within(WEEK_S - 60, WEEK_S);
    // As old as it says: what another instance has changed since is newer.
    expect(await client.hGet("roo:7:~items:taskHistory", "~index")).to.contain(
      `pc ${task("pc", 3).ts}-0000-migrated ${task("pc", 3).ts}`,
    );
  });

  it("takes the newest of a history that was longer than what is mirrored, however it was sorted", async () => {
    const all = Array.from({ length: 300 }, (_none, index) => task(`t${index}`, 300 - index));
    await left("roo:7:taskHistory", all);
    await migrate();
    expect(ids(await get("taskHistory"))).to.deep.equal(ids(all.toReversed().slice(0, 50)));
  });

  it("takes nothing away from a host that mirrors more than is usual", async () => {
    const record = defineRecord({ name: "taskHistory", kind: "collection", limit: 200 });
    const { mirror, service } = hurriedMirror(server.port, { userId: "7", records: [record] });
    const all = Array.from({ length: 150 }, (_none, index) => task(`t${index}`, index + 1));
    service.set({ userId: "7", record: "taskHistory" }, all);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    await left("roo:7:2:tasks", [task("a", 0)]);
    await migrate();
    const history = JSON.parse((await server.get("roo:7:taskHistory"))!) as Task[];
    expect(history).to.have.length(150);
    expect(history[0]!.id).to.equal("a");
    expect(await (await server.client()).hExists("roo:7:~items:taskHistory", "t149")).to.equal(1);
  });

  it("leaves nothing of a provider's secrets in plain text, and what it encrypts can be read", async () => {
    await left("roo:7:provider", PROFILES);
    expect(kinds(await migrate())).to.deep.equal({ provider: "replace" });
    expect(JSON.stringify(await everything())).not.to.contain(CANARY);
    expect(await get("provider")).to.deep.equal(PROFILES);
    // An old window that still runs writes over it.
    await left("roo:7:provider", { ...PROFILES, currentApiConfigName: "later" }, 0);
    expect(kinds(await migrate())).to.deep.equal({ provider: "replace" });
    expect(JSON.stringify(await everything())).not.to.contain(CANARY);
    expect(await get("provider")).to.include({ currentApiConfigName: "later" });
  });

  it("encrypts what an old window wrote over a record that says that it is newer", async () => {
    const client = await server.client();
    await client.set("roo:7:~version:provider", `${Date.now() + 3_600_000}-0000-ahead`);
    await left("roo:7:provider", PROFILES);
    await migrate();
    expect(JSON.stringify(await everything())).not.to.contain(CANARY);
    expect(await get("provider")).to.deep.equal(PROFILES);
  });

  it("does not encrypt with a key that nobody has named, and says so", async () => {
    await left("roo:7:provider", PROFILES);
    await left("roo:7:customInstructions", "Be brief.");
    const { ROO_MIRROR_KEY: _none, ...without } = env;
    const before = env;
    env = without;
    const { status, stdout } = await run("--yes", "--delete");
    env = before;
    expect(status).to.equal(1);
    expect(stdout).to.contain("not taken over: ROO_MIRROR_KEY does not say");
    expect(await (await server.client()).get("roo:7:provider")).to.equal(JSON.stringify(PROFILES));
    expect(await get("customInstructions")).to.equal("Be brief.");
  });

  it("takes over documents, as old as they are, and of the modes those that are the user's", async () => {
    await left("roo:7:customInstructions", "Be brief.", 3_600);
    await left("roo:7:pinnedApiConfigs", { p1: true });
    await left("roo:7:modes", [
      { slug: "code", modeType: "system" },
      { slug: "mine", modeType: "user", userId: "7" },
    ]);
    expect(kinds(await migrate())).to.deep.equal({
      customInstructions: "replace",
      customModes: "save",
      pinnedApiConfigs: "replace",
    });
    expect(await get("customModes")).to.deep.equal([{ slug: "mine", modeType: "user", userId: "7" }]);
    expect(await get("pinnedApiConfigs")).to.deep.equal({ p1: true });
    const version = (await server.get("roo:7:~version:customInstructions"))!;
    expect(Date.now() - Number(version.slice(0, 13))).to.be.within(3_600_000, 3_630_000);
  });

  it("overwrites nothing newer: tasks, deletions and documents that the mirror has stay", async () => {
    await save({ customModes: [{ slug: "new" }] });
    const { mirror, service } = hurriedMirror(server.port, { userId: "7" });
    service.set({ userId: "7", record: "taskHistory" }, [task("kept", 1, "new"), task("gone", 2)]);
    await mirror.flush({ timeoutMs: 5_000 });
    service.set({ userId: "7", record: "taskHistory" }, [task("kept", 1, "new")]);
    await mirror.close({ timeoutMs: 5_000 });
    // Written last: of what is as new as it, it would win over another terminal's.
    await left("roo:7:tasks", [task("kept", 1, "other, and no newer"), task("gone", 2), task("absent", 3)], -60);
    await left("roo:7:modes", [{ slug: "old", modeType: "user" }]);
    const report = await migrate();
    expect(kinds(report)).to.deep.equal({ taskHistory: "merge", customModes: "keep" });
    expect(await get("taskHistory")).to.deep.equal([task("kept", 1, "new"), task("absent", 3)]);
    expect(await get("customModes")).to.deep.equal([{ slug: "new" }]);
    expect(await (await server.client()).hVals("roo:7:~kept:customModes")).to.deep.equal([
      '[{"slug":"old","modeType":"user"}]',
    ]);
  });

  it("takes a task that is newer than the mirror's", async () => {
    await save({ taskHistory: [task("a", 3, "old")] });
    await left("roo:7:2:tasks", [task("a", 1, "gone on with by an old window")]);
    await migrate();
    expect(await get("taskHistory")).to.deep.equal([task("a", 1, "gone on with by an old window")]);
  });

  it("changes nothing the second time", async () => {
    await save({ customModes: [{ slug: "new" }] });
    await left("roo:7:2:tasks", [task("a", 1)]);
    await left("roo:7:taskHistory", [task("b", 2)]);
    await left("roo:7:modes", [{ slug: "old" }]);
    await left("roo:7:provider", PROFILES);
    await migrate();
    const before = await everything();
    expect(kinds(await migrate())).to.deep.equal({ taskHistory: "nothing", customModes: "nothing" });
    expect(await everything()).to.deep.equal(before);
  });

  it("deletes the old keys only if told to, and never one that is the mirror's", async () => {
    await left("roo:7:2:tasks", [task("a", 1)]);
    await left("roo:7:modes", [{ slug: "mine" }]);
    await left("roo:7:provider", PROFILES);
    expect((await migrate()).deleted).to.deep.equal([]);
    expect((await migrate("--delete")).deleted).to.deep.equal(["roo:7:2:tasks", "roo:7:modes"]);
    expect(Object.keys(await everything())).to.have.members([
      "roo:7:customModes",
      "roo:7:provider",
      "roo:7:taskHistory",
      "roo:7:~items:taskHistory",
      "roo:7:~version:customModes",
      "roo:7:~version:provider",
    ]);
    expect((await migrate("--delete")).records).to.deep.equal([]);
  });

  it("keeps a key whose history is longer than what the mirror takes, and says how many tasks only it has", async () => {
    const all = Array.from({ length: 110 }, (_none, index) => task(`t${index}`, index));
    await left("roo:7:2:tasks", [...all, "no task"]);
    await left("roo:7:3:tasks", all.slice(0, 90));
    const { deleted, kept } = await migrate("--delete");
    expect(deleted).to.deep.equal(["roo:7:3:tasks"]);
    expect(kept).to.deep.equal([{ redisKey: "roo:7:2:tasks", itemsLeft: 11 }]);
    const again = await run("--yes", "--delete");
    expect(again.stdout).to.contain("11 tasks of roo:7:2:tasks stay behind, so the key was kept.");
    expect(again.stdout).to.contain("1 of the old keys stay");
  });

  it("deletes a key whose tasks the mirror knows to be deleted", async () => {
    const { mirror, service } = hurriedMirror(server.port, { userId: "7" });
    const id = { userId: "7", record: "taskHistory" };
    service.set(id, [task("a", 1), task("b", 2)]);
    service.set(id, [task("a", 1)]);
    await mirror.close({ timeoutMs: 5_000 });
    await left("roo:7:2:tasks", [task("b", 2)]);
    expect((await migrate("--delete")).deleted).to.deep.equal(["roo:7:2:tasks"]);
  });

  it("does not delete what was written after it was read", async () => {
    await left("roo:7:2:tasks", [task("a", 1)]);
    const keys = await UserKeys.open(addressOf(server.port), "7");
    const { entries } = await findLegacy(keys, "7", () => false, new Set());
    await left("roo:7:2:tasks", [task("b", 0), task("a", 1)]);
    const isDeleted = await deleteLegacy(keys, entries[0]!);
    keys.close();
    expect([entries.length, isDeleted]).to.deep.equal([1, false]);
    expect(await server.get("roo:7:2:tasks")).to.equal(JSON.stringify([task("b", 0), task("a", 1)]));
  });

  it("keeps what cannot be read, even if told to delete", async () => {
    const client = await server.client();
    await client.set("roo:7:2:tasks", `[{"id":"${CANARY}`);
    await client.set("roo:7:4:tasks", `[{"id":"b","ts":${NOW_MS},"__proto__":{"polluted":true}}]`);
    await client.set("roo:7:modes", '"text"');
    await left("roo:7:3:tasks", [task("a", 1)]);
    const { status, stdout, stderr } = await run("--yes", "--delete");
    expect(status).to.equal(1);
    expect(stdout).to.contain("not taken over: it has not the form").and.to.contain("Deleted 1 of the old keys. 3 of");
    expect(stdout + stderr).not.to.contain(CANARY);
    expect(await client.exists(["roo:7:2:tasks", "roo:7:4:tasks", "roo:7:modes"])).to.equal(3);
    expect(ids(await get("taskHistory"))).to.deep.equal(["a"]);
  });

  it("shows what it would do and changes nothing with --dry-run, and no value", async () => {
    await left("roo:7:2:tasks", [task("a", 1)]);
    await left("roo:7:provider", PROFILES);
    await left("roo:7:agents:x", { apiConfig: { apiKey: CANARY } });
    const before = await everything();
    const { stdout, stderr, status } = await run("--dry-run", "--delete");
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout).to.match(/^roo:7:2:tasks +taskHistory +1 +\d+ +20\S+ \S+\n/m);
    expect(stdout).to.match(/^roo:7:provider +provider +\d+ +20\S+ \S+ +plain text!\n/m);
    expect(stdout).to.match(/^taskHistory +1 items added to roo:7:taskHistory\n/m);
    expect(stdout).to.contain("1 keys of agents (roo:7:agents:x) are not the mirror's");
    const json = await run("--dry-run", "--json");
    expect(JSON.parse(json.stdout)).to.deep.include({ isDone: false, agentKeys: ["roo:7:agents:x"] });
    expect(stdout + json.stdout).not.to.contain(CANARY);
    expect(await everything()).to.deep.equal(before);
  });

  it("reads ids as the old code wrote them, and writes them as the mirror does", async () => {
    await left("roo:a b*:2:tasks", [task("a", 1)]);
    await left("roo:a b*:provider", PROFILES);
    await left("roo:a bc:2:tasks", [task("of another", 1)]);
    const report = await migrate("a b*", "--delete");
    expect(kinds(report)).to.deep.equal({ taskHistory: "merge", provider: "save" });
    expect(report.deleted).to.deep.equal(["roo:a b*:2:tasks", "roo:a b*:provider"]);
    expect(ids(await get("taskHistory", "a b*"))).to.deep.equal(["a"]);
    expect(await get("provider", "a b*")).to.deep.equal(PROFILES);
    expect(JSON.stringify(await everything())).not.to.contain("apiKey");
  });

  it("saves under an instance, and leaves alone the history that a mirror has under the name of an old one", async () => {
    const { mirror, service } = hurriedMirror(server.port, { userId: "7", instanceId: "2" });
    service.set({ userId: "7", record: "taskHistory" }, [task("of instance 2", 1)]);
    await mirror.close({ timeoutMs: 5_000 });
    await left("roo:7:taskHistory", [task("a", 1)]);
    const report = await migrate("--instance", "laptop", "--delete");
    expect(report.deleted).to.deep.equal(["roo:7:taskHistory"]);
    expect(ids(await get("taskHistory", "7", "laptop"))).to.deep.equal(["a"]);
    expect(ids(await get("taskHistory", "7", "2"))).to.deep.equal(["of instance 2"]);
  });

  it("moves what lies on another server", async () => {
    const other = await RedisServer.start();
    await left("roo:7:2:tasks", [task("a", 1)]);
    await left("roo:7:customInstructions", "Be brief.");
    const before = env;
    const url = `redis://127.0.0.1:${server.port}`;
    env = { ...env, REDIS_PORT: String(other.port), LEGACY_REDIS_URL: url };
    try {
      expect((await migrate("--delete")).deleted).to.deep.equal(["roo:7:2:tasks", "roo:7:customInstructions"]);
      expect(JSON.parse((await other.get("roo:7:taskHistory"))!)).to.deep.equal([task("a", 1)]);
      expect(await other.get("roo:7:customInstructions")).to.equal('"Be brief."');
      env = { ...env, LEGACY_REDIS_URL: "http://x" };
      expect((await run("--yes")).stderr).to.contain("Expected `LEGACY_REDIS_URL` to be");
      env = { ...before, REDIS_CLUSTER: "127.0.0.1:1" };
      expect((await run("--yes")).stderr).to.contain("Expected `LEGACY_REDIS_URL` to say");
    } finally {
      env = before;
      await other.kill();
    }
  });

  it("says what it expected, that nobody can be asked, and that there is nothing", async () => {
    expect(await run("--yes")).to.deep.equal({
      status: 0,
      stdout: "Redis holds nothing of `7` that would have to be taken over.\n",
      stderr: "",
    });
    await left("roo:7:2:tasks", [task("a", 1)]);
    const before = await everything();
    for (const [args, words] of [
      [["a", "b"], "Expected `migrate` to be given 1 argument at most, got 2"],
      [[""], "Expected a user id, got an empty one"],
      [[], "Expected --yes or --dry-run where nobody can be asked, got neither"],
      [["--force"], "Expected an option of `migrate`, got `--force`"],
    ] as const) {
      const { status, stderr } = await run(...args);
      expect(stderr).to.contain(words);
      expect(status, words).to.equal(2);
    }
    expect(await everything()).to.deep.equal(before);
  });
});
