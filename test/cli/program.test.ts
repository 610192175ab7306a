import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { toJson } from "#dist/cli/json.js";
import { commandNames, runCommand } from "../support/command.js";
import { RedisServer } from "../support/redis-server.js";

describe("redis-mirrored", function () {
  // Each command is a process of its own.
  this.timeout(30_000);

  it("teaches every command: what it does, examples, statuses, and what it asks the environment for", async () => {
    for (const name of await commandNames()) {
      const { status, stdout, stderr } = await runCommand({}, name, "--help");
      expect([status, stderr], name).to.deep.equal([0, ""]);
      for (const part of ["Usage: redis-mirrored ", "--json ", "Examples:\n", "Exit status:\n", "Environment:\n"])
        expect(stdout, name).to.contain(part);
      expect((await runCommand({}, "help", name)).stdout).to.equal(stdout);
    }
  });

  it("says how it is called to who calls it with nothing, or with something else", async () => {
    const { stdout: help } = await runCommand({}, "--help");
    expect(await runCommand({})).to.deep.equal({ status: 2, stdout: "", stderr: help });
    expect(await runCommand({}, "help", "nonsense")).to.deep.equal({ status: 2, stdout: "", stderr: help });
  });

  it("says what it expected, and what may have been meant", async () => {
    for (const [args, words] of [
      [["inspcet"], "got `inspcet`: did you mean `inspect`?"],
      [["a\u001b[2J"], "got `a\\u{1b}[2J`"],
      [["inspect", "--jsn"], "Expected an option of `inspect`, got `--jsn`: did you mean `--json`?"],
      [["keygen", "a"], "Expected `keygen` to be given no argument, got 1"],
      [
        ["restore", "provider", "--version"],
        "Expected `--version <VERSION>` with what stands in its place, got nothing",
      ],
      [["adopt", "a", "b"], "Expected `adopt` to be given 1 argument at most, got 2"],
      [["adopt", "--undo", "--check"], "Expected --check or --undo, got both"],
    ] as const) {
      const { status, stdout, stderr } = await runCommand({}, ...args);
      expect(stderr).to.contain(words);
      expect([status, stdout]).to.deep.equal([2, ""]);
    }
  });

  it("does not repeat what may be a secret that somebody wrote where none belongs", async () => {
    const secret = "sk-ant-canary-7f3a9e";
    for (const args of [
      [`--key=${secret}`],
      [`-k${secret}`],
      [`--${secret}=a`],
      ["alice", secret],
      ["--json", "alice", secret],
    ]) {
      const { status, stderr } = await runCommand({}, "inspect", ...args);
      expect(status).to.equal(2);
      expect(stderr)
        .to.match(/Expected .+, got /)
        .and.not.to.contain(secret);
    }
  });

  it("with --json says also for a program why it failed, on the error output", async () => {
    const absent = await RedisServer.absent();
    const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(absent.port) };
    for (const [more, args, status, code] of [
      [env, ["inspect", "--json"], 1, "CONNECTION_LOST"],
      [{ REDIS_PORT: "x" }, ["inspect", "--json"], 1, "MISCONFIGURED"],
      [env, ["inspect", "--json", "--nonsense"], 2, "USAGE"],
      [env, ["history", "--json", "taskHistory", "b"], 2, "USAGE"],
      [{ ROO_MIRROR_KEY: "a passphrase" }, ["keygen", "--id", "--json"], 1, "KEY_RING"],
    ] as const) {
      const { stdout, stderr, ...outcome } = await runCommand(more, ...args);
      expect([outcome.status, stdout], stderr).to.deep.equal([status, ""]);
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
      expect(error.code).to.equal(code);
      expect(error.message).to.be.a("string").that.is.not.empty;
    }
  });

  it("takes --json behind `--` for what it is there", async () => {
    const { stderr } = await runCommand({}, "inspect", "--", "--json", "b");
    expect(stderr).to.equal("Expected `inspect` to be given 1 argument at most, got 2\n");
  });

  it("ends well where its reader has read enough", async () => {
    const main = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
    const command = spawn(process.execPath, [main, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    command.stdout.destroy();
    let complained = "";
    command.stderr.on("data", (chunk) => (complained += String(chunk)));
    const [status] = (await once(command, "close")) as [number];
    expect([status, complained]).to.deep.equal([0, ""]);
  });
});

describe("what a command says for a program", () => {
  it("has no character that a terminal would obey, and is the same JSON", () => {
    const hostile = { "\u0085\u009b2J": "\u007f\u202e\u0000\ud83d\n" };
    const json = toJson(hostile);
    expect(json).to.match(/^[\x20-\x7e\n]+$/);
    expect(JSON.parse(json)).to.deep.equal(hostile);
  });

  it("has every member, and `null` where nothing is known", () => {
    expect(toJson({ a: undefined, b: [undefined] }, 0)).to.equal('{"a":null,"b":[null]}');
  });
});
