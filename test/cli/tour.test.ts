import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { RedisServer } from "../support/redis-server.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: Record<string, string> = {}, cwd = process.cwd()): Promise<Run> {
  const { REDIS_URL: _url, REDIS_HOST: _host, ...rest } = process.env;
  const command = spawn(process.execPath, [MAIN, ...args], {
    env: { ...rest, ...env },
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  command.stdout.on("data", (chunk) => (stdout += String(chunk)));
  command.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const [status] = (await once(command, "close")) as [number | null];
  return { status, stdout, stderr };
}

describe("the tour", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"))));
  afterEach(() => rm(folder, { recursive: true }));

  it("keeps its three promises on a server of its own, kills it in between, and prints them plainly", async () => {
    const { status, stdout, stderr } = await run(["tour", "--saves", "150"]);

    expect(stderr).to.equal("");
    expect(stdout)
      .to.contain("Redis is killed")
      .and.to.contain("Redis is back, and empty")
      .and.to.contain("The local store is deleted");
    expect(stdout.match(/^ {2}✔ {2}\w+/gm)).to.deep.equal(["  ✔  synced", "  ✔  unaffected", "  ✔  recovered"]);
    expect(status).to.equal(0);
    // eslint-disable-next-line no-control-regex -- that there are none is the point
    expect(stdout).not.to.match(/[\u0000-\u0009\u000B-\u001F\u007F]/);
  });

  it("does not read a server's dump that lies where it is started", async () => {
    await writeFile(join(folder, "dump.rdb"), "REDIS0099 of somebody else");
    const { status, stderr } = await run(["tour", "--saves", "150"], {}, folder);
    expect([status, stderr]).to.deep.equal([0, ""]);
  });

  it("shows no API key of the profiles it mirrors", async () => {
    const profiles = await readFile(join(ROOT, "samples/provider-profiles.json"), "utf8");
    const secrets = [...profiles.matchAll(/"(sk-[^"]+)"/g)].map(([, secret]) => secret!);
    expect(secrets).to.have.length.above(2);
    const { stdout } = await run(["tour", "--saves", "20"]);
    expect(stdout).to.contain(`None of the ${secrets.length} API keys`);
    for (const secret of secrets) expect(stdout).not.to.contain(secret);
  });

  describe("on a server that the environment names", () => {
    let server: RedisServer;
    beforeEach(async () => (server = await RedisServer.start()));
    afterEach(() => server.kill());

    it("does not stop it, and leaves nothing behind", async () => {
      await (await server.client()).set("somebody", "else's");
      const { status, stdout } = await run(["tour", "--saves", "150", "--plain"], {
        REDIS_URL: `redis://127.0.0.1:${server.port}`,
      });

      expect(stdout).to.contain("which is not stopped").and.to.contain("server not stopped, restored in");
      expect(stdout).not.to.contain("Redis is killed");
      expect(status).to.equal(0);
      expect(await (await server.client()).keys("*")).to.deep.equal(["somebody"]);
    });

    it("ends with status 1 if a promise does not hold", async () => {
      await (await server.client()).configSet("maxmemory", "1");
      const { status, stdout } = await run(["tour", "--saves", "10"], {
        REDIS_HOST: "127.0.0.1",
        REDIS_PORT: String(server.port),
      });
      expect(stdout).to.match(/✘ {2}synced/);
      expect(stdout).to.match(/✘ {2}recovered/);
      expect(status).to.equal(1);
    });
  });

  it("says what to install where no server can be had, and shows the part that needs none", async () => {
    const { status, stdout, stderr } = await run(["tour", "--saves", "150"], { PATH: folder });
    expect(stderr)
      .to.contain("There is no redis-server here")
      .and.to.contain("apt-get install -y --no-install-recommends redis-server");
    expect(stdout)
      .to.contain("on no Redis at all")
      .and.to.match(/✔ {2}unaffected/)
      .and.to.match(/– {2}synced/);
    expect(status).to.equal(0);
  });

  it("takes tasks and profiles as Roo-Code exports them", async () => {
    const history = join(folder, "history.json");
    const profiles = join(folder, "settings.json");
    await writeFile(
      history,
      JSON.stringify({
        taskHistory: [{ id: "a", number: 1, ts: 1, task: "One", tokensIn: 1, tokensOut: 1, totalCost: 0 }],
      }),
    );
    await writeFile(
      profiles,
      JSON.stringify({
        providerProfiles: { currentApiConfigName: "mine", apiConfigs: { mine: { apiKey: "sk-mine" } } },
      }),
    );
    const { stdout } = await run(["tour", "--saves", "10", "--history", history, "--profiles", profiles]);
    expect(stdout).to.contain("1 tasks and 1 provider profiles").and.to.contain("None of the 1 API keys");
    expect(stdout)
      .to.match(/✔ {2}synced/)
      .and.to.match(/✔ {2}recovered/);
  });

  it("works on with tasks that have no counts, and does not save what JSON cannot say", async () => {
    const history = join(folder, "history.json");
    await writeFile(history, JSON.stringify([{ id: "a", ts: 1, task: "One" }]));
    const { stdout } = await run(["tour", "--saves", "10", "--history", history]);
    expect(stdout).not.to.contain("not mirrored");
    expect(stdout)
      .to.match(/✔ {2}synced/)
      .and.to.match(/✔ {2}recovered/);
  });

  it("says why, if something is not mirrored", async () => {
    const history = join(folder, "history.json");
    const nested = `${'{"a":'.repeat(600)}1${"}".repeat(600)}`;
    await writeFile(history, `[{"id":"a","ts":1,"task":"One","deep":${nested}}]`);
    const { status, stdout } = await run(["tour", "--saves", "10", "--history", history]);
    expect(stdout).to.contain(
      "Redis does not hold what was saved; not mirrored: `taskHistory`: it is nested too deeply.",
    );
    expect(status).to.equal(1);
  });

  for (const [title, content, said] of [
    ["is not there", undefined, "to be a file that can be read, got ENOENT"],
    ["is not JSON", "sk-not-json", "to hold JSON, got 11 characters that are not"],
    ["holds something else", '{"tasks":[]}', "to hold an array of tasks, each with an `id` and a `ts`, got undefined"],
  ] as const) {
    it(`refuses a history that ${title}, naming the file and not its content`, async () => {
      const history = join(folder, "history.json");
      if (content !== undefined) await writeFile(history, content);
      const { status, stderr } = await run(["tour", "--history", history]);
      expect(stderr.trim()).to.equal(`Expected ${history} ${said}`);
      expect(status).to.equal(2);
    });
  }

  it("refuses a call that it cannot understand", async () => {
    expect(await run(["tour", "--saves", "some"])).to.deep.include({
      status: 2,
      stderr: "Expected --saves to be an integer of at least 10, got `some`\n",
    });
    expect((await run(["tour", "--unknown"])).status).to.equal(2);
    const { status, stderr } = await run(["tuor"]);
    expect(status).to.equal(2);
    expect(stderr).to.match(/^Expected a command \(tour, .*restore.*\), got `tuor`: did you mean `tour`\?\n$/);
  });

  it("says for a program what was promised and what was measured, and nothing else", async () => {
    const { status, stdout, stderr } = await run(["tour", "--saves", "10", "--json"]);
    const { redis, saves, verdicts } = JSON.parse(stdout) as Record<string, unknown> & { verdicts: object[] };
    expect([redis, saves, stderr]).to.deep.equal(["private", 10, ""]);
    expect(verdicts.map((verdict) => Object.keys(verdict))).to.deep.equal(
      ["synced", "unaffected", "recovered"].map(() => ["name", "promised", "measured", "isKept"]),
    );
    const isKept = verdicts.every((verdict) => "isKept" in verdict && verdict.isKept !== false);
    expect(status).to.equal(isKept ? 0 : 1);
  });

  it("says how it is called", async () => {
    expect((await run(["--help"])).stdout)
      .to.contain("redis-mirrored <command>")
      .and.to.contain("tour");
    expect((await run(["tour", "--help"])).stdout).to.contain("--history <FILE>");
    expect((await run(["--version"])).stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });
});
