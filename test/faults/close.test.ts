import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { hurriedMirror } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";

const SCRIPT = fileURLToPath(new URL("./saving-process.js", import.meta.url));

interface Ending {
  readonly exitCode: number | null;
  readonly closed: { flushed: boolean; elapsedMs: number } | undefined;
}

async function run(port: number, ...args: string[]): Promise<Ending> {
  const host = spawn(process.execPath, [SCRIPT, String(port), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  host.stdout.on("data", (chunk) => (output += String(chunk)));
  const [exitCode] = (await once(host, "close")) as [number | null];
  return { exitCode, closed: output === "" ? undefined : (JSON.parse(output) as Ending["closed"]) };
}

describe("closing", () => {
  let server: RedisServer;

  afterEach(async () => {
    server.thaw();
    await server.kill();
  });

  it("leaves the last save in a healthy Redis, and nothing that holds the process", async () => {
    server = await RedisServer.start();
    const { exitCode, closed } = await run(server.port, "work");
    expect(exitCode).to.equal(0);
    expect(closed).to.include({ flushed: true });
    expect(await server.get("roo:alice:customInstructions")).to.equal('"the last save"');
  });

  it("settles within its second where Redis accepts and never answers, and lets the process end", async () => {
    server = await RedisServer.start();
    server.freeze();
    const { exitCode, closed } = await run(server.port, "close");
    expect(exitCode).to.equal(0);
    expect(closed).to.include({ flushed: false });
    expect(closed!.elapsedMs).to.be.below(1_000);
  });

  it("leaves a process alive for as long as it waits for an answer, and no longer", async () => {
    server = await RedisServer.start();
    server.freeze();
    expect(await run(server.port, "ask")).to.deep.equal({ exitCode: 0, closed: { value: null } });
  });

  it("does not hold the process by its open connection", async () => {
    server = await RedisServer.start();
    expect(await run(server.port, "flush")).to.deep.equal({ exitCode: 0, closed: { flushed: true } });
  });

  it("does not hold the process even if nobody closes", async () => {
    server = await RedisServer.start();
    expect(await run(server.port)).to.deep.equal({ exitCode: 0, closed: undefined });
  });

  it("closes the connection, also one that a batch is waiting on", async () => {
    server = await RedisServer.start();
    const { mirror, service } = hurriedMirror(server.port);
    service.set({ userId: "alice", record: "customInstructions" }, "one");
    await mirror.flush();
    expect(await server.mirrorConnections()).to.equal(1);

    server.freeze();
    service.set({ userId: "alice", record: "customInstructions" }, "two");
    expect(await mirror.close({ timeoutMs: 50 })).to.deep.include({ flushed: false });
    server.thaw();

    const client = await server.client();
    await client.ping();
    expect(await server.mirrorConnections()).to.equal(0);
  });
});
