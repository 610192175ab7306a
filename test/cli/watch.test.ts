import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createMirror, TOKENS } from "redis-mirrored";
import { runCommand } from "../support/command.js";
import { KEY, saveBriefly, SILENT } from "../support/mirrors.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const SECRET = "sk-ant-canary-7f3a9e";

interface Line {
  event: string;
  record?: string;
  instanceId?: string | null;
  version?: string;
  writer?: string;
  bytes?: number;
  isEncrypted?: boolean;
  reason?: string;
}

describe("watch", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let env: Record<string, string>;
  let running: ReturnType<typeof spawn> | undefined;
  beforeEach(async () => {
    server = await RedisServer.start();
    env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY };
  });
  afterEach(async () => {
    running?.kill("SIGKILL");
    running = undefined;
    await server.kill();
  });

  /** As a process of its own, of which the lines are read as they come. */
  function watch(more: Record<string, string>, ...args: string[]) {
    const command = spawn(process.execPath, [MAIN, "watch", "alice", ...args], {
      env: { PATH: process.env["PATH"], ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running = command;
    let [stdout, stderr] = ["", ""];
    command.stdout.on("data", (chunk) => (stdout += String(chunk)));
    command.stderr.on("data", (chunk) => (stderr += String(chunk)));
    const lines = () =>
      stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line);
    const untilSaid = (event: string, record?: string) =>
      until(`it says ${event} ${record}`, async () =>
        lines().find((line) => line.event === event && (record === undefined || line.record === record)),
      );
    const ended = once(command, "close").then(([status]) => ({ status: status as number | null, stdout, stderr }));
    return { command, lines, untilSaid, ended, said: () => stdout };
  }

  it("says what is there, then each change as it happens: who, which record, version and size, and no value", async () => {
    await saveBriefly(server.port, {}, { customInstructions: SECRET });
    const { command, lines, untilSaid, ended } = watch({}, "--json", "--interval", "1000");
    await untilSaid("there", "customInstructions");
    await saveBriefly(server.port, { instanceId: "laptop" }, { provider: { apiKey: SECRET } });
    const { version, writer, bytes, ...saved } = await untilSaid("saved", "provider");
    expect(saved).to.include({ instanceId: "laptop", isEncrypted: true });
    expect(version)
      .to.match(/^\d{13}-\w{4}-\w+$/)
      .and.to.contain(writer!);
    expect(bytes).to.be.above(100);
    await saveBriefly(server.port, {}, { customInstructions: undefined });
    await untilSaid("deleted", "customInstructions");
    expect(lines().map(({ event }) => event)).to.deep.equal(["connected", "there", "saved", "deleted"]);
    command.kill("SIGINT");
    const { status, stdout, stderr } = await ended;
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout).not.to.contain(SECRET);
  });

  it("goes on where Redis goes away and comes back, and says so", async () => {
    const { command, lines, untilSaid, ended } = watch({}, "--json");
    await untilSaid("connected");
    await saveBriefly(server.port, {}, { customInstructions: "a" });
    await untilSaid("saved");
    await server.kill();
    await untilSaid("disconnected");
    await server.restart();
    await until("it is connected again", async () => lines().filter(({ event }) => event === "connected").length === 2);
    // It was empty when it came back.
    await untilSaid("gone", "customInstructions");
    await saveBriefly(server.port, {}, { customModes: [{ slug: "a" }] });
    await until("it hears again", async () => lines().some(({ record }) => record === "customModes"));
    command.kill("SIGINT");
    expect((await ended).status).to.equal(0);
  });

  it("tries again once a second while Redis is away", async () => {
    const { untilSaid } = watch({}, "--json");
    await untilSaid("connected");
    await server.kill();
    const triedAtMs: number[] = [];
    const closing = createServer((socket) => {
      triedAtMs.push(performance.now());
      socket.destroy();
    });
    closing.listen(server.port, "127.0.0.1");
    try {
      await until("it has tried three times", async () => triedAtMs.length >= 3);
      expect(triedAtMs[2]! - triedAtMs[0]!).to.be.above(1_500);
    } finally {
      closing.close();
    }
  });

  it("ends by Ctrl-C also while Redis is away", async () => {
    const { command, untilSaid, ended } = watch({}, "--json");
    await untilSaid("connected");
    await server.kill();
    await untilSaid("disconnected");
    command.kill("SIGINT");
    expect((await ended).status).to.equal(0);
  });

  it("looks from time to time where the account may not listen", async () => {
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "deaf", "on", ">pw", "~roo:*", "resetchannels", "+@all"]);
    const { untilSaid } = watch({ REDIS_USERNAME: "deaf", REDIS_PASSWORD: "pw" }, "--json", "--interval", "1");
    expect((await untilSaid("unheard")).reason).to.contain("NOPERM");
    await saveBriefly(server.port, {}, { customInstructions: "a" });
    await untilSaid("saved", "customInstructions");
    await client.flushAll();
    await untilSaid("gone", "customInstructions");
  });

  it("believes no message that anybody may publish", async () => {
    const client = await server.client();
    const { command, lines, untilSaid, ended } = watch({}, "--json");
    await untilSaid("connected");
    await until("it listens", async () => (await client.pubSubNumPat()) > 0);
    for (const key of ["roo:alice:none", "roo:alice:\u001b[2J", "roo:alice:~version:a", "roo:alice:"])
      await client.publish(key, "w1");
    await saveBriefly(server.port, {}, { customInstructions: "a" });
    await untilSaid("saved", "customInstructions");
    command.kill("SIGINT");
    await ended;
    expect(lines().map(({ event }) => event)).to.deep.equal(["connected", "saved"]);
  });

  it("says it in words too, and ends by itself where that was asked for", async () => {
    await saveBriefly(server.port, {}, { customInstructions: "Be brief." });
    const { status, stdout, stderr } = await runCommand(env, "watch", "--for", "1");
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout.split("\n")[0]).to.match(/^\d\d:\d\d:\d\d {2}connected$/);
    expect(stdout.split("\n")[1]).to.match(
      /^\d\d:\d\d:\d\d {2}there +customInstructions +\(shared\) +11 B {2}by \w+, \d+ s ago {2}\d{13}-\w{4}-\w+$/,
    );
  });

  it("ends where its reader has read enough", async () => {
    const { command, untilSaid, ended } = watch({}, "--json");
    await untilSaid("connected");
    command.stdout.destroy();
    await saveBriefly(server.port, {}, { customInstructions: "a" });
    expect((await ended).status).to.equal(0);
  });

  it("watches a user of a cluster, whichever node has the records", async () => {
    const cluster = await RedisCluster.start();
    try {
      const { untilSaid } = watch({ REDIS_CLUSTER: cluster.addresses }, "--json", "--interval", "1000");
      await untilSaid("connected");
      const redis = { cluster: cluster.addresses.split(",") };
      const mirror = createMirror({ redis, userId: "alice", keys: [KEY], env: {}, logger: SILENT });
      mirror.container.get(TOKENS.RedisSyncService).set({ userId: "alice", record: "customInstructions" }, "a");
      await untilSaid("saved", "customInstructions");
      await mirror.close();
    } finally {
      await cluster.stop();
    }
  });

  it("ends in its time where nobody ever answers, and does not say that all went well", async () => {
    server.freeze();
    const startedAtMs = performance.now();
    const { status, stdout, stderr } = await runCommand(env, "watch", "--for", "1");
    expect(performance.now() - startedAtMs).to.be.below(4_000);
    expect([status, stdout, stderr]).to.deep.equal([1, "", "Redis did not answer within the 1 s of --for.\n"]);
  });

  it("is ended by Ctrl-C at once where nobody ever answers", async () => {
    const silent = createServer((socket) => void socket.on("error", () => {}).resume());
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    try {
      const { port } = silent.address() as AddressInfo;
      const { command, ended } = watch({ REDIS_PORT: String(port) });
      await once(silent, "connection");
      command.kill("SIGINT");
      const { status, stderr } = await ended;
      expect([status, stderr]).to.deep.equal([130, "Ended by Ctrl-C, before Redis had answered.\n"]);
    } finally {
      silent.close();
    }
  });

  it("says why it cannot begin", async () => {
    const absent = await RedisServer.absent();
    const { status, stderr } = await runCommand({ ...env, REDIS_PORT: String(absent.port) }, "watch");
    expect([status, stderr]).to.deep.equal([1, "The connection failed: ECONNREFUSED.\n"]);
  });
});
