import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parseKeys } from "redis-mirrored";
import { runCommand } from "../support/command.js";
import { hurriedMirror, KEY } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const CANARY = "sk-ant-canary-5b1e08";

interface Bundle {
  isAnonymous: boolean;
  versions: Record<string, string>;
  user: { id: string; from: string };
  settings: Record<string, { value?: unknown; from: string; variable: string }>;
  problems: { setting: string; expected: string }[];
  keys: { from: string; ids: string[]; isExposed: boolean | null; failure: string | null };
  redis: {
    server: Record<string, string> | null;
    failure: { code: string; message: string } | null;
    records: Record<string, unknown>[] | null;
    strangers: number | null;
  } | null;
}

describe("support-bundle", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let server: RedisServer;
  let folder: TemporaryFolder;
  let env: Record<string, string>;
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(() => {
    folder = new TemporaryFolder();
    env = { HOME: folder.path, ROO_USER_ID: "alice", REDIS_URL: `redis://127.0.0.1:${server.port}/0` };
  });
  afterEach(() => folder.remove());

  async function bundle(changes: Record<string, string> = {}, ...args: string[]) {
    const { status, stdout, stderr } = await runCommand({ ...env, ...changes }, "support-bundle", ...args);
    expect([status, stderr]).to.deep.equal([0, ""]);
    return { text: stdout, content: JSON.parse(stdout) as Bundle };
  }

  async function save(): Promise<void> {
    await (await server.client()).flushAll();
    const { mirror, service } = hurriedMirror(server.port, { userId: "alice", instanceId: "laptop" });
    service.set({ userId: "alice", record: "provider" }, { apiConfigs: { [CANARY]: { apiKey: CANARY } } });
    service.set({ userId: "alice", record: "taskHistory" }, [{ id: `task-${CANARY}`, ts: 1, task: CANARY }]);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    await (await server.client()).set(`roo:alice:not ours ${CANARY}`, CANARY);
  }

  it("says which versions these are, and what Redis holds, of no value and no item more than how many", async () => {
    await save();
    const { text, content } = await bundle({ ROO_MIRROR_KEY: KEY });
    const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(content.versions).to.include({ "redis-mirrored": version, node: process.version });
    const { server: greeting, failure, records, strangers } = content.redis!;
    expect(greeting).to.include({ server: "redis", mode: "standalone", role: "master" });
    expect(greeting!["version"]).to.match(/^\d+\.\d+\.\d+$/);
    expect([failure, strangers]).to.deep.equal([null, 1]);
    expect(records).to.have.length(2);
    expect(records![0]).to.include({ record: "provider", instanceId: "laptop", isEncrypted: true, items: null });
    expect(records![1]).to.include({ record: "taskHistory", state: "there", items: 1, kept: 0 });
    expect(text).not.to.contain(CANARY);
  });

  it("says of each setting which it is and where it is from, and of a secret whether it is set", async () => {
    const { text, content } = await bundle({
      REDIS_URL: `redis://${CANARY}-user:${CANARY}@127.0.0.1:${server.port}`,
      REDIS_SENTINEL_PASSWORD: CANARY,
      REDIS_DB: "0",
      ROO_MIRROR_ENCRYPT: "all",
    });
    const fromUrl = { from: "environment", variable: "REDIS_URL" };
    expect(content.settings).to.deep.include({
      "redis.url": { value: "(set)", ...fromUrl },
      "redis.host": { value: "127.0.0.1", ...fromUrl },
      "redis.port": { value: server.port, ...fromUrl },
      "redis.username": { value: "(set)", ...fromUrl },
      "redis.password": { value: "(set)", ...fromUrl },
      "redis.database": { value: 0, from: "environment", variable: "REDIS_DB" },
      "redis.tls": { value: false, from: "default", variable: "REDIS_TLS" },
      keys: { value: null, from: "default", variable: "ROO_MIRROR_KEY" },
      encrypt: { value: "all", from: "environment", variable: "ROO_MIRROR_ENCRYPT" },
    });
    // And why that account is of no use.
    expect(content.redis).to.deep.include({ records: null, server: null });
    expect(content.redis!.failure).to.deep.equal({ code: "REFUSED", message: "Redis refused: WRONGPASS." });
    expect(text).not.to.contain(CANARY);
  });

  it("knows every setting that README lists", async () => {
    const { content } = await bundle({ REDIS_SENTINELS: "127.0.0.1:1", REDIS_URL: "", REDIS_TLS: "false" });
    const named = new Set(Object.values(content.settings).map(({ variable }) => variable));
    const page = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
    const rows = page.split("\n").filter((line) => /^\| `(REDIS|ROO)_/.test(line));
    const listed = rows.flatMap((row) => row.split("|")[1]!.match(/[A-Z]+_[A-Z_]+/g)!);
    expect(listed.length).to.be.greaterThan(15);
    expect(listed.filter((variable) => !named.has(variable))).to.deep.equal(["ROO_USER_ID"]);
    // A value for each: one that is forgotten would be `null` although it is set.
    const unset = Object.values(content.settings).filter(({ value }) => value === null);
    expect(unset.every(({ from }) => from === "default")).to.equal(true);
  });

  it("is made without Redis, and says what the connection said", async () => {
    const { content } = await bundle({ REDIS_URL: "redis://127.0.0.1:1" });
    expect(content.redis).to.deep.equal({
      isPlaintext: false,
      server: null,
      failure: { code: "CONNECTION_LOST", message: "The connection failed: ECONNREFUSED." },
      isReadOnly: false,
      records: null,
      strangers: null,
    });
  });

  it("is made where settings are wrong, and says which, but not what was there instead", async () => {
    const { text, content } = await bundle({ REDIS_PORT: CANARY, ROO_MIRROR_KEY: CANARY });
    expect(content.problems).to.deep.equal([
      { setting: "REDIS_PORT", expected: "an integer from 1 to 65535" },
      { setting: "ROO_MIRROR_KEY", expected: "keys of 32 bytes in base64url, separated by commas" },
    ]);
    expect(content.settings["redis.port"]).to.deep.equal({ from: "environment", variable: "REDIS_URL" });
    expect([content.redis, content.keys.ids]).to.deep.equal([null, []]);
    expect(content.keys.failure).to.be.a("string");
    expect(text).not.to.contain(CANARY);
  });

  it("has the ids of the keys at hand, and no key", async () => {
    const [older, newer] = [KEY, Buffer.alloc(32, 7).toString("base64url")];
    const path = join(folder.path, ".config", "redis-mirrored");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "key"), `${newer},${older}\n`, { mode: 0o644 });
    const ids = parseKeys(`${newer},${older}`).map(({ id }) => id);
    const { text, content } = await bundle();
    expect(content.keys).to.deep.equal({ from: "key file", ids, isExposed: true, failure: null });
    for (const key of [older, newer]) expect(text).not.to.contain(key);
    writeFileSync(join(path, "key"), "a passphrase");
    const { failure } = (await bundle()).content.keys;
    expect(failure).to.match(/^the key file: /);
    expect(failure).not.to.contain("passphrase");
  });

  it("shows names as they are, or with --anonymous a hash of each, and another one the next time", async () => {
    await save();
    const open = await bundle({ ROO_INSTANCE_ID: "laptop" });
    expect(open.content.user).to.deep.equal({ id: "alice", from: "environment" });
    expect(open.content.settings["instanceId"]!.value).to.equal("laptop");
    const hidden = await bundle({ ROO_INSTANCE_ID: "laptop" }, "--anonymous");
    expect(hidden.text).not.to.match(/alice|laptop/);
    const hash = hidden.content.settings["instanceId"]!.value;
    expect(hash).to.match(/^#[0-9a-f]{8}$/);
    expect(hidden.content.redis!.records!.map(({ instanceId }) => instanceId)).to.deep.equal([hash, hash]);
    const again = await bundle({ ROO_INSTANCE_ID: "laptop", REDIS_URL: "redis://127.0.0.2:1" }, "--anonymous", "bob");
    expect(again.content.user.from).to.equal("argument");
    expect(again.content.settings["instanceId"]!.value).not.to.equal(hash);
    expect(again.text).not.to.match(/bob|laptop|127\.0\.0\.2/);
    expect(hidden.content.settings["redis.host"]!.value).to.equal("127.0.0.1");
  });

  it("hides with --anonymous also what the sentinels do not know", async () => {
    const sentinel = await ScriptedServer.start();
    sentinel.replies.set("SENTINEL", "*-1");
    const changes = { REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`, REDIS_MASTER_NAME: "secret-master" };
    const open = await bundle(changes);
    const { failure, text } = await bundle(changes, "--anonymous").then(({ content, text }) => ({
      failure: content.redis!.failure!,
      text,
    }));
    await sentinel.stop();
    expect(open.content.redis!.failure!.message).to.equal("The sentinels know no primary of the name `secret-master`.");
    expect(failure.message).to.match(/^The sentinels know no primary of the name `#[0-9a-f]{8}`\.$/);
    expect(text).not.to.contain("secret-master");
  });

  it("goes to a new file that only its owner may read, and overwrites none", async () => {
    const file = join(folder.path, "bundle.json");
    const first = await runCommand(env, "support-bundle", "--output", file);
    expect(first).to.deep.include({ status: 0, stderr: "" });
    expect(first.stdout).to.equal(`${file} holds it. Read it before you attach it.\n`);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const content = readFileSync(file, "utf8");
    expect((JSON.parse(content) as Bundle).user.id).to.equal("alice");
    const second = await runCommand(env, "support-bundle", "--output", file);
    expect(second).to.deep.include({ status: 1, stdout: "" });
    expect(second.stderr).to.equal(`${file} is there already, and stays as it is.\n`);
    expect(readFileSync(file, "utf8")).to.equal(content);
    const nowhere = await runCommand(env, "support-bundle", "--output", join(folder.path, "none", "bundle.json"));
    expect(nowhere).to.deep.include({ status: 1, stdout: "" });
  });

  it("holds nothing that a terminal would obey, whatever an instance calls itself", async () => {
    await (await server.client()).flushAll();
    await (await server.client()).set("roo:alice:%1B%5B2J%C2%9B%E2%80%AE:customInstructions", '"a"');
    const { text, content } = await bundle();
    expect(content.redis!.records![0]!["instanceId"]).to.equal("\u001b[2J\u009b\u202e");
    expect(text).to.match(/^[\n\x20-\x7e]*$/);
  });

  it("refuses a call that it cannot understand", async () => {
    for (const args of [["alice", "bob"], ["--output", ""], [""], ["--unknown"]])
      expect((await runCommand(env, "support-bundle", ...args)).status, args.join(" ")).to.equal(2);
    const { stdout } = await runCommand(env, "support-bundle", "--help");
    expect(stdout).to.contain("--anonymous").and.to.contain("--output <FILE>").and.to.contain("Never in it");
  });
});
