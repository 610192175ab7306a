import { expect } from "chai";
import { until } from "../support/until.js";
import { HostBed } from "./host-bed.js";
import * as bridge from "./bridge/extension.js";
import type { TaskHistoryBridge } from "./bridge/task-history-bridge.js";
import { ClineProvider } from "./roo-352/cline-provider.js";
import * as roo352 from "./roo-352/extension.js";
import { optionsFor } from "./running.js";
import { type HistoryItem, task, tasks } from "./tasks.js";

describe("a good history is not destroyed", () => {
  const bed = new HostBed();

  async function mirrored(history: HistoryItem[], userId = "alice") {
    bed.other.service.set({ userId, record: "taskHistory" }, history);
    await bed.other.mirror.flush();
  }

  async function history(userId = "alice"): Promise<HistoryItem[]> {
    return JSON.parse((await bed.server.get(`roo:${userId}:taskHistory`)) ?? "[]") as HistoryItem[];
  }

  const idsOf = (items: HistoryItem[]) => items.map(({ id }) => id);

  describe("by a host with a file for each task", () => {
    const start = () => bed.runner.start(roo352, bed.machine, optionsFor(bed.server.port));

    it("that leaves before its store was read, and writes an empty one", async () => {
      await mirrored([task("a", 1)]);
      const { provider, mirror } = await start();
      provider.dispose();
      expect(bed.machine.stateOf("taskHistory")).to.equal(undefined);
      await until("it is written", async () => bed.machine.stateOf("taskHistory") !== undefined);
      expect(bed.machine.stateOf("taskHistory")).to.deep.equal([]);
      await mirror.flush();
      expect(await history()).to.deep.equal([task("a", 1)]);
    });

    it("that takes it over one by one, each with a list of some", async () => {
      const items = tasks(20).toReversed();
      await mirrored(items);
      const { provider, mirror } = await start();
      await provider.ready;
      expect(provider.taskHistoryStore.getAll()).to.deep.equal(items);
      await mirror.flush();
      expect(await history()).to.deep.equal(items);
      expect(mirror.status.sentKeys).to.equal(0);
    });

    it("that deletes after that, and adds", async () => {
      await mirrored(tasks(5).toReversed());
      const { provider, mirror } = await start();
      await provider.ready;
      await provider.deleteTasks("task-2");
      await provider.updateTaskHistory(task("new", 10));
      await mirror.flush();
      expect(idsOf(await history())).to.deep.equal(["new", "task-4", "task-3", "task-1", "task-0"]);
    });

    it("that saves a part of an item: the whole of it is there", async () => {
      const { provider, mirror } = await start();
      await provider.ready;
      await provider.updateTaskHistory({ ...task("a", 1), mode: "ask" });
      await provider.updateTaskHistory({ id: "a", ts: 2 });
      await mirror.flush();
      expect(await history()).to.deep.equal([{ ...task("a", 2), mode: "ask", task: "Task a" }]);
    });

    it("that mirrors a save when the task's file is written, not when the late copy is", async () => {
      const { provider, mirror } = await start();
      await provider.ready;
      await provider.updateTaskHistory(task("a", 1));
      await mirror.flush();
      expect(bed.machine.stateOf("taskHistory")).to.equal(undefined);
      expect(idsOf(await history())).to.deep.equal(["a"]);
    });

    it("that has several providers, each with what it has read", async () => {
      const { context, contextProxy, provider, mirror } = await start();
      await provider.ready;
      await provider.updateTaskHistory(task("a", 1));
      const tab = new ClineProvider(context, contextProxy);
      context.subscriptions.push(tab);
      await tab.ready;
      await provider.updateTaskHistory(task("b", 2));
      await provider.updateTaskHistory(task("a", 3, "Task a, worked on"));
      await tab.updateTaskHistory(task("c", 4));
      await mirror.flush();
      expect(await history()).to.deep.equal([task("c", 4), task("a", 3, "Task a, worked on"), task("b", 2)]);
    });

    it("that has several providers, of which one deletes what the other still shows", async () => {
      const { context, contextProxy, provider, mirror } = await start();
      await provider.ready;
      await provider.updateTaskHistory(task("a", 1));
      await provider.updateTaskHistory(task("b", 2));
      const tab = new ClineProvider(context, contextProxy);
      context.subscriptions.push(tab);
      await tab.ready;
      await provider.deleteTasks("a");
      await tab.updateTaskHistory(task("c", 3));
      await mirror.flush();
      expect(idsOf(await history())).to.deep.equal(["c", "b"]);
    });
  });

  describe("by a host with a bridge", () => {
    const start = () => bed.runner.start(bridge, bed.machine, optionsFor(bed.server.port));

    it("that switches to a user whose history is only in the mirror", async () => {
      await mirrored([task("of-bob", 1)], "bob");
      const { provider, bridge: histories, mirror } = await start();
      await provider.onUserSwitch("alice");
      await provider.updateTaskHistory(task("of-alice", 2));
      await provider.onUserSwitch("bob");
      expect(await provider.told).to.deep.equal([task("of-bob", 1)]);
      expect(await histories.getTaskHistory()).to.deep.equal([task("of-bob", 1)]);
      await mirror.flush();
      expect(await history("bob")).to.deep.equal([task("of-bob", 1)]);
      expect(await history("alice")).to.deep.equal([task("of-alice", 2)]);
    });

    it("that switches back and forth, and saves in between", async () => {
      const { provider, mirror } = await start();
      for (const [userId, id] of [
        ["alice", "a"],
        ["bob", "b"],
        ["alice", "c"],
        ["bob", "d"],
      ] as const) {
        await provider.onUserSwitch(userId);
        await provider.updateTaskHistory(task(id, id.charCodeAt(0)));
      }
      await mirror.flush();
      expect(idsOf(await history("alice"))).to.deep.equal(["c", "a"]);
      expect(idsOf(await history("bob"))).to.deep.equal(["d", "b"]);
    });

    it("that calls the one that saves without a history, which saves nothing", async () => {
      const { provider, bridge: histories, mirror } = await start();
      await provider.onUserSwitch("alice");
      await provider.updateTaskHistory(task("a", 1));
      await histories.updateTaskHistory();
      await mirror.flush();
      expect(await history()).to.deep.equal([task("a", 1)]);
      expect(await histories.getTaskHistory()).to.deep.equal([task("a", 1)]);
    });

    const CALLS: Parameters<typeof TaskHistoryBridge.getTaskHistory>[] = [
      [],
      [true],
      [false],
      [undefined, true],
      [undefined, { forceRefresh: true }],
    ];
    for (const args of CALLS) {
      it(`that is asked for it by getTaskHistory(${JSON.stringify(args).slice(1, -1)})`, async () => {
        await mirrored([task("a", 1)]);
        const { provider, bridge: histories } = await start();
        histories.setCurrentUserId("alice");
        expect(await histories.getTaskHistory(...args)).to.deep.equal([task("a", 1)]);
        expect(idsOf(bed.machine.stateOf("user_alice_taskHistory") as HistoryItem[])).to.deep.equal(["a"]);
        await provider.updateTaskHistory(task("b", 2));
        expect(idsOf(await histories.getTaskHistory())).to.deep.equal(["a", "b"]);
      });
    }
  });
});
