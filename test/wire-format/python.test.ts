import { spawn } from "node:child_process";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { generateKey } from "redis-mirrored";
import { codeBlocksOf, pathWith, ROOT } from "../support/document.js";
import { hurriedMirror, KEY } from "../support/mirrors.js";
import { findPython } from "../support/python.js";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const CANARY = "sk-ant-canary-7f3a9e";
const HISTORY = [
  { id: "second-task", ts: 1_764_018_000_200, task: "Translate 说明 – “quoted”\nin two lines" },
  { id: "first-task", ts: 1_764_018_000_100, task: "Fix the build" },
];
const PROVIDER = {
  currentApiConfigName: "work",
  apiConfigs: { work: { apiProvider: "anthropic", apiKey: CANARY }, "home ü": { apiProvider: "ollama" } },
};

describe("what docs/wire-format.md shows of Python", function () {
  this.timeout(30_000);
  const folder = new TemporaryFolder();
  let server: RedisServer;
  let env: Record<string, string | undefined>;

  before(async () => {
    server = await RedisServer.start();
    const path = pathWith(folder, { python3: findPython()! });
    env = { PATH: path, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), PYTHONIOENCODING: "utf-8" };
  });
  beforeEach(async () => {
    await (await server.client()).flushAll();
    await save({ userId: "alice" });
  });
  after(async () => {
    folder.remove();
    await server.kill();
  });

  async function save(
    options: { userId: string; instanceId?: string; keys?: string[] },
    provider: object = PROVIDER,
  ): Promise<void> {
    const { mirror, service } = hurriedMirror(server.port, options);
    service.set({ userId: options.userId, record: "taskHistory" }, HISTORY);
    service.set({ userId: options.userId, record: "provider" }, provider);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  }

  interface Outcome {
    status: number | null;
    stdout: string;
    stderr: string;
  }

  async function run(command: readonly [string, ...string[]], more: object = {}, input = ""): Promise<Outcome> {
    const child = spawn(command[0], command.slice(1), { cwd: ROOT, env: { ...env, ...more } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => (stdout += String(chunk)));
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    // What has ended may not have read it.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout, stderr };
  }

  /** The blocks of the document that hold `words`, as they stand there. */
  function shown(language: string, words: string): string {
    const blocks = codeBlocksOf("docs/wire-format.md").filter(
      (block) => block.language === language && block.code.includes(words),
    );
    expect(blocks, words).to.have.length(1);
    return blocks[0]!.code;
  }

  const reader = (...args: string[]): [string, ...string[]] => ["python3", "samples/read_history.py", ...args];

  it("lists the history and the profiles", async () => {
    const { status, stdout, stderr } = await run(["sh", "-ec", shown("sh", "read_history")], { ROO_MIRROR_KEY: KEY });
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout.split("\n")).to.deep.equal([
      "2 tasks, newest first",
      "  2025-11-24 21:00:00  second-task  Translate 说明 – “quoted” in two lines",
      "  2025-11-24 21:00:00  first-task  Fix the build",
      "2 profiles",
      "* work  anthropic",
      "  home ü  ollama",
      "",
    ]);
  });

  it("decrypts with the lines of the document alone, under the key's own name", async () => {
    const code = shown("python", "AESGCM");
    const jwe = (await server.get("roo:alice:provider"))!;
    const command = (name: string): [string, ...string[]] => ["python3", "-c", code, name];
    const opened = await run(command("roo:alice:provider"), { ROO_MIRROR_KEY: `${generateKey()},${KEY}` }, jwe);
    expect([JSON.parse(opened.stdout), opened.stderr]).to.deep.equal([PROVIDER, ""]);

    const moved = await run(command("roo:bob:provider"), { ROO_MIRROR_KEY: KEY }, jwe);
    expect([moved.status, moved.stdout]).to.deep.equal([1, ""]);
    expect(moved.stderr).to.contain("AssertionError");
  });

  it("takes host, port, user, instance and key from its arguments too, whatever the ids", async () => {
    const ids = { userId: "ål~ice:{é}💥", instanceId: "lap top*" };
    await save(ids);
    const args = ["--host", "127.0.0.1", "--port", String(server.port), "--user", ids.userId, "--key", KEY];
    const more = { REDIS_HOST: "192.0.2.1", REDIS_PORT: "1" };
    const { stdout, stderr } = await run(reader(...args, "--instance", ids.instanceId, "--json"), more);
    expect([JSON.parse(stdout), stderr]).to.deep.equal([{ taskHistory: HISTORY, provider: PROVIDER }, ""]);
  });

  it("reads an array that is compressed, in one member or in several", async () => {
    const client = await server.client();
    const parts = ["[", JSON.stringify(HISTORY[0]), ",", JSON.stringify(HISTORY[1]), "]"];
    for (const stored of [gzipSync(parts.join("")), Buffer.concat(parts.map((part) => gzipSync(part)))]) {
      await client.set("roo:alice:taskHistory", stored);
      const { stdout } = await run(reader("--user", "alice", "--key", KEY, "--json"));
      expect((JSON.parse(stdout) as { taskHistory: unknown }).taskHistory).to.deep.equal(HISTORY);
    }
  });

  it("finds among several keys the one that a value was encrypted with", async () => {
    const other = generateKey();
    await save({ userId: "bob", keys: [other] });
    for (const user of ["alice", "bob"]) {
      const { stdout } = await run(reader("--user", user, "--key", `${other}, ${KEY}`, "--json"));
      expect((JSON.parse(stdout) as { provider: unknown }).provider).to.deep.equal(PROVIDER);
    }
  });

  it("lists the history without a key too, and says why it does not open what it cannot", async () => {
    const client = await server.client();
    const jwe = JSON.parse((await server.get("roo:alice:provider"))!) as Record<string, string>;
    const changed = JSON.stringify({ ...jwe, iv: Buffer.alloc(12).toString("base64url") });
    for (const [stored, key, words] of [
      [JSON.stringify(jwe), "", "It was encrypted with the key "],
      [JSON.stringify(jwe), generateKey(), "It was encrypted with the key "],
      [changed, KEY, "It was changed, or the key is another one."],
    ] as const) {
      await client.set("roo:alice:provider", stored);
      const { status, stdout, stderr } = await run(reader("--user", "alice"), { ROO_MIRROR_KEY: key });
      expect(stdout).to.match(/^2 tasks, newest first\n[^]*\n0 profiles\n$/);
      expect(stderr).to.contain(`\`provider\` cannot be read. ${words}`);
      expect(status).to.equal(1);
    }
    await save({ userId: "alice" });
    await client.sendCommand(["COPY", "roo:alice:provider", "roo:mallory:provider", "REPLACE"]);
    const { stderr } = await run(reader("--user", "mallory", "--key", KEY));
    expect(stderr).to.equal("`provider` cannot be read. It was encrypted for another key of Redis.\n");
    await client.set("roo:alice:~version:provider", "1700000000000-0000-else");
    const { stderr: replayed } = await run(reader("--user", "alice", "--key", KEY));
    expect(replayed).to.equal("`provider` cannot be read. It was encrypted for another version.\n");
  });

  it("finds nothing where there is nothing, and shows no secret unless asked to", async () => {
    expect((await run(reader("--user", "nobody"))).stdout).to.equal("0 tasks, newest first\n0 profiles\n");
    expect((await run(reader("--user", "alice", "--key", KEY))).stdout).not.to.contain(CANARY);
  });

  it("logs in where a password is needed, to the database that is named", async () => {
    const closed = await RedisServer.start("--requirepass", "secret");
    const client = await closed.client({ password: "secret", database: 3 });
    await client.set("roo:alice:taskHistory", JSON.stringify(HISTORY));
    const more = { REDIS_PORT: String(closed.port), REDIS_PASSWORD: "secret", REDIS_DB: "3" };
    const { stdout } = await run(reader("--user", "alice"), more);
    await closed.kill();
    expect(stdout).to.match(/^2 tasks/);
  });
});
