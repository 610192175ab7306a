import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runCommand } from "../support/command.js";
import { hurriedMirror, KEY } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { slowDownWrites, TcpProxy } from "../support/tcp-proxy.js";

const PROVIDER = { userId: "alice", record: "provider" };

const GOOD = { apiConfigs: { a: { apiKey: "sk-good" } } };

describe("history and restore", () => {
  let server: RedisServer;
  let folder: string;
  before(async () => {
    server = await RedisServer.start();
    folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"));
  });
  beforeEach(async () => {
    await (await server.client()).flushAll();
    for (const value of [GOOD, { apiConfigs: {} }]) {
      const { mirror, service } = hurriedMirror(server.port);
      service.set(PROVIDER, value);
      await mirror.close({ timeoutMs: 5_000 });
    }
  });
  after(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });

  const run = (place: { readonly port: number }, ...args: string[]) =>
    runCommand(
      { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(place.port), ROO_MIRROR_KEY: KEY, ROO_USER_ID: "alice" },
      ...args,
    );

  const versions = async () =>
    JSON.parse((await run(server, "history", "provider", "--json")).stdout) as {
      version: string;
      isCurrent: boolean;
    }[];

  it("show what a machine that had not seen it has overwritten, and bring it back", async () => {
    const { stdout, status } = await run(server, "history", "provider");
    expect(status).to.equal(0);
    const [current, kept] = await versions();
    expect(stdout).to.match(
      /^ {2}VERSION +SAVED +BYTES\n\* \d{13}-\S+ +2\S+ \S+ +\d+\n {2}\d{13}-\S+ +2\S+ \S+ +\d+\n$/,
    );
    expect([current!.isCurrent, kept!.isCurrent]).to.deep.equal([true, false]);

    const file = join(folder, "profiles.json");
    expect((await run(server, "restore", "provider", "--version", kept!.version, "--output", file)).status).to.equal(0);
    expect(JSON.parse(await readFile(file, "utf8"))).to.deep.equal(GOOD);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);

    const restored = await run(server, "restore", "provider", "--version", kept!.version);
    expect([restored.status, restored.stderr]).to.deep.equal([0, ""]);
    const { mirror, service } = hurriedMirror(server.port);
    expect(await service.get(PROVIDER)).to.deep.equal(GOOD);
    await mirror.close();
    expect((await versions()).map(({ isCurrent }) => isCurrent)).to.deep.equal([true, false, false]);
  });

  it("wait for a server that is slow to answer", async () => {
    const proxy = await TcpProxy.start(server.port);
    try {
      const version = (await versions()).at(-1)!.version;
      slowDownWrites(proxy);
      const { status, stderr } = await run(proxy, "restore", "provider", "--version", version);
      expect([status, stderr]).to.deep.equal([0, ""]);
    } finally {
      await proxy.stop();
    }
  });

  it("do not write over a file", async () => {
    const { version } = (await versions())[0]!;
    const file = join(folder, "taken.json");
    await run(server, "restore", "provider", "--version", version, "--output", file);
    const again = await run(server, "restore", "provider", "--version", version, "--output", file);
    expect(again.status).to.equal(1);
    expect(again.stderr).to.equal(`${file} is there already, and stays as it is.\n`);
  });

  it("say what they expected", async () => {
    for (const [args, status, words] of [
      [["history"], 2, "Expected RECORD, got none"],
      [["history", "nonsense"], 2, "Expected RECORD to be one of taskHistory, provider,"],
      [["restore", "provider"], 2, "Expected `--version <VERSION>`, got none"],
      [
        ["restore", "provider", "--version", "9"],
        2,
        "one of the 2 versions of `provider` that `history` shows, got `9`, with which none begins.",
      ],
      [["restore", "provider", "--version", "1"], 2, "begin."],
    ] as const) {
      const outcome = await run(server, ...args);
      expect(outcome.stderr, args.join(" ")).to.contain(words);
      expect(outcome.status, args.join(" ")).to.equal(status);
    }
    expect((await run(server, "history", "taskHistory")).stdout).to.equal("Redis holds no version of `taskHistory`.\n");
    const { status, stderr } = await run(server, "restore", "taskHistory", "--version", "1");
    expect(stderr).to.equal("Redis holds no version of `taskHistory`: there is nothing to restore.\n");
    expect(status).to.equal(1);
  });

  it("say that Redis is not there", async () => {
    const absent = await RedisServer.absent();
    const { status, stderr } = await run(absent, "history", "provider");
    expect([status, stderr]).to.deep.equal([1, "The connection failed: ECONNREFUSED.\n"]);
  });
});
