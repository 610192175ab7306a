import { expect } from "chai";
import sinon from "sinon";
import { FakeRedis } from "../support/containers.js";
import type { FakeGateway } from "../support/fake-gateway.js";
import { RedisServer } from "../support/redis-server.js";
import * as bridge from "./bridge/extension.js";
import { Machine } from "./machine.js";
import * as roo325 from "./roo-325/extension.js";
import * as roo352 from "./roo-352/extension.js";
import { HostRunner, optionsFor } from "./running.js";
import { task } from "./tasks.js";

type Saves<Extension extends { open(...args: any[]): Promise<unknown> }> = Record<
  string,
  (host: Awaited<ReturnType<Extension["open"]>>) => PromiseLike<unknown>
>;

const SAVES_325: Saves<typeof roo325> = {
  "setting a value": ({ contextProxy }) => contextProxy.setValue("customInstructions", "new"),
  "setting several": ({ contextProxy }) => contextProxy.setValues({ pinnedApiConfigs: { a: true }, mode: "ask" }),
  "saving a task": ({ provider }) => provider.updateTaskHistory(task("b", 2)),
  "deleting a task": ({ provider }) => provider.deleteTaskFromState("a"),
  "saving a profile": ({ provider }) => provider.providerSettingsManager.saveConfig("home", {}),
  "deleting a profile": ({ provider }) => provider.providerSettingsManager.deleteConfig("work"),
  "showing the webview": ({ provider }) => provider.webviewDidLaunch(),
  "saving a mode": ({ provider }) => provider.saveMode({ slug: "writer", name: "Writer" }),
  "deleting the last mode": ({ provider }) => provider.deleteMode("reviewer"),
  "resetting everything": ({ provider }) => provider.resetState(),
};

const SAVES_352: Saves<typeof roo352> = {
  "setting a value": ({ contextProxy }) => contextProxy.setValue("customInstructions", "new"),
  "saving a task": ({ provider }) => provider.updateTaskHistory(task("b", 2)),
  "deleting the last task": ({ provider }) => provider.deleteTasks("a"),
  "resetting the state": ({ contextProxy }) => contextProxy.resetAllState(),
};

const SAVES_BRIDGE: Saves<typeof bridge> = {
  "saving a task": ({ provider }) => provider.updateTaskHistory(task("b", 2)),
  "deleting the last task": ({ provider }) => provider.deleteTaskFromState("a"),
  "switching the user": ({ provider }) => provider.onUserSwitch("bob"),
};

const GATEWAYS: Record<string, (gateway: FakeGateway) => unknown> = {
  "that holds back every answer": (gateway) => gateway.holdWrites(),
  "that is dead": (gateway) => gateway.alwaysDown(),
  "that is silent": (gateway) => gateway.alwaysSilent(),
};

async function open325(machine: Machine) {
  const host = await roo325.open(machine.start());
  await host.provider.providerSettingsManager.listConfig();
  return host;
}

async function open352(machine: Machine) {
  const host = await roo352.open(machine.start());
  await host.provider.ready;
  return host;
}

const openBridge = (machine: Machine) => bridge.open(machine.start());

/** What each host finds, saved without a mirror. */
async function fill325(machine: Machine) {
  const { contextProxy, provider } = await open325(machine);
  await contextProxy.setValues({ customInstructions: "old", pinnedApiConfigs: { work: true } });
  await provider.updateTaskHistory(task("a", 1));
  await provider.providerSettingsManager.saveConfig("work", { apiKey: "secret" });
  await provider.saveMode({ slug: "reviewer", name: "Reviewer" });
}

async function fill352(machine: Machine) {
  const { contextProxy, provider } = await open352(machine);
  await contextProxy.setValue("customInstructions", "old");
  await contextProxy.setValue("pinnedApiConfigs", { work: true });
  await provider.updateTaskHistory(task("a", 1));
  provider.dispose();
}

async function fillBridge(machine: Machine) {
  const { contextProxy, provider } = await openBridge(machine);
  await contextProxy.setValue("customInstructions", "old");
  await contextProxy.setValue("pinnedApiConfigs", { work: true });
  await provider.onUserSwitch("alice");
  await provider.updateTaskHistory(task("a", 1));
}

function closeAll() {
  roo325.deactivate();
  bridge.deactivate();
}

const turnOfTheLoop = () => new Promise<"turn">((resolve) => setImmediate(() => resolve("turn")));

/** In how many turns of the event loop a save settles. Fails where it takes a timer to: none may fire. */
async function turnsOf(save: PromiseLike<unknown>): Promise<number> {
  const endMs = performance.now() + 1_500;
  const settling = Promise.resolve(save).then(() => "settled");
  for (let turns = 0; performance.now() < endMs; turns++) {
    if ((await Promise.race([settling, turnOfTheLoop()])) === "settled") return turns;
  }
  throw new Error("it waits for Redis, or for a deadline");
}

describe("a save of a host", () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => {
    closeAll();
    machine.remove();
  });

  function itWaitsForNoTimer<Host>(
    name: string,
    fill: (machine: Machine) => Promise<void>,
    open: (machine: Machine) => Promise<Host>,
    saves: Record<string, (host: Host) => PromiseLike<unknown>>,
  ) {
    for (const [gateway, misbehave] of Object.entries(GATEWAYS)) {
      for (const [what, save] of Object.entries(saves)) {
        it(`is done before any time has passed: ${what} in ${name}, with a Redis ${gateway}`, async () => {
          await fill(machine);
          closeAll();
          using redis = new FakeRedis();
          const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
          try {
            const host = await open(machine);
            misbehave(redis.gateway);
            redis.service.set({ userId: "alice", record: "mcpSettings" }, {});
            await clock.tickAsync(100);
            await turnsOf(save(host));
          } finally {
            clock.restore();
          }
        });
      }
    }
  }

  itWaitsForNoTimer("a host with one array", fill325, open325, SAVES_325);
  itWaitsForNoTimer("a host with a file for each task", fill352, open352, SAVES_352);
  itWaitsForNoTimer("a host with a bridge", fillBridge, openBridge, SAVES_BRIDGE);

  describe("on a fresh machine with a silent Redis", () => {
    let clock: sinon.SinonFakeTimers;
    let redis: FakeRedis;
    beforeEach(() => {
      redis = new FakeRedis();
      redis.gateway.alwaysSilent();
      clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    });
    afterEach(() => {
      clock.restore();
      redis[Symbol.dispose]();
    });

    it("is of a profile and waits once for the read deadline, its lock included", async () => {
      const opening = open325(machine);
      await clock.tickAsync(1_000);
      const { provider } = await opening;
      let saved = 0;
      for (const name of ["one", "two", "three"])
        void provider.providerSettingsManager.saveConfig(name, {}).then(() => saved++);
      await clock.tickAsync(0);
      expect(saved).to.equal(3);
    });

    it("is of a profile and waits once, also where nothing can be stored and every load finds nothing", async () => {
      machine.isFull = true;
      const opening = open325(machine);
      await clock.tickAsync(1_000);
      const { provider } = await opening;
      let settled = 0;
      for (const name of ["one", "two", "three"])
        void provider.providerSettingsManager.saveConfig(name, {}).catch(() => settled++);
      await clock.tickAsync(0);
      expect(settled).to.equal(3);
    });

    it("is of a profile and waits no more after the start has", async () => {
      let id: string | undefined;
      const opening = roo325.open(machine.start());
      void opening
        .then(({ provider }) => provider.providerSettingsManager.saveConfig("work", {}))
        .then((saved) => (id = saved));
      await clock.tickAsync(500);
      expect(id).to.equal("work-id");
    });
  });

  describe("takes as many turns of the event loop as without a mirror", () => {
    const runner = new HostRunner();
    let server: RedisServer;
    beforeEach(async () => (server = await RedisServer.start()));
    afterEach(async () => {
      server.thaw();
      await server.kill();
      await runner.stop();
    });

    const saves = [SAVES_325["setting a value"]!, SAVES_325["setting several"]!, SAVES_325["saving a task"]!];
    const inMemory = [...saves, SAVES_325["saving a profile"]!, SAVES_325["deleting a profile"]!];
    const servers: Record<string, (server: RedisServer) => unknown> = {
      healthy: () => {},
      dead: (redis) => redis.kill(),
      frozen: (redis) => redis.freeze(),
    };
    for (const [state, bring] of Object.entries(servers)) {
      it(`where Redis is ${state}`, async () => {
        await fill325(machine);
        closeAll();
        const bare = await open325(machine);
        const expected: number[] = [];
        for (const save of inMemory) expected.push(await turnsOf(save(bare)));
        closeAll();

        const host = await runner.start(roo325, machine, optionsFor(server.port));
        await host.provider.providerSettingsManager.saveConfig("work", {});
        await host.mirror.flush();
        await bring(server);
        const actual: number[] = [];
        for (const save of inMemory) actual.push(await turnsOf(save(host)));
        expect(actual).to.deep.equal(expected);
      });
    }
  });
});
