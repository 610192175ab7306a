import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createMirror, type Mirror, type MirrorOptions, TOKENS } from "redis-mirrored";
import { hurriedMirror, KEY, type MirrorUnderTest, SILENT, untilEvent } from "../support/mirrors.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { SentinelDeployment } from "../support/redis-sentinels.js";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { until } from "../support/until.js";
import { commandsOf, documentedAdditions, documentedRules } from "./documented-access.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const ACCOUNT = { username: "mirror", password: "ours" };
/** For `rotate`, which re-encrypts what is under the second. */
const NEWER_FIRST = `${"A".repeat(42)}E,${KEY}`;
const NOTE = { userId: "alice", record: "customInstructions" };
const PROVIDER = { userId: "alice", record: "provider" };
const HISTORY = { userId: "alice", record: "taskHistory" };
const PROFILES = { apiConfigs: { default: { apiKey: "sk" } } };
const tasks = (...ids: string[]) => ids.map((id, index) => ({ id, ts: index + 1, task: `do ${id}` }));

type Send = (...command: string[]) => Promise<unknown>;

/** Makes the account; from here on its commands are counted. */
async function setUp(send: Send, rules: readonly string[]): Promise<void> {
  await send("ACL", "SETUSER", ACCOUNT.username, "reset", `>${ACCOUNT.password}`, ...rules);
  await send("CONFIG", "RESETSTAT");
}

/** What the account was refused. */
async function refusals(send: Send): Promise<string[]> {
  const log = (await send("ACL", "LOG")) as string[][];
  return log.map((entry) => `${entry[entry.indexOf("reason") + 1]} ${entry[entry.indexOf("object") + 1]}`);
}

/** The commands that have been called since, also within scripts. */
async function called(send: Send): Promise<Map<string, number>> {
  const stats = String(await send("INFO", "commandstats"));
  const calls = [...stats.matchAll(/^cmdstat_(\S+?):calls=([1-9]\d*)/gm)];
  return new Map(calls.map(([, name, count]) => [name!, Number(count)]));
}

async function run(env: Record<string, string>, ...args: string[]) {
  const account = { REDIS_USERNAME: ACCOUNT.username, REDIS_PASSWORD: ACCOUNT.password, ROO_MIRROR_KEY: NEWER_FIRST };
  const command = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env["PATH"], REDIS_HOST: "127.0.0.1", ROO_USER_ID: "alice", ...account, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [command.stdout, command.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
  const [status] = (await once(command, "close")) as [number | null];
  return { status, said };
}

describe("the account of docs/access.md", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let send: Send;
  let open: Mirror[];
  beforeEach(async () => {
    open = [];
    server = await RedisServer.start();
    const client = await server.client();
    send = (...command) => client.sendCommand(command);
  });
  afterEach(async () => {
    await Promise.all(open.map((mirror) => mirror.close()));
    await server.kill();
  });

  function mirror(options: MirrorOptions = {}): MirrorUnderTest {
    const made = hurriedMirror(server.port, { ...options, redis: { ...ACCOUNT, ...options.redis } });
    open.push(made.mirror);
    return made;
  }

  /** All that the library does on one server but live sharing. */
  async function session(): Promise<void> {
    const { mirror: one, service } = mirror();
    service.set(NOTE, "0");
    service.set(PROVIDER, PROFILES);
    service.set(HISTORY, tasks("a", "b"));
    expect(await one.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    service.set(NOTE, "1");
    service.set(HISTORY, tasks("a", "b", "c"));
    await one.flush();
    service.set(HISTORY, tasks("a"));
    await one.flush();
    // As many that have not seen each other's as are kept, and two more.
    for (let index = 2; index < 20; index++) {
      const other = mirror();
      other.service.set(NOTE, String(index));
      await other.mirror.close({ timeoutMs: 5_000 });
    }
    const { mirror: reading, service: reader } = mirror();
    expect(await reader.get(PROVIDER)).to.deep.equal(PROFILES);
    expect(await reader.get(HISTORY)).to.deep.equal(tasks("a"));
    expect(await reader.get(NOTE)).to.equal("19");
    const versions = await reading.history({ record: NOTE.record });
    expect(versions).to.have.length(17);
    expect(await reading.restore({ record: NOTE.record, version: versions[1]!.version })).to.be.a("string");
    reader.delete(PROVIDER);
    await reading.flush();
    // A new connection: what is there is renewed, and compared.
    const before = (await called(send)).get("expire")!;
    await send("CLIENT", "KILL", "USER", ACCOUNT.username);
    await until("it is renewed", async () => (await called(send)).get("expire")! > before + 3);
    // And of one that has nothing there.
    const idle = mirror();
    await idle.service.get(HISTORY);
    await send("CLIENT", "KILL", "USER", ACCOUNT.username);
    await until("it is asked whether it answers", async () => (await called(send)).has("ping"));
  }

  it("is enough for the library, and has nothing too much", async () => {
    const rules = documentedRules();
    await setUp(send, rules);
    await session();
    expect(await refusals(send)).to.deep.equal([]);
    const used = await called(send);
    expect(commandsOf(rules).filter((command) => !used.has(command))).to.deep.equal([]);
  });

  it("of one user is enough for live sharing too, and cannot reach another user's", async () => {
    const toAlice = (rule: string) => rule.replace("roo:*", "roo:alice:*").replace("ALICE", "alice");
    const rules = [...documentedRules(), ...documentedAdditions("live sharing")].map(toAlice);
    await setUp(send, rules);
    const [{ mirror: one, service }, { mirror: other, service: listening }] = [
      mirror({ share: "live" }),
      mirror({ share: "live" }),
    ];
    listening.set(HISTORY, tasks("a"));
    await other.flush();
    await until("it listens", async () => (await called(send)).has("psubscribe"));
    const told = untilEvent(other, "remoteChange");
    service.set(HISTORY, tasks("a", "b"));
    expect(await told).to.deep.equal([HISTORY]);
    await session();
    expect(await refusals(send)).to.deep.equal([]);
    const held = untilEvent(one, "held", ({ userId }) => userId === "bob");
    service.set({ ...NOTE, userId: "bob" }, "not mine");
    service.set(NOTE, "mine");
    await held;
    expect(await send("EXISTS", "roo:bob:customInstructions")).to.equal(0);
    await send("SET", "roo:bob:customInstructions", '"bob\'s"');
    expect(await listening.get({ ...NOTE, userId: "bob" })).to.equal(undefined);
  });

  it("can use another database, and all of the commands", async () => {
    const ofAlice = documentedAdditions("live sharing").map((rule) => rule.replace("ALICE", "alice"));
    const features = [...["another database", "the commands"].flatMap(documentedAdditions), ...ofAlice];
    await setUp(send, [...documentedRules(), ...features]);
    const folder = new TemporaryFolder();
    const exported = join(folder.path, "alice.json");
    const { mirror: one, service } = mirror({ redis: { database: 1 } });
    for (const text of ["one", "two"]) {
      service.set(NOTE, text);
      service.set(HISTORY, tasks(text));
      service.set(PROVIDER, PROFILES);
      await one.flush();
    }
    service.set(NOTE, "");
    await one.close();
    // One that has not seen what is there, which is thus kept.
    const { mirror: other, service: unaware } = mirror({ redis: { database: 1 } });
    unaware.set(PROVIDER, { apiConfigs: {} });
    await other.close();
    const client = await server.client();
    await client.select(1);
    await client.set("roo:alice:5:tasks", JSON.stringify(tasks("old")));
    const url = `redis://127.0.0.1:${server.port}/1`;
    const version = async () => {
      const { said } = await run({ REDIS_URL: url }, "history", NOTE.record, "--json");
      return (JSON.parse(said) as { version: string }[])[1]!.version;
    };
    expect((await run({ REDIS_URL: url }, "rotate", "--yes")).said).to.include("\n2 encrypted anew");
    for (const args of [
      ["inspect"],
      ["support-bundle"],
      ["status"],
      ["watch", "--for", "1"],
      ["export", "--output", exported],
      ["import", exported, "--yes"],
      ["rotate", "--forget"],
      ["migrate", "--delete", "--yes"],
      ["restore", NOTE.record, "--version", await version()],
      ["tour", "--saves", "150", "--plain"],
      ["purge", "alice", "--yes"],
    ])
      expect(await run({ REDIS_URL: url }, ...args), args.join(" ")).to.include({ status: 0 });
    folder.remove();
    expect(await client.dbSize()).to.equal(0);
    expect(await refusals(send)).to.deep.equal([]);
    const used = await called(send);
    expect(commandsOf(features).filter((command) => !used.has(command))).to.deep.equal([]);
  });

  it("may do nothing else, and not even that elsewhere", async () => {
    await setUp(send, [...documentedRules(), ...documentedAdditions("the commands")]);
    const client = await server.clientOf(ACCOUNT);
    for (const command of [
      ["GET", "other:alice"],
      ["EVAL", "return redis.call('GET', 'other:alice')", "0"],
      ["PUBLISH", "other", "a"],
      ["KEYS", "*"],
      ["FLUSHALL"],
      ["CONFIG", "GET", "*"],
      ["CLIENT", "LIST"],
      ["ACL", "LIST"],
      ["MONITOR"],
      ["SELECT", "1"],
    ]) {
      const refusal = await client.sendCommand(command).then(String, String);
      expect(refusal, command.join(" ")).to.match(/NOPERM|No permissions|can't access/);
    }
    client.destroy();
  });
});

describe("the account of docs/access.md, where there are several servers", function () {
  this.timeout(60_000);

  it("is enough on a cluster", async () => {
    const cluster = await RedisCluster.start();
    const sends = cluster.nodes.map(
      (node): Send =>
        (...command) =>
          cluster.send(node, ...command),
    );
    const features = ["a cluster", "the commands"].flatMap(documentedAdditions);
    await Promise.all(sends.map((send) => setUp(send, [...documentedRules(), ...features])));
    const redis = { ...ACCOUNT, cluster: cluster.addresses.split(",") };
    const mirror = createMirror({ redis, userId: "alice", keys: [KEY], env: {}, logger: SILENT });
    try {
      const service = mirror.container.get(TOKENS.RedisSyncService);
      service.set(NOTE, "a");
      service.set(HISTORY, tasks("a"));
      expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
      for (const args of [["inspect"], ["history", NOTE.record], ["rotate", "--yes"], ["purge", "alice", "--yes"]])
        expect(await run({ REDIS_CLUSTER: cluster.addresses }, ...args)).to.include({ status: 0 });
      const [refused, used] = [[], new Set<string>()] as [string[], Set<string>];
      for (const send of sends) {
        refused.push(...(await refusals(send)));
        for (const name of (await called(send)).keys()) used.add(name);
      }
      expect(refused).to.deep.equal([]);
      expect(commandsOf(documentedAdditions("a cluster")).filter((name) => !used.has(name))).to.deep.equal([]);
    } finally {
      await mirror.close();
      await cluster.stop();
    }
  });

  it("is enough where sentinels say who the primary is, and so is the sentinels' own", async () => {
    const deployment = await SentinelDeployment.start({ sentinels: 1, replicas: 0 });
    const [primary, sentinel] = [await deployment.primary(), deployment.sentinels[0]!];
    const send: Send = (...command) => deployment.send(primary, ...command);
    const sendToSentinel: Send = (...command) => deployment.sendToSentinel(sentinel, ...command);
    const features = ["sentinels", "the commands"].flatMap(documentedAdditions);
    await setUp(send, [...documentedRules(), ...features]);
    const ofSentinel = documentedRules("acl-sentinel");
    const allow = (rules: readonly string[]) =>
      sendToSentinel("ACL", "SETUSER", ACCOUNT.username, "reset", `>${ACCOUNT.password}`, ...rules);
    await allow(ofSentinel);
    const { username, password } = ACCOUNT;
    const env = {
      REDIS_SENTINELS: deployment.sentinelAddresses,
      REDIS_SENTINEL_USERNAME: username,
      REDIS_SENTINEL_PASSWORD: password,
    };
    try {
      for (const args of [["inspect"], ["history", NOTE.record], ["rotate", "--yes"], ["purge", "alice", "--yes"]])
        expect(await run(env, ...args)).to.include({ status: 0 });
      expect([...(await refusals(send)), ...(await refusals(sendToSentinel))]).to.deep.equal([]);
      expect((await called(send)).has("role")).to.equal(true);
      for (const command of commandsOf(ofSentinel)) {
        await allow([...ofSentinel, `-${command}`]);
        expect(await run(env, "inspect"), command).to.include({ status: 1 });
        expect(await refusals(sendToSentinel)).to.deep.equal([`command ${command}`]);
        await sendToSentinel("ACL", "LOG", "RESET");
      }
    } finally {
      await deployment.stop();
    }
  });
});
