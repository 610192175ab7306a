import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { installExtensions } from "./support/code-server.js";
import { prepared } from "./support/environment.js";

/** As somebody would write it who has read the README. */
const PROGRAM = `
import { installMirror, RedisMirrored } from "redis-mirrored";

class Notes {
  async store(text) { this.saved = text; }
}
// What a compiler makes of \`@RedisMirrored("customInstructions")\`.
const saving = Object.getOwnPropertyDescriptor(Notes.prototype, "store");
Object.defineProperty(Notes.prototype, "store", RedisMirrored("customInstructions")(Notes.prototype, "store", saving));

const mirror = installMirror();
await new Notes().store("Answer briefly.");
await mirror.close();
`;

/** What VS Code does with it, without VS Code. */
const ACTIVATION = `
const kept = new Map();
const secrets = new Map();
const context = {
  globalState: {
    keys: () => [...kept.keys()],
    get: (key, fallback) => kept.get(key) ?? fallback,
    update: async (key, value) => void kept.set(key, value),
  },
  secrets: {
    get: async (key) => secrets.get(key),
    store: async (key, value) => void secrets.set(key, value),
    onDidChange: () => ({ dispose() {} }),
  },
  subscriptions: [],
};
(async () => {
  const { activate, deactivate } = require(process.argv[1]);
  const { contextProxy, mirror } = await activate(context);
  await contextProxy.update("customInstructions", "From the extension.");
  console.log(JSON.stringify(await mirror.flush({ timeoutMs: 5_000 })));
  await deactivate();
})();
`;

describe("what is packed, installed from scratch", () => {
  let redis: RedisServer;
  let env: Record<string, string>;
  before(async () => {
    redis = await RedisServer.start();
    const address = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(redis.port), ROO_USER_ID: "alice" };
    env = { PATH: process.env["PATH"] ?? "", ...address };
  });
  after(() => redis?.kill());

  it("is a library and a command, by npm", async () => {
    const folder = new TemporaryFolder().path;
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", prepared("tarball")];
    const installed = spawnSync("npm", install, { cwd: folder, encoding: "utf8" });
    expect(installed.status, installed.stderr).to.equal(0);

    const help = spawnSync(join(folder, "node_modules/.bin/redis-mirrored"), ["--help"], { encoding: "utf8" });
    expect(help.status, help.stderr).to.equal(0);
    expect(help.stdout).to.contain("redis-mirrored").and.to.contain("inspect");

    writeFileSync(join(folder, "program.js"), PROGRAM);
    const run = spawnSync(process.execPath, ["program.js"], {
      cwd: folder,
      env: { ...env, HOME: folder },
      encoding: "utf8",
    });
    expect(run.stderr).to.equal("");
    expect(await redis.get("roo:alice:customInstructions")).to.equal('"Answer briefly."');
  });

  it("is an extension whose manifest leads nowhere else, and which is activated in plain Node too", async () => {
    const extensions = installExtensions(prepared("vsix"));
    const [name, ...others] = readdirSync(extensions).filter((each) => each.startsWith("redis-mirrored."));
    expect(others).to.deep.equal([]);
    const folder = join(extensions, name!);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
    expect(manifest).not.to.have.any.keys("dependencies", "devDependencies", "scripts", "exports", "bin", "type");
    expect(
      readdirSync(folder, { recursive: true }).filter((path) => /\.(map|ts)$|^(src|test)/.test(String(path))),
    ).to.deep.equal([]);

    const main = join(folder, manifest["main"] as string);
    const child = spawn(process.execPath, ["-e", ACTIVATION, main], { env: { ...env, HOME: folder } });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
    const [status] = (await once(child, "close")) as [number | null];
    expect(status, said).to.equal(0);
    expect(said).to.contain('{"flushed":true}');
    expect(await redis.get("roo:alice:customInstructions")).to.equal('"From the extension."');
  });
});
