import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { runCommand } from "../support/command.js";
import { KEY, saveBriefly } from "../support/mirrors.js";
import { DISKLESS_REPLICATION, RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { until } from "../support/until.js";

describe("status", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let server: RedisServer;
  let folder: TemporaryFolder;
  let env: Record<string, string>;
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(() => {
    folder = new TemporaryFolder();
    const place = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), XDG_CONFIG_HOME: folder.path };
    env = { ...place, ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY };
  });
  afterEach(() => folder.remove());

  it("says that it is connected, as whom, by which settings, with which keys, and what is there", async () => {
    await saveBriefly(server.port, {}, { customInstructions: "Be brief.", provider: { apiKey: "sk-canary" } });
    const { status, stdout, stderr } = await runCommand({ ...env, REDIS_DB: "0" }, "status");
    expect([status, stderr]).to.deep.equal([0, ""]);
    const lines = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(lines.slice(0, 4).map(([fact]) => fact)).to.deep.equal(["State", "User", "Instance", "Keys"]);
    expect(lines.slice(1, 3).map(([, what]) => what)).to.deep.equal([
      "alice (from ROO_USER_ID)",
      "none: the user's instances share",
    ]);
    expect(lines[0]![1]).to.match(/^connected to redis \d/);
    expect(lines[3]![1]).to.match(/^8WO9vYBopsW\w* encrypts, from ROO_MIRROR_KEY$/);
    expect(lines).to.deep.include(["redis.port", String(server.port), "REDIS_PORT"]);
    expect(lines).to.deep.include(["redis.tls", "false", "default"]);
    expect(lines.map(([record]) => record)).to.include.members(["customInstructions", "provider"]);
  });

  it("shows of a secret only that it is set", async () => {
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "app-canary", "on", ">pw-canary", "~*", "&*", "+@all"]);
    const url = `redis://app-canary:pw-canary@127.0.0.1:${server.port}`;
    for (const args of [[], ["--json"]]) {
      const { status, stdout } = await runCommand({ ...env, REDIS_URL: url }, "status", ...args);
      expect(status).to.equal(0);
      expect(stdout).to.contain("redis.password").and.not.to.contain("canary").and.not.to.contain(KEY);
    }
  });

  for (const [state, more, reason] of [
    ["degraded", { REDIS_PORT: "1" }, "ECONNREFUSED"],
    ["disabled", { REDIS_ENABLED: "false" }, "REDIS_ENABLED is false"],
    ["misconfigured", { REDIS_PORT: "x" }, "Expected `REDIS_PORT` to be an integer from 1 to 65535"],
  ] as const)
    it(`says that it is ${state}, and why, with a status of its own`, async () => {
      const { status, stdout } = await runCommand({ ...env, ...more }, "status", "--json");
      const found = JSON.parse(stdout) as Record<string, unknown>;
      expect(found["state"]).to.equal(state);
      expect(found["reason"]).to.contain(reason);
      expect(status).to.equal(1);
      const text = await runCommand({ ...env, ...more }, "status");
      expect([text.status, text.stdout.split("\n")[0]]).to.deep.equal([
        1,
        `State      ${state}: ${String(found["reason"])}`,
      ]);
    });

  it("says of a replica that saves are refused there, unless it takes them", async () => {
    await (await server.client()).flushAll();
    await saveBriefly(server.port, {}, { customInstructions: "Be brief." });
    const replica = await RedisServer.start("--replicaof", "127.0.0.1", String(server.port), ...DISKLESS_REPLICATION);
    try {
      const client = await replica.client();
      await until("it has a copy", async () => (await client.dbSize()) > 0);
      const there = { ...env, REDIS_PORT: String(replica.port) };
      const { status, stdout } = await runCommand(there, "status");
      expect(stdout.split("\n")[0]).to.match(
        /^State {6}degraded \(redis [\d.]+\): The server is a replica, where saves are/,
      );
      expect(stdout).to.contain("customInstructions");
      expect(status).to.equal(1);
      const found = JSON.parse((await runCommand(there, "status", "--json")).stdout) as { records: object[] };
      expect(found).to.include({ state: "degraded" });
      expect(found.records).to.have.length(1);
      await client.configSet("replica-read-only", "no");
      expect((await runCommand(there, "status")).status).to.equal(0);
    } finally {
      await replica.kill();
    }
  });

  it("says what is wrong with the keys, and whose they are that there are none yet", async () => {
    const { ROO_MIRROR_KEY: _key, ...without } = env;
    expect((await runCommand(without, "status")).stdout).to.contain("none yet: one is made on first use");
    const { stdout } = await runCommand({ ...env, ROO_MIRROR_KEY: "a passphrase" }, "status");
    expect(stdout).to.contain("misconfigured").and.not.to.contain("a passphrase");
  });

  it("has every member as JSON", async () => {
    const { stdout } = await runCommand(env, "status", "bob", "--json");
    const found = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(found).join(" ")).to.equal(
      "state reason warnings server user instanceId keys records settings problems",
    );
    expect(found).to.deep.include({
      user: { id: "bob", from: "argument" },
      instanceId: null,
      records: [],
      problems: [],
    });
  });
});

describe("doctor", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let folder: TemporaryFolder;
  let env: Record<string, string>;
  before(async () => {
    server = await RedisServer.start("--appendonly", "yes");
    folder = new TemporaryFolder();
    writeFileSync(join(folder.path, "unused"), "");
    env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), XDG_CONFIG_HOME: folder.path };
    Object.assign(env, { ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY });
  });
  after(async () => {
    folder.remove();
    await server.kill();
  });

  it("says each finding with its mark, and ends with 0 where nothing is to be done", async () => {
    const { status, stdout, stderr } = await runCommand(env, "doctor");
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout)
      .to.match(/^ {2}✓ settings: .+\n/)
      .and.to.match(/\n {2}✓ reach: .+\n/);
    expect(stdout).to.match(/\n\n {2}All is well\.\n$/);
    expect(
      stdout.split("\n").every((line) => /^(?: {2}[✓·!✗] [a-z]+: .+| {6}\S.*| {2}All is well\.|)$/.test(line)),
    ).to.equal(true);
  });

  it("ends with 3 where it works with warnings, and says what to do", async () => {
    const client = await server.client();
    await client.configSet({ "maxmemory-policy": "allkeys-lru", maxmemory: "100mb" });
    try {
      const { status, stdout } = await runCommand(env, "doctor", "--json");
      const report = JSON.parse(stdout) as { errors: number; warnings: number; findings: Record<string, unknown>[] };
      expect(report.errors).to.equal(0);
      expect(report.warnings).to.be.above(0);
      const found = report.findings.find(({ severity }) => severity === "warning");
      expect(found).to.include({ check: "eviction" });
      expect(found!["remedy"]).to.be.a("string").that.is.not.empty;
      expect(status).to.equal(3);
    } finally {
      await client.configSet({ "maxmemory-policy": "noeviction", maxmemory: "0" });
    }
  });

  it("ends with 1 where it does not work", async () => {
    const absent = await RedisServer.absent();
    const { status, stdout } = await runCommand({ ...env, REDIS_PORT: String(absent.port) }, "doctor");
    expect(status).to.equal(1);
    expect(stdout)
      .to.match(/\n {2}✗ reach: .+\n {6}\S.+\n/)
      .and.to.match(/\n {2}\d things? do(?:es)? not work\.\n$/);
  });
});
