import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect } from "chai";
import { KEY } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { bundleAsHost } from "./bundling.js";

const ENTRY = `
export * as roo325 from "./roo-325/extension.js";
export * as roo352 from "./roo-352/extension.js";
export { Machine } from "./machine.js";
`;

// Saves by both hosts, then starts them on a fresh machine. Prints what their classes are called, and what was restored.
const HOST = `
const { roo325, roo352, Machine } = require(process.argv[1]);
const options = { keys: [process.argv[2]], env: process.env, logger: { info() {}, warn() {} } };
const task = { id: "a", ts: 1, task: "Task a" };
async function run(machine, work) {
  const contexts = [machine.start(), machine.start()];
  const one = await roo325.activate(contexts[0], { ...options, userId: "one" });
  const names = [one.contextProxy.constructor.name, one.provider.providerSettingsManager.constructor.name];
  const first = await work(one);
  await contexts[0].subscriptions[0].close();
  roo325.deactivate();
  const many = await roo352.activate(contexts[1], { ...options, userId: "many" });
  await many.provider.ready;
  const second = await work(many);
  many.provider.dispose();
  await contexts[1].subscriptions[0].close();
  return { names, first, second };
}
(async () => {
  const { names } = await run(new Machine(), async ({ contextProxy, provider }) => {
    await contextProxy.setValue("customInstructions", "Briefly.");
    await provider.updateTaskHistory(task);
    await provider.providerSettingsManager?.saveConfig("work", {});
  });
  const { first, second } = await run(new Machine(), async ({ contextProxy, provider }) => [
    contextProxy.getValue("customInstructions"),
    provider.taskHistory ?? provider.taskHistoryStore.getAll(),
    await provider.providerSettingsManager?.listConfig(),
  ]);
  console.log(JSON.stringify({ names, first, second }));
})();
`;

describe("a host that is bundled to CommonJS and minified", () => {
  let server: RedisServer;
  let folder: TemporaryFolder;
  before(async () => {
    server = await RedisServer.start();
    folder = new TemporaryFolder();
  });
  after(async () => {
    await server.kill();
    folder.remove();
  });

  it("mirrors under the same keys as it is written, and restores from them", async () => {
    const outfile = join(folder.path, "host.cjs");
    const warnings = await bundleAsHost(ENTRY, outfile);
    expect(warnings).to.deep.equal([]);
    const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port) };
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", HOST, outfile, KEY], { env, encoding: "utf8" });
    expect(stderr).to.equal("");
    const { names, first, second } = JSON.parse(stdout) as Record<string, unknown[]>;
    expect(names!.every((name) => String(name).length <= 3)).to.equal(true);
    const history = [{ id: "a", ts: 1, task: "Task a" }];
    expect(first).to.deep.equal(["Briefly.", history, ["default", "work"]]);
    expect(second!.slice(0, 2)).to.deep.equal(["Briefly.", history]);
    const keys = await (await server.client()).keys("*");
    expect(keys.filter((key) => !key.includes("~")).toSorted()).to.deep.equal([
      "roo:many:customInstructions",
      "roo:many:taskHistory",
      "roo:one:customInstructions",
      "roo:one:provider",
      "roo:one:taskHistory",
    ]);
  });
});
