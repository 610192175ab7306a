import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { build, type BuildOptions } from "esbuild";
import { codeBlocksOf, ROOT } from "../support/document.js";
import { KEY } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { HOST_OPTIONS } from "./bundling.js";

const RECIPE = codeBlocksOf("docs/integration.md").find(({ code }) => code.includes("splitOffRedisClient"))!.code;

// Saves a record. Prints what was told, and which files were loaded for it.
const HOST = `
const { createMirror, TOKENS } = require(process.argv[1]);
(async () => {
  const failed = [];
  const mirror = createMirror({ userId: "alice", env: process.env, logger: { info() {}, warn() {} } });
  mirror.on("failed", ({ reason }) => failed.push(reason));
  const before = Object.keys(require.cache).length;
  mirror.container.get(TOKENS.RedisSyncService).set({ userId: "alice", record: "customInstructions" }, "Briefly.");
  await mirror.flush({ timeoutMs: 5_000 });
  await mirror.close({ timeoutMs: 0 });
  const later = Object.keys(require.cache).slice(before).map((file) => require("node:path").basename(file));
  console.log(JSON.stringify({ failed: failed[0], later }));
})();
`;

describe("a host that gives the client a file of its own, as docs/integration.md shows it", () => {
  let folder: TemporaryFolder;
  before(async () => {
    folder = new TemporaryFolder();
    mkdirSync(join(folder.path, "src"));
    writeFileSync(join(folder.path, "src/extension.ts"), `export { createMirror, TOKENS } from "redis-mirrored";`);
    // As pnpm installs it: the host finds this package, and nothing that this package depends on.
    mkdirSync(join(folder.path, "node_modules"));
    symlinkSync(ROOT, join(folder.path, "node_modules/redis-mirrored"), "dir");
    await follow(RECIPE, { ...HOST_OPTIONS, absWorkingDir: folder.path });
  });
  after(() => folder.remove());

  async function run(port: number) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["-e", HOST, join(folder.path, "dist/extension.js")],
      {
        env: { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(port), ROO_MIRROR_KEY: KEY },
      },
    );
    return JSON.parse(stdout) as { failed?: string; later: string[] };
  }

  it("loads it with the first connection, and mirrors", async () => {
    const server = await RedisServer.start();
    try {
      expect(await run(server.port)).to.deep.equal({ later: ["redis-client.js"] });
      expect(await server.get("roo:alice:customInstructions")).to.equal('"Briefly."');
    } finally {
      await server.kill();
    }
  });

  it("reads no more of what a server sends than others do", async () => {
    const server = await ScriptedServer.start();
    server.replies.set("EVALSHA", "$536870912").set("EVAL", "$536870912");
    try {
      expect((await run(server.port)).failed).to.equal("Redis answered with more than may be read.");
    } finally {
      await server.stop();
    }
  });
});

/** @param more What the recipe leaves to the host. */
async function follow(recipe: string, more: BuildOptions): Promise<void> {
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const hostBuild = (options: BuildOptions) => build({ ...more, ...options });
  await (new AsyncFunction("build", recipe)(hostBuild) as Promise<void>);
}
