import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import * as roo325 from "./roo-325/extension.js";
import type { ProviderProfiles } from "./roo-325/provider-settings-manager.js";
import { optionsFor } from "./running.js";
import { type HistoryItem, task, tasks } from "./tasks.js";
import { HostBed } from "./host-bed.js";

const PROFILES: ProviderProfiles = {
  currentApiConfigName: "work",
  apiConfigs: { work: { id: "1", apiKey: "secret" }, home: { id: "2" } },
  migrations: { headersMigrated: true },
};
const MODES = [{ slug: "reviewer", name: "Reviewer", source: "global" }];

describe("a good mirror is not destroyed", () => {
  const bed = new HostBed();

  const start = () => bed.runner.start(roo325, bed.machine, optionsFor(bed.proxy.port));

  /** What another machine has saved before. */
  async function mirrored(record: string, value: unknown) {
    bed.other.service.set({ userId: "alice", record }, value);
    await bed.other.mirror.flush();
  }

  const stored = (record: string) => bed.other.service.get({ userId: "alice", record });

  async function history(): Promise<HistoryItem[]> {
    return JSON.parse((await bed.server.get("roo:alice:taskHistory"))!) as HistoryItem[];
  }

  /** Of a fresh machine that finds Redis only once everything has been read, and stored. */
  async function startWhileRedisIsAway() {
    bed.proxy.mode = "refuses";
    const host = await start();
    await host.provider.providerSettingsManager.listConfig();
    await host.provider.webviewDidLaunch();
    bed.proxy.mode = "passes";
    return host;
  }

  describe("by the defaults of a fresh machine", () => {
    it("that finds the profiles before it stores any", async () => {
      await mirrored("provider", PROFILES);
      const host = await start();
      expect(await host.provider.providerSettingsManager.listConfig()).to.deep.equal(["work", "home"]);
      await host.mirror.flush();
      expect(await stored("provider")).to.deep.equal(PROFILES);
    });

    it("that adds a profile to those it has found", async () => {
      await mirrored("provider", PROFILES);
      const host = await start();
      await host.provider.providerSettingsManager.saveConfig("third", { apiKey: "another" });
      await host.mirror.flush();
      const { apiConfigs } = (await stored("provider")) as ProviderProfiles;
      expect(Object.keys(apiConfigs)).to.deep.equal(["work", "home", "third"]);
    });

    it("that finds Redis too late: the profiles are still to be had", async () => {
      await mirrored("provider", PROFILES);
      const { mirror } = await startWhileRedisIsAway();
      await mirror.flush({ timeoutMs: 5_000 });
      const versions = await mirror.history({ record: "provider" });
      const values = await Promise.all(
        versions.map(({ version }) => mirror.readVersion({ record: "provider", version })),
      );
      expect(values).to.deep.include(PROFILES);
      const { version } = versions[values.findIndex((value) => "work" in (value as ProviderProfiles).apiConfigs)]!;
      expect(await mirror.restore({ record: "provider", version })).to.deep.equal(PROFILES);
      expect(await stored("provider")).to.deep.equal(PROFILES);
    });

    it("that finds Redis too late and shows no modes: the next start has them", async () => {
      await mirrored("customModes", MODES);
      const { mirror } = await startWhileRedisIsAway();
      await mirror.flush({ timeoutMs: 5_000 });
      await bed.runner.stop();
      const { provider } = await start();
      await provider.webviewDidLaunch();
      expect(provider.shown?.customModes).to.deep.equal(MODES);
      expect(await stored("customModes")).to.deep.equal(MODES);
    });

    it("that finds Redis too late: its first task is added to those in the mirror", async () => {
      await mirrored("taskHistory", [task("b", 2), task("a", 1)]);
      const { provider, mirror } = await startWhileRedisIsAway();
      await provider.updateTaskHistory(task("c", 3));
      await mirror.flush({ timeoutMs: 5_000 });
      expect((await history()).map(({ id }) => id)).to.deep.equal(["c", "b", "a"]);
    });
  });

  it("by modes that are restored one by one", async () => {
    const modes = ["a", "b", "c"].map((slug) => ({ slug, name: slug, source: "global" }));
    await mirrored("customModes", modes);
    const { provider, mirror } = await start();
    await provider.webviewDidLaunch();
    await mirror.flush();
    expect(provider.shown?.customModes).to.have.deep.members(modes);
    expect(await stored("customModes")).to.have.deep.members(modes);
  });

  it("by the modes of a project, which stay where they are", async () => {
    const { provider, mirror } = await start();
    await provider.saveMode({ slug: "reviewer", name: "Reviewer" });
    await provider.saveMode({ slug: "local", name: "Local", source: "project" });
    await mirror.flush();
    expect(await stored("customModes")).to.deep.equal(MODES);
  });

  it("by a project that brings modes of its own to a fresh machine", async () => {
    await mirrored("customModes", MODES);
    await mkdir(join(bed.machine.folder, "project"));
    const ofProject = { slug: "local", name: "Local", source: "project" };
    await writeFile(join(bed.machine.folder, "project/.modes"), JSON.stringify([ofProject]));
    const { provider, mirror } = await start();
    await provider.webviewDidLaunch();
    await mirror.flush();
    expect(await stored("customModes")).to.deep.equal(MODES);
    expect(provider.shown?.customModes).to.have.deep.members([ofProject, ...MODES]);
  });

  it("by an array that is not sorted: the newest 50 are there", async () => {
    const { contextProxy, provider, mirror } = await start();
    await contextProxy.setValue("taskHistory", tasks(60));
    await provider.updateTaskHistory(task("new", 100));
    await mirror.flush();
    const newest = ["new", ...Array.from({ length: 49 }, (_id, index) => `task-${59 - index}`)];
    expect((await history()).map(({ id }) => id)).to.deep.equal(newest);
  });

  it("by what is changed in an argument or in the store's own array afterwards", async () => {
    const { contextProxy, provider, mirror } = await start();
    const item = task("a", 1);
    const pinned = { work: true };
    const settings = { apiKey: "secret" };
    const saved = [
      provider.updateTaskHistory(item),
      contextProxy.setValue("pinnedApiConfigs", pinned),
      provider.providerSettingsManager.saveConfig("work", settings).then(() => (settings.apiKey = "changed")),
    ];
    item.task = "changed";
    pinned.work = false;
    provider.taskHistory.push(task("never-saved", 2));
    await Promise.all(saved);
    await mirror.flush();
    expect(await history()).to.deep.equal([task("a", 1)]);
    expect(await stored("pinnedApiConfigs")).to.deep.equal({ work: true });
    expect(await stored("provider")).to.have.nested.property("apiConfigs.work.apiKey", "secret");
  });
});
