import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { RedisServer } from "../support/redis-server.js";

const DIST = dirname(fileURLToPath(import.meta.resolve("#dist/index.js")));

// What VS Code does with `main`: require it, and call activate and deactivate. Prints what was loaded, and when.
const HOST = `
const { activate, deactivate } = require(process.argv[1]);
const isClientLoaded = () => Object.keys(require.cache).some((file) => file.includes("redis-client"));
(async () => {
  const { openFileContext } = await import(process.argv[2]);
  const context = await openFileContext(process.argv[3]);
  const { contextProxy } = await activate(context, { userId: "bundled", env: process.env, logger: { info() {}, warn() {} } });
  await contextProxy.update("customInstructions", "from the bundle");
  await deactivate();
  console.log(JSON.stringify({ isLoadedAfterSave: isClientLoaded() }));
})();
`;

describe("the bundled extension", () => {
  let server: RedisServer;
  let folder: string;
  before(async () => {
    server = await RedisServer.start();
    folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"));
  });
  after(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });

  it("runs as VS Code runs it, and loads the Redis client from the file that was split off", async () => {
    const files = [join(DIST, "bundle/extension.cjs"), join(DIST, "extension/file-context.js"), folder];
    const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port) };
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", HOST, ...files], { env, encoding: "utf8" });
    expect(stderr).to.equal("");
    expect(JSON.parse(stdout)).to.deep.equal({ isLoadedAfterSave: true });
    expect(await server.get("roo:bundled:customInstructions")).to.equal('"from the bundle"');
  });

  it("does not load the Redis client before it is needed", () => {
    const script = `require(process.argv[1]); console.log(Object.keys(require.cache).filter((file) => file.includes("redis-client")).length)`;
    const { stdout } = spawnSync(process.execPath, ["-e", script, join(DIST, "bundle/extension.cjs")], {
      encoding: "utf8",
    });
    expect(stdout.trim()).to.equal("0");
  });
});
