import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import sinon from "sinon";
import { FakeRedis } from "../support/containers.js";
import { Machine } from "./machine.js";
import * as roo325 from "./roo-325/extension.js";
import * as roo352 from "./roo-352/extension.js";
import { task } from "./tasks.js";

const FULL_DISK = fileURLToPath(new URL("full-disk.js", import.meta.url));

function unhandledRejections(mirror: string, answers: string): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [FULL_DISK, mirror, answers], { encoding: "utf8" });
  expect(stderr).to.equal("");
  return JSON.parse(stdout) as string[];
}

describe("the outcome of a host's save", () => {
  let machine: Machine;
  let redis: FakeRedis;
  beforeEach(() => {
    machine = new Machine();
    redis = new FakeRedis();
  });
  afterEach(() => {
    redis[Symbol.dispose]();
    roo325.deactivate();
    machine.remove();
  });

  it("is the very thenable that the store has answered with, at once", async () => {
    const context = machine.start();
    const { contextProxy } = await roo325.open(context);
    const answers = sinon.spy(context.globalState, "update");
    const saved = contextProxy.setValue("customInstructions", "new");
    expect(saved).to.equal(answers.returnValues[0]);
    expect(saved).to.have.keys("then");
    expect(contextProxy.getValue("customInstructions")).to.equal("new");
    await saved;
    expect(await redis.stored("customInstructions")).to.equal("new");
  });

  it("is the same value as without a mirror: an array of the store's, a list, an id, nothing", async () => {
    const { contextProxy, provider } = await roo325.open(machine.start());
    const history = await provider.updateTaskHistory(task("a", 1));
    expect(history).to.equal(contextProxy.getValue("taskHistory"));
    expect(await provider.providerSettingsManager.saveConfig("work", {})).to.equal("work-id");
    expect(await contextProxy.setValue("customInstructions", "new")).to.equal(undefined);
    const many = await roo352.open(machine.start());
    await many.provider.ready;
    expect(await many.provider.updateTaskHistory(task("a", 1, "new"))).to.deep.equal([task("a", 1, "new")]);
    many.provider.dispose();
  });

  it("is the store's own failure, and nothing is mirrored of what was not saved", async () => {
    const { contextProxy, provider } = await roo325.open(machine.start());
    await contextProxy.setValue("customInstructions", "old");
    machine.isFull = true;
    const failures = await Promise.allSettled([
      contextProxy.setValue("customInstructions", "new"),
      provider.providerSettingsManager.saveConfig("work", {}),
      contextProxy.resetAllState(),
    ]);
    expect(failures.map((failure) => failure.status === "rejected" && String(failure.reason))).to.deep.equal([
      "Error: the disk is full",
      "Error: Failed to write profiles: Error: the disk is full",
      "Error: the disk is full",
    ]);
    expect(await redis.stored("customInstructions")).to.equal("old");
  });

  for (const answers of ["thenables", "promises"]) {
    it(`surfaces where nobody handles it as often as without a mirror, from a store of ${answers}`, () => {
      const bare = unhandledRejections("none", answers);
      expect(bare).to.have.lengthOf.above(3);
      for (const mirror of ["healthy", "dead"]) expect(unhandledRejections(mirror, answers)).to.deep.equal(bare);
    }).timeout(20_000);
  }
});
