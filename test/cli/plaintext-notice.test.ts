import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { documentedAdditions } from "../security/documented-access.js";
import { commandNames, runCommand } from "../support/command.js";
import { hurriedMirror, KEY } from "../support/mirrors.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { RedisServer } from "../support/redis-server.js";

/** Those that talk to no Redis, or say it in another way. */
const UNCONNECTED = ["adopt", "keygen", "doctor"];

/** What `export` writes, of nobody's. */
const EXPORTED = fileURLToPath(new URL("../../../test/cli/empty-export.json", import.meta.url));

/** Of the others, what they are called with. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  tour: ["--plain", "--saves", "10"],
  inspect: [],
  history: ["customInstructions"],
  restore: ["customInstructions", "--version", "1"],
  migrate: ["--dry-run"],
  purge: ["alice", "--dry-run"],
  rotate: ["--dry-run"],
  "support-bundle": [],
  status: [],
  watch: ["--for", "1"],
  export: [],
  import: [EXPORTED, "--dry-run"],
};

const NOTICE = /^redis-mirrored: What goes to (.+) is not encrypted: .+ Use rediss:\/\/ or REDIS_TLS=true\.$/gm;

describe("a command that connects without TLS", function () {
  this.timeout(60_000);
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
    const { mirror, service } = hurriedMirror(server.port);
    service.set({ userId: "alice", record: "customInstructions" }, "Be brief.");
    await mirror.close();
  });
  after(() => server.kill());

  const run = (host: string, ...args: string[]) =>
    runCommand(
      { REDIS_HOST: host, REDIS_PORT: String(server.port), ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY },
      ...args,
    );

  it("says so once on the error output, where it goes to another machine", async () => {
    const commands = await commandNames();
    expect(commands).to.include.members(["inspect", "purge", ...UNCONNECTED]);
    for (const command of commands.filter((name) => !UNCONNECTED.includes(name))) {
      expect(CALLS, "a command that is not tried here").to.have.property(command);
      // This machine too, but by no name that says so.
      const { stdout, stderr } = await run("0.0.0.0", command, ...CALLS[command]!);
      expect(
        [...stderr.matchAll(NOTICE)].map(([, name]) => name),
        `${command}: ${stderr}`,
      ).to.deep.equal(["0.0.0.0"]);
      expect(stdout).not.to.match(NOTICE);
    }
  });

  it("says so where only a sentinel of this machine has named the other", async () => {
    await (await server.client()).sendCommand(["ACL", "SETUSER", "default", ...documentedAdditions("sentinels")]);
    const sentinel = await ScriptedServer.start();
    const port = String(server.port);
    sentinel.replies.set("SENTINEL", `*2\r\n$7\r\n0.0.0.0\r\n$${port.length}\r\n${port}`);
    const env = { REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`, ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY };
    try {
      // The tour kills its server, and takes one alone.
      for (const command of Object.keys(CALLS).filter((name) => name !== "tour")) {
        const { stderr } = await runCommand(env, command, ...CALLS[command]!);
        expect(
          [...stderr.matchAll(NOTICE)].map(([, name]) => name),
          `${command}: ${stderr}`,
        ).to.deep.equal(["0.0.0.0"]);
      }
    } finally {
      await sentinel.stop();
    }
  });

  it("says nothing of it where it stays on this machine", async () => {
    for (const command of ["inspect", "history"]) {
      const { status, stderr } = await run("127.0.0.1", command, ...CALLS[command]!);
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: "" });
    }
  });

  it("says it of both servers, where the old keys are on another", async () => {
    const env = { REDIS_HOST: "0.0.0.0", REDIS_PORT: String(server.port), ROO_MIRROR_KEY: KEY };
    const legacy = { LEGACY_REDIS_URL: `redis://[::ffff:0.0.0.0]:${server.port}` };
    const { stderr } = await runCommand({ ...env, ...legacy }, "migrate", "alice", "--dry-run");
    expect([...stderr.matchAll(NOTICE)].map(([, name]) => name)).to.deep.equal(["0.0.0.0", "::ffff:0:0"]);
  });
});
