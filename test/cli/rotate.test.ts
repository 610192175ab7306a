import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createMirror, parseKeys, TOKENS } from "redis-mirrored";
import { runCommand } from "../support/command.js";
import { hurriedMirror, SILENT } from "../support/mirrors.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const CANARY = "sk-ant-canary-7f3a9e";
const [OLD, NEW, THIRD] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte).toString("base64url")) as [
  string,
  string,
  string,
];
const idOf = (key: string) => parseKeys(key)[0]!.id;

interface Report {
  isDone: boolean;
  keyId: string;
  takesNewKey: boolean;
  reencrypted: number;
  left: { redisKey: string; version: string | null; keyId: string | null; reason: string }[];
}

interface Owner {
  userId?: string;
  instanceId?: string;
}

describe("rotate", function () {
  // Each command is a process of its own.
  this.timeout(60_000);
  let server: RedisServer;
  let folder: TemporaryFolder;
  let file: string;
  let env: Record<string, string>;
  before(async () => void (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => {
    await (await server.client()).flushAll();
    folder = new TemporaryFolder();
    file = join(folder.path, "redis-mirrored", "key");
    env = {
      REDIS_HOST: "127.0.0.1",
      REDIS_PORT: String(server.port),
      ROO_USER_ID: "alice",
      XDG_CONFIG_HOME: folder.path,
    };
  });
  afterEach(() => folder.remove());

  async function keep(...keys: string[]): Promise<void> {
    await mkdir(join(folder.path, "redis-mirrored"), { recursive: true });
    await writeFile(file, `${keys.join(",")}\n`, { mode: 0o600 });
  }

  async function keptKeys(): Promise<string[]> {
    return (await readFile(file, "utf8")).trim().split(",");
  }

  async function save(keys: string[], value: unknown, owner: Owner = {}, record = "provider"): Promise<void> {
    const { mirror, service } = hurriedMirror(server.port, { keys, ...owner });
    service.set({ userId: owner.userId ?? "alice", record }, value);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  }

  /** The value, and those that were overwritten, oldest first. */
  async function readAll(keys: string[], owner: Owner = {}): Promise<unknown[]> {
    const { mirror } = hurriedMirror(server.port, { keys, ...owner });
    const id = { record: "provider", userId: owner.userId ?? "alice" };
    const versions = await mirror.history(id);
    const values = await Promise.all(versions.map(({ version }) => mirror.readVersion({ ...id, version })));
    await mirror.close();
    return values.toReversed();
  }

  /** Of all that lies there encrypted, values and kept versions. */
  async function keyIds(): Promise<string[]> {
    const client = await server.client();
    const values = await Promise.all(
      (await client.keys("roo:*")).map(async (key) =>
        (await client.type(key)) === "hash" ? client.hVals(key) : [(await client.get(key))!],
      ),
    );
    const jwes = values.flat().filter((value) => value.startsWith('{"protected":"'));
    return jwes.map((jwe) => {
      const { protected: header } = JSON.parse(jwe) as { protected: string };
      return (JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string }).kid;
    });
  }

  async function rotate(...args: string[]): Promise<Report> {
    const { stdout, stderr } = await runCommand(env, "rotate", "--yes", "--json", ...args);
    expect(stderr).to.equal("");
    return JSON.parse(stdout) as Report;
  }

  it("takes a new key, and encrypts with it the values and kept versions of all instances", async () => {
    await keep(OLD);
    await save([OLD], { a: CANARY });
    await save([OLD], { b: CANARY });
    await save([OLD], { c: CANARY }, { instanceId: "laptop" });
    const { status, stdout, stderr } = await runCommand(env, "rotate", "--yes");
    const [first, ...others] = await keptKeys();
    expect(others).to.deep.equal([OLD]);
    const id = idOf(first!);
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout.split("\n")).to.deep.equal([
      `To be encrypted with a new key: 2 values and 1 kept version, now under ${idOf(OLD)}.`,
      `${file} has a new key, ${id}. The old one stays behind it.`,
      `3 encrypted anew, with ${id}.`,
      "Once nobody needs the old key any more: redis-mirrored rotate --forget",
      "",
    ]);
    expect(await keyIds()).to.deep.equal([id, id, id]);
    expect(await readAll([first!])).to.deep.equal([{ a: CANARY }, { b: CANARY }]);
    expect(await readAll([first!], { instanceId: "laptop" })).to.deep.equal([{ c: CANARY }]);
  });

  it("changes nothing but the ciphertext: neither versions, nor lives, nor what is no secret", async () => {
    await keep(OLD);
    await save([OLD], { a: CANARY });
    await save([OLD], "Be brief.", {}, "customInstructions");
    const client = await server.client();
    await client.expire("roo:alice:provider", 1_000);
    const others = ["roo:alice:~version:provider", "roo:alice:customInstructions"];
    const before = await client.mGet(others);
    await rotate();
    expect(await client.mGet(others)).to.deep.equal(before);
    expect(await client.ttl("roo:alice:provider")).to.be.within(900, 1_000);
  });

  it("encrypts with the first key of the environment, makes none, and has nothing to do the second time", async () => {
    await save([OLD], { a: CANARY });
    env = { ...env, ROO_MIRROR_KEY: `${NEW},${OLD}` };
    const report = { isDone: true, keyId: idOf(NEW), takesNewKey: false, reencrypted: 1, left: [] };
    expect(await rotate()).to.deep.equal(report);
    expect(await rotate()).to.deep.equal({ ...report, isDone: false, reencrypted: 0 });
    expect(await readAll([NEW])).to.deep.equal([{ a: CANARY }]);
    expect(await readFile(file).catch(({ code }: NodeJS.ErrnoException) => code)).to.equal("ENOENT");
  });

  it("finishes a rotation that was begun before it takes another key", async () => {
    await keep(NEW, OLD);
    await save([OLD], { a: CANARY });
    await save([NEW], { b: CANARY }, { instanceId: "laptop" });
    expect(await rotate()).to.include({ takesNewKey: false, keyId: idOf(NEW), reencrypted: 1 });
    expect(await keptKeys()).to.deep.equal([NEW, OLD]);
    expect(await rotate()).to.include({ takesNewKey: true, reencrypted: 2 });
    expect(await keptKeys()).to.have.lengthOf(3);
  });

  it("leaves alone what is under a key that it does not have, and lists it by its id", async () => {
    await keep(OLD);
    await save([THIRD], { a: CANARY }, { instanceId: "phone" });
    await save([THIRD], { b: CANARY });
    await save([THIRD, OLD], { c: CANARY });
    const client = await server.client();
    await client.set("roo:alice:provider", (await client.get("roo:alice:provider"))!, { KEEPTTL: true });
    await save([OLD, THIRD], { d: CANARY });
    const before = await client.get("roo:alice:phone:provider");
    const { status, stdout, stderr } = await runCommand(env, "rotate", "--yes");
    expect([status, stderr]).to.deep.equal([1, ""]);
    expect(stdout).to.contain(
      `To be left alone, under a key that is not at hand:\n  ${idOf(THIRD)}   1 value and 2 kept versions\n`,
    );
    expect(stdout).to.match(
      new RegExp(`^  roo:alice:phone:provider +${idOf(THIRD)}   under a key that is not at hand$`, "m"),
    );
    expect(stdout).to.match(new RegExp(`^  roo:alice:provider +\\d{13}-\\S+ +${idOf(THIRD)}   under a key`, "m"));
    expect(await client.get("roo:alice:phone:provider")).to.equal(before);
    expect(await readAll([(await keptKeys())[0]!, THIRD])).to.deep.equal([{ b: CANARY }, { c: CANARY }, { d: CANARY }]);
  });

  it("leaves alone what does not decrypt, what is no JWE, and what is of another type, and goes on", async () => {
    await keep(OLD);
    await save([OLD], { a: CANARY });
    await save([OLD], { b: CANARY }, { instanceId: "phone" });
    const client = await server.client();
    const jwe = (await client.get("roo:alice:phone:provider"))!;
    const moved = {
      "roo:alice:phone:mcpSettings": jwe,
      "roo:alice:x:provider": '{"protected":"e30"',
      "roo:alice:y:provider": "{}",
    };
    for (const [key, value] of Object.entries(moved)) await client.set(key, value);
    await client.hSet("roo:alice:z:provider", { a: "1" });
    await client.hSet("roo:alice:~kept:mcpSettings", { "1764018000123-0000-aaaa": jwe.slice(0, -20), odd: jwe });
    await client.set("roo:alice:z:~kept:provider", "text");
    const report = await rotate();
    expect(report).to.include({ reencrypted: 2 });
    expect(report.left.map(({ redisKey, version, reason }) => [redisKey, version, reason])).to.have.deep.members([
      ["roo:alice:x:provider", null, "unknown-key"],
      ["roo:alice:phone:mcpSettings", null, "unreadable"],
      ["roo:alice:mcpSettings", "1764018000123-0000-aaaa", "unreadable"],
      ["roo:alice:mcpSettings", "odd", "unreadable"],
    ]);
    for (const [key, value] of Object.entries(moved)) expect(await client.get(key)).to.equal(value);
    expect(await readAll([(await keptKeys())[0]!])).to.deep.equal([{ a: CANARY }]);
  });

  it("encrypts anew what another program has written in its own way, as whoever reads it takes it", async () => {
    await keep(OLD);
    await save([OLD], { a: CANARY });
    const client = await server.client();
    const { protected: header, ...members } = JSON.parse((await client.get("roo:alice:provider"))!) as {
      protected: string;
    };
    await client.set("roo:alice:provider", `\n${" ".repeat(100)}${JSON.stringify({ ...members, protected: header })}`);
    const [line] = (await runCommand(env, "rotate", "--dry-run")).stdout.split("\n");
    expect(line).to.equal(`To be encrypted with a new key: 1 value, now under ${idOf(OLD)}.`);
    expect(await rotate()).to.include({ reencrypted: 1 });
    expect(await keyIds()).to.deep.equal([idOf((await keptKeys())[0]!)]);
    expect(await readAll([(await keptKeys())[0]!])).to.deep.equal([{ a: CANARY }]);
  });

  it("names what it does not look at, ends with 1 then, and forgets no key that it may be under", async () => {
    await keep(NEW, OLD);
    await save([OLD], { a: CANARY });
    await save([OLD], { b: CANARY });
    const client = await server.client();
    const junk = Array.from({ length: 64 }, (_none, index) => [`junk${index}`, "x"]);
    await client.hSet("roo:alice:~kept:provider", Object.fromEntries(junk) as Record<string, string>);
    await client.set("roo:alice:big:provider", `{${" ".repeat(32 * 2 ** 20)}`);
    await client.set("roo:alice:text:provider", " ".repeat(8) + "x".repeat(32 * 2 ** 20));
    const longName = "9".repeat(200);
    await client.hSet("roo:alice:~kept:mcpSettings", { [longName]: (await client.get("roo:alice:provider"))! });
    const unseen = [
      ["roo:alice:big:provider", null, "too-large"],
      ["roo:alice:mcpSettings", longName.slice(0, 128), "too-large"],
      ["roo:alice:~kept:provider", null, "too-many"],
    ];
    const reasons = ({ left }: Report) => left.map(({ redisKey, version, reason }) => [redisKey, version, reason]);
    const report = await rotate();
    expect(report).to.include({ takesNewKey: false, reencrypted: 1 });
    expect(reasons(report)).to.have.deep.members(unseen);
    const { status, stdout } = await runCommand(env, "rotate", "--forget", "--yes", "--json");
    expect([status, reasons(JSON.parse(stdout) as Report)]).to.deep.equal([1, reasons(report)]);
    const told = await runCommand(env, "rotate", "--forget", "--yes");
    expect([told.status, told.stderr]).to.deep.equal([1, ""]);
    expect(told.stdout).to.match(/^Not forgotten, since these may be under them:\n {2}roo:alice:big:provider /);
    expect(told.stdout).to.contain("not looked at: more versions than the mirror keeps\n");
    expect(await keptKeys()).to.deep.equal([NEW, OLD]);
    const dry = await runCommand(env, "rotate", "--dry-run");
    expect([dry.status, dry.stdout.includes("Not looked at, whatever they are under:\n")]).to.deep.equal([1, true]);
  });

  it("does not touch other users, unless it is told that all are meant", async () => {
    await keep(OLD);
    await save([OLD], { a: CANARY });
    await save([OLD], { b: CANARY }, { userId: "bob" });
    await save([OLD], { c: CANARY }, { userId: "alice2" });
    expect(await rotate()).to.include({ reencrypted: 1 });
    expect(await readAll([OLD], { userId: "bob" })).to.deep.equal([{ b: CANARY }]);
    expect(await rotate("--all-users")).to.include({ takesNewKey: false, reencrypted: 2 });
    const [first] = await keptKeys();
    expect(await readAll([first!], { userId: "bob" })).to.deep.equal([{ b: CANARY }]);
    expect(await readAll([first!], { userId: "alice2" })).to.deep.equal([{ c: CANARY }]);
  });

  it("shows what it would do and changes nothing with --dry-run, no value and no key", async () => {
    await keep(OLD);
    await save([OLD], { a: CANARY });
    const before = await server.get("roo:alice:provider");
    const { status, stdout, stderr } = await runCommand(env, "rotate", "--dry-run");
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout).to.equal(`To be encrypted with a new key: 1 value, now under ${idOf(OLD)}.\n`);
    expect(await rotate("--dry-run")).to.include({ isDone: false, reencrypted: 1 });
    expect(await keptKeys()).to.deep.equal([OLD]);
    expect(await server.get("roo:alice:provider")).to.equal(before);
  });

  it("says of a key file that others may read that they may", async () => {
    await keep(OLD);
    await chmod(file, 0o640);
    const { status, stderr } = await runCommand(env, "rotate", "--dry-run");
    expect(status).to.equal(0);
    expect(stderr).to.contain(`${file} can be read by others than its owner (mode 640)`);
  });

  it("loses nothing wherever it is killed, and goes on where it was", async () => {
    await keep(OLD);
    const owners = Array.from({ length: 5 }, (_none, index) => ({ instanceId: `i${index}` }));
    for (const owner of owners) {
      await save([OLD], { older: owner.instanceId }, owner);
      await save([OLD], { newer: owner.instanceId }, owner);
    }
    const expected = owners.map(({ instanceId }) => [{ older: instanceId }, { newer: instanceId }]);
    const readEverything = async () => {
      const keys = await keptKeys();
      return Promise.all(owners.map((owner) => readAll(keys, owner)));
    };
    const proxy = await TcpProxy.start(server.port);
    const killed = { ...env, REDIS_PORT: String(proxy.port) };
    let isOver = false;
    let kills = 0;
    // A few requests further each time: before the new key, right after it, and between any two values.
    while (!isOver) {
      const child = spawn(process.execPath, [MAIN, "rotate", "--yes"], {
        env: { PATH: process.env["PATH"], ...killed },
      });
      let left = 1 + 6 * kills + Math.floor(Math.random() * 6);
      proxy.onRequest = () => void (--left === 0 && child.kill("SIGKILL"));
      const [status, signal] = (await once(child, "close")) as [number | null, string | null];
      isOver = status === 0;
      if (!isOver) expect(signal).to.equal("SIGKILL");
      kills += isOver ? 0 : 1;
      expect(await readEverything(), `after ${kills} kills`).to.deep.equal(expected);
    }
    await proxy.stop();
    expect(kills).to.be.greaterThan(0);
    // One that was killed when all was done is followed by another rotation.
    const [first, ...others] = await keptKeys();
    expect(others.at(-1)).to.equal(OLD);
    expect(new Set(await keyIds())).to.deep.equal(new Set([idOf(first!)]));
    expect(await Promise.all(owners.map((owner) => readAll([first!], owner)))).to.deep.equal(expected);
  }).timeout(120_000);

  it("loses no key where two are run at the same time", async () => {
    await keep(OLD);
    for (const instanceId of ["a", "b", "c"]) await save([OLD], { instanceId }, { instanceId });
    const outcomes = await Promise.all(Array.from({ length: 3 }, () => runCommand(env, "rotate", "--yes")));
    expect(outcomes.map(({ status }) => status)).to.include(0);
    for (const { status, stderr } of outcomes) if (status === 1) expect(stderr).to.match(/was changed meanwhile/);
    const keys = await keptKeys();
    for (const instanceId of ["a", "b", "c"])
      expect(await readAll(keys, { instanceId })).to.deep.equal([{ instanceId }]);
  });

  it("works on a cluster, for one user and for all", async () => {
    const cluster = await RedisCluster.start();
    try {
      env = { ...env, REDIS_CLUSTER: cluster.addresses, ROO_MIRROR_KEY: `${NEW},${OLD}` };
      const redis = { cluster: cluster.addresses.split(",") };
      const users = ["alice", "bob", "carol", "dave"];
      const read = async (userId: string, keys: string[]) => {
        const { mirror, service } = clusterMirror(userId, keys);
        const value = await service.get({ userId, record: "provider" });
        await mirror.close();
        return value;
      };
      const clusterMirror = (userId: string, keys: string[]) => {
        const mirror = createMirror({ userId, keys, env: {}, logger: SILENT, redis });
        return { mirror, service: mirror.container.get(TOKENS.RedisSyncService) };
      };
      for (const userId of users) {
        const { mirror, service } = clusterMirror(userId, [OLD]);
        service.set({ userId, record: "provider" }, { userId });
        expect(await mirror.close({ timeoutMs: 10_000 })).to.deep.equal({ flushed: true });
      }
      expect(await rotate("bob")).to.include({ reencrypted: 1 });
      expect(await rotate("--all-users")).to.include({ reencrypted: 3 });
      for (const userId of users) expect(await read(userId, [NEW])).to.deep.equal({ userId });
    } finally {
      await cluster.stop();
    }
  });

  describe("--forget", () => {
    it("removes the old keys once nothing is under them, whoever's it is", async () => {
      await keep(NEW, OLD);
      await save([OLD], { b: CANARY }, { userId: "bob" });
      const refused = await runCommand(env, "rotate", "--forget", "--yes");
      expect([refused.status, refused.stderr]).to.deep.equal([1, ""]);
      expect(refused.stdout).to.equal(
        `Not forgotten, since something is still under them:\n  ${idOf(OLD)}   1 value\n`,
      );
      expect(await keptKeys()).to.deep.equal([NEW, OLD]);

      await rotate("bob");
      const { status, stdout, stderr } = await runCommand(env, "rotate", "--forget", "--yes");
      expect([status, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.equal(
        `Nothing in this Redis is under the older keys of ${file}: ${idOf(OLD)}.\n${file} holds ${idOf(NEW)} alone.\n`,
      );
      expect(await keptKeys()).to.deep.equal([NEW]);
      expect(await readAll([NEW], { userId: "bob" })).to.deep.equal([{ b: CANARY }]);
    });

    it("forgets none that was saved under while it asked", async () => {
      await keep(NEW, OLD);
      const command = spawn(process.execPath, [MAIN, "rotate", "--forget"], {
        env: { ...env, NODE_OPTIONS: "--import data:text/javascript,Object.assign(process.stdin,{isTTY:true})" },
      });
      let stdout = "";
      command.stdout.on("data", (chunk) => (stdout += String(chunk)));
      let question = "";
      command.stderr.on("data", (chunk) => {
        question += String(chunk);
        if (question.endsWith("[y/N] "))
          void save([OLD], { b: CANARY }, { userId: "bob" }).then(() => command.stdin.end("y\n"));
      });
      expect(await once(command, "close")).to.deep.equal([1, null]);
      expect(stdout).to.contain(`Not forgotten, since something is still under them:\n  ${idOf(OLD)}   1 value\n`);
      expect(await keptKeys()).to.deep.equal([NEW, OLD]);
    });

    it("is not held back by what does not decrypt under the key that it names, and names it", async () => {
      await keep(NEW, OLD);
      await save([OLD], { a: CANARY });
      const client = await server.client();
      const jwe = (await client.get("roo:alice:provider"))!;
      await client.set("roo:alice:mcpSettings", jwe);
      const refused = await runCommand(env, "rotate", "--forget", "--yes");
      expect(refused.status).to.equal(1);
      expect(refused.stdout).to.contain(`\n  ${idOf(OLD)}   1 value\n`);
      await client.del("roo:alice:provider");
      const { status, stdout, stderr } = await runCommand(env, "rotate", "--forget", "--yes");
      expect([status, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.match(/^ {2}roo:alice:mcpSettings .* does not decrypt$/m);
      expect(await keptKeys()).to.deep.equal([NEW]);
    });

    it("takes away the drafts of those that were killed, also where the file holds one key", async () => {
      const draft = `${file}.00000000-0000-4000-8000-000000000000`;
      const draftKeys = () => readFile(draft, "utf8").catch(({ code }: NodeJS.ErrnoException) => code);
      await keep(NEW);
      await writeFile(draft, `${NEW},${OLD}\n`, { mode: 0o600 });
      await runCommand(env, "rotate", "--forget", "--dry-run");
      expect(await draftKeys()).to.equal(`${NEW},${OLD}\n`);
      expect((await runCommand(env, "rotate", "--forget", "--yes")).status).to.equal(0);
      expect(await draftKeys()).to.equal("ENOENT");
      expect(await keptKeys()).to.deep.equal([NEW]);
    });

    it("counts what is kept of a record as well", async () => {
      await keep(NEW, OLD);
      await save([OLD], { a: CANARY });
      await save([NEW, OLD], { b: CANARY });
      expect((await runCommand(env, "rotate", "--forget", "--yes")).status).to.equal(1);
      expect(await keptKeys()).to.deep.equal([NEW, OLD]);
    });

    it("says what it would do, and that a variable is not its to change", async () => {
      await keep(NEW, OLD);
      const { status, stdout } = await runCommand(env, "rotate", "--forget", "--json", "--dry-run");
      expect([status, JSON.parse(stdout)]).to.deep.equal([
        0,
        { isDone: false, keyId: idOf(NEW), forgotten: [], left: [] },
      ]);
      const named = await runCommand({ ...env, ROO_MIRROR_KEY: `${NEW},${OLD}` }, "rotate", "--forget");
      expect([named.status, named.stderr]).to.deep.equal([0, ""]);
      expect(named.stdout).to.contain("ROO_MIRROR_KEY is yours to shorten.");
      expect(await keptKeys()).to.deep.equal([NEW, OLD]);
    });
  });

  it("says what it lacks, and what it does not understand, and quotes no key", async () => {
    const missing = await runCommand(env, "rotate", "--yes");
    expect(missing).to.deep.equal({
      status: 1,
      stdout: "",
      stderr: `There is no key to rotate: ${file} is not there.\n`,
    });
    await keep(OLD);
    await save([OLD], { a: CANARY });
    for (const [status, args, words] of [
      [2, ["a", "b"], "Expected `rotate` to be given 1 argument at most, got 2"],
      [2, ["a", "--all-users"], "Expected no user with --all-users, got one"],
      [2, [""], "Expected a user id, got an empty one"],
      [2, [], "Expected --yes or --dry-run where nobody can be asked, got neither"],
    ] as const) {
      const outcome = await runCommand(env, "rotate", ...args);
      expect(outcome.stderr).to.contain(words);
      expect(outcome.status, words).to.equal(status);
    }
    const passphrase = await runCommand({ ...env, ROO_MIRROR_KEY: "correct horse" }, "rotate", "--yes");
    expect(passphrase.status).to.equal(1);
    expect(passphrase.stderr).to.contain("make one: npx redis-mirrored keygen").and.not.to.contain("horse");
    const down = await runCommand({ ...env, REDIS_PORT: "1" }, "rotate", "--yes");
    expect(down.status).to.equal(1);
    expect(down.stderr).not.to.contain(OLD);
    expect(await keptKeys()).to.deep.equal([OLD]);
  });
});
