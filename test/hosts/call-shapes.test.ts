import { expect } from "chai";
import sinon from "sinon";
import { installMirror } from "redis-mirrored";
import { FakeRedis } from "../support/containers.js";
import { freePorts } from "../support/server-process.js";
import { Machine } from "./machine.js";
import * as roo325 from "./roo-325/extension.js";
import * as roo352 from "./roo-352/extension.js";
import { optionsFor } from "./running.js";
import { task } from "./tasks.js";

/** As vitest does, in which the specs of the hosts are written. */
const fakeAllTimers = () =>
  sinon.useFakeTimers({
    toFake: [
      "setTimeout",
      "clearTimeout",
      "setInterval",
      "clearInterval",
      "setImmediate",
      "clearImmediate",
      "Date",
      "performance",
    ],
  });

describe("the calls of a host", () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => {
    sinon.restore();
    roo325.deactivate();
    machine.remove();
  });

  it("are mirrored once, where one decorated method is called by an undecorated one or by another", async () => {
    using redis = new FakeRedis();
    const { contextProxy, provider } = await roo325.open(machine.start());
    await provider.providerSettingsManager.listConfig();
    const before = redis.service.status.saves;
    await contextProxy.setValue("customInstructions", "new");
    await provider.updateTaskHistory(task("a", 1));
    expect(redis.service.status.saves).to.equal(before + 2);
    expect(await redis.stored("customInstructions")).to.equal("new");
  });

  it("are seen by a spy on an instance, and mirrored", async () => {
    using redis = new FakeRedis();
    const { contextProxy } = await roo325.open(machine.start());
    const spy = sinon.spy(contextProxy, "updateGlobalState");
    const saved = contextProxy.setValue("customInstructions", "new");
    sinon.assert.calledOnceWithExactly(spy, "customInstructions", "new");
    expect(spy.returnValues[0]).to.equal(saved);
    await saved;
    expect(await redis.stored("customInstructions")).to.equal("new");
  });

  it("go to a stub on an instance, and are not mirrored", async () => {
    using redis = new FakeRedis();
    const { contextProxy, provider } = await roo325.open(machine.start());
    const answer = Promise.resolve();
    const stub = sinon.stub(contextProxy, "updateGlobalState").returns(answer);
    expect(contextProxy.setValue("customInstructions", "new")).to.equal(answer);
    await provider.updateTaskHistory(task("a", 1));
    expect(stub.args).to.deep.equal([
      ["customInstructions", "new"],
      ["taskHistory", [task("a", 1)]],
    ]);
    expect(await redis.stored("customInstructions")).to.equal(undefined);
    expect(await redis.stored("taskHistory")).to.equal(undefined);
  });

  it("are seen by a spy on a private method, and mirrored", async () => {
    using redis = new FakeRedis();
    const { provider } = await roo352.open(machine.start());
    await provider.ready;
    const spy = sinon.spy(provider as never, "scheduleGlobalStateWriteThrough");
    await provider.updateTaskHistory(task("a", 1));
    sinon.assert.calledOnceWithExactly(spy);
    expect(await redis.stored("taskHistory")).to.deep.equal([task("a", 1)]);
    provider.dispose();
  });

  describe("do not hang on timers that are faked", () => {
    async function useAll({ contextProxy, provider }: Awaited<ReturnType<typeof roo325.open>>) {
      await contextProxy.setValues({ customInstructions: "new", mode: "ask" });
      await provider.updateTaskHistory(task("a", 1));
      await provider.providerSettingsManager.saveConfig("work", {});
      await contextProxy.resetAllState();
      await contextProxy.initialize();
      expect(await provider.providerSettingsManager.listConfig()).to.deep.equal(["default", "work"]);
    }

    for (const when of ["before", "after"]) {
      it(`${when} the mirror is installed, with nobody listening`, async () => {
        const [port] = await freePorts(1);
        if (when === "before") fakeAllTimers();
        const context = machine.start();
        const mirror = installMirror({ memento: context.globalState, secrets: context.secrets, ...optionsFor(port!) });
        if (when === "after") fakeAllTimers();
        try {
          await useAll(await roo325.open(context));
        } finally {
          sinon.restore();
          await mirror.close();
        }
      });
    }
  });
});
