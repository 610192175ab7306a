import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { runCommand } from "../support/command.js";
import { KEY, saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const NEWER_FIRST = `${"A".repeat(42)}E,${KEY}`;
const AN_EXPORT = { format: "redis-mirrored export", formatVersion: 1, userId: "alice", records: [{ record: "a" }] };
const HEARD = "Ending after what is in hand.";

describe("Ctrl-C in a command that works in steps", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let server: RedisServer;
  let proxy: TcpProxy;
  let folder: TemporaryFolder;
  let env: Record<string, string>;
  before(async () => {
    server = await RedisServer.start();
    proxy = await TcpProxy.start(server.port);
  });
  after(async () => {
    await proxy.stop();
    await server.kill();
  });
  beforeEach(async () => {
    await (await server.client()).flushAll();
    folder = new TemporaryFolder();
    const place = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(proxy.port), XDG_CONFIG_HOME: folder.path };
    env = { ...place, ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY };
  });
  afterEach(() => {
    proxy.onRequest = undefined;
    folder.remove();
  });

  /** Presses it once the command sends the first request that matches, to which nothing is answered before it was heard. */
  async function interruptAt(request: RegExp, more: Record<string, string>, ...args: string[]) {
    const command = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env["PATH"], ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    proxy.onRequest = (chunk) => {
      if (!request.test(chunk.toString("latin1"))) return;
      proxy.onRequest = undefined;
      server.freeze();
      command.kill("SIGINT");
    };
    command.stdout.on("data", (chunk) => (stdout += String(chunk)));
    command.stderr.on("data", (chunk) => {
      stderr += String(chunk);
      if (stderr.includes(HEARD)) server.thaw();
    });
    const [status] = (await once(command, "close")) as [number | null];
    return { status, stdout, stderr };
  }

  it("lets `purge` end after what is in hand, and say what is left to do", async () => {
    const client = await server.client();
    await client.mSet(Array.from({ length: 250 }, (_none, index) => [`roo:alice:r${index}`, "1"] as [string, string]));
    const { status, stderr } = await interruptAt(/UNLINK/, {}, "purge", "alice", "--yes");
    expect(stderr).to.equal(
      `${HEARD} Ctrl-C once more ends it at once.\n` +
        "Stopped by Ctrl-C after 100 of 250 keys. What is removed is removed; call it again for the rest.\n",
    );
    expect([status, await client.dbSize()]).to.deep.equal([130, 150]);
    expect((await runCommand(env, "purge", "alice", "--yes")).status).to.equal(0);
    expect(await client.dbSize()).to.equal(0);
  });

  it("lets `rotate` end so, and go on when it is called again", async () => {
    await saveBriefly(server.port, {}, { provider: { apiKey: "a" }, mcpSettings: { mcpServers: {} } });
    const newer = { ROO_MIRROR_KEY: NEWER_FIRST };
    const { status, stderr } = await interruptAt(/KEEPTTL/, newer, "rotate", "--yes");
    expect(stderr).to.contain("Stopped by Ctrl-C after 1 of 2 values.").and.to.contain("call it again");
    expect(status).to.equal(130);
    expect((await runCommand({ ...env, ...newer }, "rotate", "--yes")).stdout).to.contain("\n1 encrypted anew");
  });

  it("lets `migrate` end so, each record whole", async () => {
    const client = await server.client();
    await client.set("roo:alice:tasks", JSON.stringify([{ id: "a", ts: 1, task: "A" }]));
    await client.set("roo:alice:modes", JSON.stringify([{ slug: "a", name: "A" }]));
    const { status, stderr } = await interruptAt(/PUBLISH/, {}, "migrate", "--yes");
    expect(stderr).to.contain("Stopped by Ctrl-C after 1 of 2 records.");
    expect(status).to.equal(130);
    expect(await client.exists(["roo:alice:taskHistory", "roo:alice:customModes"])).to.equal(1);
    expect((await runCommand(env, "migrate", "--yes")).status).to.equal(0);
    expect(await client.exists(["roo:alice:taskHistory", "roo:alice:customModes"])).to.equal(2);
  });

  it("lets `export` end with no file, and none half-written", async () => {
    await saveBriefly(server.port, {}, { customInstructions: "a", customModes: [{ slug: "a" }] });
    const file = join(folder.path, "alice.json");
    const { status, stderr } = await interruptAt(/STRLEN/, {}, "export", "--output", file);
    expect(stderr).to.contain("Stopped by Ctrl-C after 1 of 2 records. Nothing was written; call it again.");
    expect([status, readdirSync(folder.path)]).to.deep.equal([130, []]);
  });

  it("lets `import` end so, and says it for a program too", async () => {
    await saveBriefly(server.port, {}, { customInstructions: "a", customModes: [{ slug: "a" }] });
    const file = join(folder.path, "alice.json");
    await runCommand(env, "export", "--output", file);
    const client = await server.client();
    await client.flushAll();
    const { status, stdout, stderr } = await interruptAt(/PUBLISH/, {}, "import", file, "--yes", "--json");
    const { error } = JSON.parse(stderr.split("\n").at(-2)!) as { error: { code: string; message: string } };
    expect(error.code).to.equal("INTERRUPTED");
    expect(error.message).to.contain("Stopped by Ctrl-C after 1 of 2 records.");
    expect([status, stdout]).to.deep.equal([130, ""]);
    expect(await client.exists(["roo:alice:customInstructions", "roo:alice:customModes"])).to.equal(1);
    expect((await runCommand(env, "import", file, "--yes")).status).to.equal(0);
    expect(await client.exists(["roo:alice:customInstructions", "roo:alice:customModes"])).to.equal(2);
  });
});

describe("Ctrl-C in a command that waits for a server which never answers", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let silent: Server;
  let folder: TemporaryFolder;
  let file: string;
  let env: Record<string, string>;
  before(async () => {
    // Whoever hangs up has not to be told of it.
    silent = createServer((socket) => void socket.on("error", () => {}).resume());
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    folder = new TemporaryFolder();
    file = join(folder.path, "alice.json");
    writeFileSync(file, JSON.stringify(AN_EXPORT));
    const { port } = silent.address() as AddressInfo;
    const place = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(port), XDG_CONFIG_HOME: folder.path };
    env = { ...place, ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY };
  });
  after(async () => {
    folder.remove();
    silent.close();
    await once(silent, "close");
  });

  async function interrupted(...args: string[]) {
    const command = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stderr = "";
    command.stderr.on("data", (chunk) => (stderr += String(chunk)));
    command.stdout.resume();
    const ended = once(command, "close") as Promise<[number | null]>;
    await once(silent, "connection");
    command.kill("SIGINT");
    const [status] = await ended;
    return { status, stderr };
  }

  for (const [command, ...args] of [
    ["status"],
    ["doctor"],
    ["inspect"],
    ["history", "provider"],
    ["support-bundle"],
    ["restore", "provider", "--version", "1"],
    ["export"],
    ["import", "FILE", "--yes"],
    ["migrate", "--yes"],
    ["purge", "alice", "--yes"],
    ["rotate", "--yes"],
  ] as const)
    it(`ends \`${command}\` at once, which says so`, async () => {
      const given = args.map((arg) => (arg === "FILE" ? file : arg));
      expect(await interrupted(command, ...given)).to.deep.equal({ status: 130, stderr: "Ended by Ctrl-C.\n" });
    });

  it("is told to a program as the last line of the error output", async () => {
    const { status, stderr } = await interrupted("export", "--json");
    expect(JSON.parse(stderr)).to.deep.equal({ error: { code: "INTERRUPTED", message: "Ended by Ctrl-C." } });
    expect(status).to.equal(130);
  });
});
