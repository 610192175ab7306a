import { expect } from "chai";
import { hurriedMirror, type MirrorUnderTest } from "../support/mirrors.js";
import { until } from "../support/until.js";
import { HostBed } from "./host-bed.js";
import * as bridge from "./bridge/extension.js";
import { Machine } from "./machine.js";
import * as roo325 from "./roo-325/extension.js";
import * as roo352 from "./roo-352/extension.js";
import { optionsFor } from "./running.js";
import { task } from "./tasks.js";

type Host325 = Awaited<ReturnType<typeof roo325.open>>;

const NOTHING = { instructions: undefined, pinned: undefined, history: [], profiles: ["default"], modes: [] };

async function contentsOf({ contextProxy, provider }: Host325) {
  return {
    instructions: contextProxy.getValue("customInstructions"),
    pinned: contextProxy.getValue("pinnedApiConfigs"),
    history: provider.taskHistory.map(({ id }) => id),
    profiles: await provider.providerSettingsManager.listConfig(),
    modes: (await provider.customModesManager.getCustomModes()).map(({ slug }) => slug),
  };
}

async function fillIn({ contextProxy, provider }: Host325) {
  await contextProxy.setValues({ customInstructions: "Briefly.", pinnedApiConfigs: { work: true } });
  await provider.updateTaskHistory(task("a", 1));
  await provider.providerSettingsManager.saveConfig("work", {});
  await provider.saveMode({ slug: "reviewer", name: "Reviewer" });
}

describe("what was deleted is not restored", () => {
  const bed = new HostBed();
  let others: MirrorUnderTest[];
  beforeEach(() => (others = []));
  afterEach(async () => {
    for (const { mirror } of others) await mirror.close();
  });

  const start325 = (share?: "live") =>
    bed.runner.start(roo325, bed.machine, optionsFor(bed.proxy.port, share === undefined ? {} : { share }));

  /** Of the same machine: what it stored is still there. */
  async function restart325() {
    await bed.runner.stop();
    return start325();
  }

  /** What a fresh machine gets to see. */
  async function contentsElsewhere() {
    await bed.runner.stop();
    const other = new Machine();
    try {
      return await contentsOf(await bed.runner.start(roo325, other, optionsFor(bed.proxy.port)));
    } finally {
      await bed.runner.stop();
      other.remove();
    }
  }

  const DELETIONS: Record<string, { run: (host: Host325) => Promise<unknown>; leaves: object }> = {
    "everything, by a reset": { run: ({ provider }) => provider.resetState(), leaves: NOTHING },
    "the state, by its reset alone": {
      run: ({ contextProxy }) => contextProxy.resetAllState(),
      leaves: { instructions: undefined, pinned: undefined, history: [] },
    },
    "the state, then all profiles": {
      run: async ({ contextProxy, provider }) => {
        await contextProxy.resetAllState();
        await provider.providerSettingsManager.resetAllConfigs();
      },
      leaves: { instructions: undefined, pinned: undefined, history: [], profiles: ["default"] },
    },
    "the last task": { run: ({ provider }) => provider.deleteTaskFromState("a"), leaves: { history: [] } },
    "the last mode": { run: ({ provider }) => provider.deleteMode("reviewer"), leaves: { modes: [] } },
    "the instructions": {
      run: async ({ contextProxy }) => contextProxy.setValue("customInstructions", undefined),
      leaves: { instructions: undefined },
    },
  };

  for (const [what, { run, leaves }] of Object.entries(DELETIONS)) {
    describe(what, () => {
      it("at once", async () => {
        const host = await start325();
        await fillIn(host);
        await host.mirror.flush();
        await run(host);
        await host.contextProxy.initialize();
        expect(await contentsOf(host)).to.deep.include(leaves);
      });

      it("after a restart, and not to another machine", async () => {
        const host = await start325();
        await fillIn(host);
        await host.mirror.flush();
        await run(host);
        const restarted = await restart325();
        await restarted.provider.webviewDidLaunch();
        expect(await contentsOf(restarted)).to.deep.include(leaves);
        expect(await contentsElsewhere()).to.deep.include(leaves);
      });

      it("after a restart, where Redis was away when it was deleted", async () => {
        const host = await start325();
        await fillIn(host);
        await host.mirror.flush();
        bed.proxy.mode = "refuses";
        bed.proxy.cutAll();
        await run(host);
        await bed.runner.stop();
        bed.proxy.mode = "passes";
        const restarted = await start325();
        await restarted.provider.webviewDidLaunch();
        expect(await contentsOf(restarted)).to.deep.include(leaves);
      });

      it("by another machine that shares it live and still has it", async () => {
        const host = await start325("live");
        await fillIn(host);
        await host.mirror.flush();
        const other = hurriedMirror(bed.server.port, { share: "live" });
        others.push(other);
        for (const record of ["taskHistory", "customInstructions", "pinnedApiConfigs", "provider", "customModes"]) {
          const id = { userId: "alice", record };
          other.service.compare(id, await other.service.get(id));
        }
        await other.mirror.flush();
        await run(host);
        await host.mirror.flush();
        // A save of its own, and a comparison of everything after a lost connection.
        other.service.set({ userId: "alice", record: "mcpSettings" }, {});
        await other.mirror.flush();
        await (await bed.server.client()).sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        await until("it is back", async () => other.mirror.status.state === "connected");
        await other.mirror.flush();
        expect(await contentsOf(host)).to.deep.include(leaves);
        expect(await contentsElsewhere()).to.deep.include(leaves);
      });
    });
  }

  it("unless it is asked for: what a reset has emptied comes back from a kept version", async () => {
    const host = await start325();
    await fillIn(host);
    await host.mirror.flush();
    await host.provider.resetState();
    await host.mirror.flush();
    await host.contextProxy.initialize();
    const versions = await host.mirror.history({ record: "customInstructions" });
    const { version } = versions.find(({ isCurrent }) => !isCurrent)!;
    await host.mirror.restore({ record: "customInstructions", version });
    await host.contextProxy.initialize();
    expect(host.contextProxy.getValue("customInstructions")).to.equal("Briefly.");
  });

  it("the last task of a host with a file for each: neither after a restart nor to another machine", async () => {
    const host = await bed.runner.start(roo352, bed.machine, optionsFor(bed.proxy.port));
    await host.provider.ready;
    await host.provider.updateTaskHistory(task("a", 1));
    await host.provider.updateTaskHistory(task("b", 2));
    await host.mirror.flush();
    await host.provider.deleteTasks("a", "b");
    for (const where of [bed.machine, new Machine()]) {
      await bed.runner.stop();
      const { provider } = await bed.runner.start(roo352, where, optionsFor(bed.proxy.port));
      await provider.ready;
      expect(provider.taskHistoryStore.getAll()).to.deep.equal([]);
    }
  });

  it("the last task of a host with a bridge: neither at once nor after a restart", async () => {
    const {
      mirror,
      provider,
      bridge: history,
    } = await bed.runner.start(bridge, bed.machine, optionsFor(bed.proxy.port));
    await provider.onUserSwitch("alice");
    await provider.updateTaskHistory(task("a", 1));
    await mirror.flush();
    await provider.deleteTaskFromState("a");
    expect(await history.getTaskHistory()).to.deep.equal([]);
    await bed.runner.stop();
    const restarted = await bed.runner.start(bridge, bed.machine, optionsFor(bed.proxy.port));
    expect(await restarted.bridge.getTaskHistory()).to.deep.equal([]);
  });
});
