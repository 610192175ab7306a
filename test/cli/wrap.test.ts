import { expect } from "chai";
import { runCommand } from "../support/command.js";
import { KEY, saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { wrap } from "#dist/cli/wrap.js";

describe("a text on a terminal", () => {
  it("is broken between words where the terminal ends, and indented from then on", () => {
    expect(wrap("a bc def ghij klmno pqrst uvwxyz", 24, 2)).to.deep.equal(["a bc def ghij klmno", "  pqrst uvwxyz"]);
  });

  it("keeps what stands before it, and between its columns", () => {
    expect(wrap("    aaaa  bbbb   cccc    dddd", 24, 4)).to.deep.equal(["    aaaa  bbbb   cccc", "    dddd"]);
  });

  it("stays as it is where it fits, for no terminal, and where there is hardly room", () => {
    const text = "aaaa ".repeat(20).trim();
    for (const width of [undefined, 200, 99, 12]) expect(wrap(text, width, 4)).to.deep.equal([text]);
    expect(wrap(text, 98, 4)).to.have.length(2);
  });

  it("breaks no command, which could not be pasted then", () => {
    const command = "`redis-cli -h redis.example -p 6379 --askpass --bigkeys`";
    expect(wrap(`Raise it, or see (${command}), then ask again.`, 30, 4)).to.deep.equal([
      "Raise it, or see",
      `    (${command}),`,
      "    then ask again.",
    ]);
  });

  it("is as wide as it is shown: colours take no room, some characters two columns", () => {
    expect(wrap("\u001b[31maaaa\u001b[0m bbbb cccc dddd eeee", 24, 2)).to.have.length(1);
    expect(wrap("内容内容 内容内容 内容内容 内容内容", 24, 0)).to.deep.equal([
      "内容内容 内容内容",
      "内容内容 内容内容",
    ]);
  });
});

describe("on a narrow terminal", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  const terminalOf = (columns: number) =>
    `--import data:text/javascript,Object.assign(process.stdout,{isTTY:true,columns:${columns}})`;
  const isOneCommand = (line: string) => /^ +\S*`[^`]*`\S*$/.test(line);

  it("the findings of `doctor` are broken below their marks, and their remedies further to the right", async () => {
    const absent = await RedisServer.absent();
    const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(absent.port), ROO_USER_ID: "alice", NO_COLOR: "1" };
    const wide = (await runCommand({ ...env, ROO_MIRROR_KEY: KEY }, "doctor")).stdout;
    const { stdout } = await runCommand({ ...env, ROO_MIRROR_KEY: KEY, NODE_OPTIONS: terminalOf(44) }, "doctor");
    const lines = stdout.split("\n");
    expect(lines.filter((line) => line.length > 44 && !isOneCommand(line))).to.deep.equal([]);
    expect(lines.length).to.be.above(wide.split("\n").length);
    for (const line of lines) expect(line).to.match(/^(?: {2}[✓·!✗] [a-z]+: \S| {4}\S| {6}\S| {2}\d |$)/);
    expect(stdout.replaceAll(/\s+/g, " ")).to.equal(wide.replaceAll(/\s+/g, " "));
  });

  it("what `watch` says is broken below what it says of the time", async () => {
    const server = await RedisServer.start();
    try {
      await saveBriefly(server.port, {}, { customInstructions: "Be brief." });
      const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "alice" };
      const { stdout } = await runCommand({ ...env, NODE_OPTIONS: terminalOf(60) }, "watch", "--for", "1");
      const [, ...lines] = stdout.split("\n").slice(0, -1);
      expect(lines[0]).to.match(/^\d\d:\d\d:\d\d {2}there {4}customInstructions {2}\(shared\).{0,15}$/);
      expect(lines.length).to.be.above(1);
      for (const line of lines.slice(1)) expect(line).to.match(/^ {10}\S.{0,49}$/);
    } finally {
      await server.kill();
    }
  });

  it("what a help says of the environment is broken too, and indented as it begins", async () => {
    const { stdout } = await runCommand({ NODE_OPTIONS: terminalOf(60) }, "status", "--help");
    const [, environment = ""] = stdout.split("Environment:\n");
    const lines = environment.trimEnd().split("\n");
    expect(lines.length).to.be.above(2);
    for (const line of lines) expect(line).to.match(/^ {2}\S.{0,57}$/);
  });
});
