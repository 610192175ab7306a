import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { ROOT } from "../support/document.js";
import { ADMIN, IS_LIMITED } from "../support/limited-account.js";
import { KEY } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { bundleAsHost } from "./bundling.js";

const ENTRY = `
import { ConnectionLostError, createMirror, RefusedError, TOKENS, VersionNotFoundError } from "redis-mirrored";
export const names = [ConnectionLostError, RefusedError, VersionNotFoundError].map((Type) => new Type("x").name);
export const classNames = [ConnectionLostError, RefusedError, VersionNotFoundError].map((Type) => Type.name);
export { createMirror, TOKENS };
`;

// Saves two records, and again after the server was given an order, by a second copy of the client. Prints what was told.
const HOST = `
const { createMirror, TOKENS, names, classNames } = require(process.argv[1]);
const { createClient } = require("@redis/client");
(async () => {
  const [told, order, account] = [{ failed: [], held: [] }, ...process.argv.slice(2).map((text) => JSON.parse(text))];
  const mirror = createMirror({ userId: "alice", env: process.env, logger: { info() {}, warn() {} } });
  mirror.on("failed", ({ reason }) => told.failed.push(reason)).on("held", ({ record, reason }) => told.held.push([record, reason]));
  const service = mirror.container.get(TOKENS.RedisSyncService);
  const save = (word) => {
    service.set({ userId: "alice", record: "customInstructions" }, word);
    service.set({ userId: "alice", record: "customModes" }, [{ slug: word }]);
    return mirror.flush({ timeoutMs: 5_000 });
  };
  await save("first");
  if (order.length > 0) {
    const client = await createClient({ ...account, socket: { port: Number(process.env.REDIS_PORT) } }).connect();
    await client.sendCommand(order);
    client.destroy();
    await save("second");
  }
  const { state, reason, sentKeys } = mirror.status;
  await mirror.close({ timeoutMs: 0 });
  console.log(JSON.stringify({ ...told, state, reason, sentKeys, names, classNames }));
})();
`;

interface Told {
  readonly failed: string[];
  readonly held: [record: string, reason: string][];
  readonly state: string;
  readonly reason?: string;
  readonly sentKeys: number;
  readonly names: string[];
  readonly classNames: string[];
}

describe("what a bundled and minified host is told of Redis", () => {
  let folder: TemporaryFolder;
  let outfile: string;
  let server: RedisServer | ScriptedServer | undefined;
  before(async () => {
    folder = new TemporaryFolder();
    outfile = join(folder.path, "host.cjs");
    await bundleAsHost(ENTRY, outfile);
  });
  afterEach(() => (server instanceof RedisServer ? server.kill() : server?.stop()));
  after(() => folder.remove());

  async function run(port: number, env: Record<string, string> = {}, order: readonly string[] = []): Promise<Told> {
    const args = [order, IS_LIMITED ? ADMIN : {}].map((each) => JSON.stringify(each));
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", HOST, outfile, ...args], {
      cwd: ROOT,
      env: { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(port), ROO_MIRROR_KEY: KEY, ...env },
    });
    return JSON.parse(stdout) as Told;
  }

  it("is a refusal, by its own word", async () => {
    server = await RedisServer.start("--maxmemory", "1");
    const { failed, reason, sentKeys } = await run(server.port);
    expect(new Set([...failed, reason])).to.deep.equal(new Set(["Redis refused: OOM."]));
    expect(sentKeys).to.equal(0);
  });

  it("is a refusal of one record alone, while the others arrive", async () => {
    server = await RedisServer.start("--user", "app", "on", ">secret", "+@all", "~roo:alice:customModes", "~roo:*:~*");
    const told = await run(server.port, { REDIS_USERNAME: "app", REDIS_PASSWORD: "secret" });
    // Once, or twice where the window was over before the flush, which tries again.
    const held = new Set(told.held.map((each) => each.join(": ")));
    expect([...held]).to.deep.equal(["customInstructions: Redis refused: NOPERM."]);
    expect(told).to.deep.include({ failed: [], state: "connected", sentKeys: 1 });
    expect(await server.get("roo:alice:customModes")).to.equal('[{"slug":"first"}]');
  });

  it("is nothing where the server has only forgotten the scripts", async () => {
    server = await RedisServer.start();
    const told = await run(server.port, {}, ["SCRIPT", "FLUSH"]);
    expect(told).to.deep.include({ failed: [], held: [], state: "connected", sentKeys: 4 });
    expect(await server.get("roo:alice:customInstructions")).to.equal('"second"');
  });

  it("is the system's word for a connection that is refused", async () => {
    const { port } = await RedisServer.absent();
    expect((await run(port)).failed[0]).to.equal("The connection failed: ECONNREFUSED.");
  });

  it("is what happened to a connection where the system has no word for it", async () => {
    server = await ScriptedServer.start();
    server.hangsUp = true;
    expect((await run(server.port)).failed[0]).to.equal("The connection failed: socket closed unexpectedly.");
  });

  it("comes as errors that have their names, though their classes have lost them", async () => {
    server = await RedisServer.start();
    const { names, classNames } = await run(server.port);
    expect(names).to.deep.equal(["ConnectionLostError", "RefusedError", "VersionNotFoundError"]);
    expect(classNames).not.to.have.members(names);
  });
});
