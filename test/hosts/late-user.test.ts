import { expect } from "chai";
import { untilEvent } from "../support/mirrors.js";
import { HostBed } from "./host-bed.js";
import * as roo325 from "./roo-325/extension.js";
import { optionsFor } from "./running.js";
import { task } from "./tasks.js";

describe("a user who becomes known late", () => {
  const bed = new HostBed();

  const start = () => bed.runner.start(roo325, bed.machine, optionsFor(bed.server.port, { userId: () => undefined }));

  async function mirrored(record: string, value: unknown) {
    bed.other.service.set({ userId: "alice", record }, value);
    await bed.other.mirror.flush();
  }

  it("gets then what the start could not restore", async () => {
    await mirrored("customInstructions", "Briefly.");
    await mirrored("taskHistory", [task("a", 1)]);
    await mirrored("pinnedApiConfigs", { work: true });
    const { contextProxy, provider, mirror } = await start();
    expect(contextProxy.getValue("customInstructions")).to.equal(undefined);
    const left = new Set(["customInstructions", "taskHistory", "pinnedApiConfigs"]);
    const restored = untilEvent(mirror, "restored", ({ record }) => left.delete(record) && left.size === 0);
    mirror.setUser("alice");
    await restored;
    expect(contextProxy.getValue("customInstructions")).to.equal("Briefly.");
    expect(contextProxy.getValue("pinnedApiConfigs")).to.deep.equal({ work: true });
    expect(provider.taskHistory).to.deep.equal([task("a", 1)]);
    expect(bed.machine.stateOf("customInstructions")).to.equal("Briefly.");
  });

  it("does not get it over what was saved meanwhile", async () => {
    await mirrored("customInstructions", "Briefly.");
    await mirrored("pinnedApiConfigs", { work: true });
    const { contextProxy, mirror } = await start();
    await contextProxy.setValue("customInstructions", "At length.");
    const restored = untilEvent(mirror, "restored", ({ record }) => record === "pinnedApiConfigs");
    mirror.setUser("alice");
    await restored;
    expect(contextProxy.getValue("customInstructions")).to.equal("At length.");
  });

  it("and leaves before what was saved is known: it goes to whoever saved it", async () => {
    const { provider, mirror } = await start();
    await provider.customModesManager.updateCustomMode("reviewer", { slug: "reviewer", name: "Reviewer" });
    mirror.setUser("alice");
    const saved = provider.customModesManager["refreshMergedState"]();
    mirror.setUser("bob");
    await saved;
    await mirror.flush();
    expect(await bed.server.get("roo:bob:customModes")).to.equal(null);
    expect(JSON.parse((await bed.server.get("roo:alice:customModes"))!)).to.have.nested.property("0.slug", "reviewer");
  });

  it("and another after a switch: each save goes to whose moment it was", async () => {
    const { contextProxy, mirror } = await start();
    await contextProxy.setValue("customInstructions", "of nobody");
    mirror.setUser("alice");
    const saved = [
      contextProxy.setValue("customInstructions", "of alice"),
      contextProxy.setValue("taskHistory", [task("of-alice", 1)]),
    ];
    mirror.setUser("bob");
    saved.push(contextProxy.setValue("customInstructions", "of bob"));
    mirror.setUser(undefined);
    saved.push(contextProxy.setValue("customInstructions", "of nobody again"));
    await Promise.all(saved);
    await mirror.flush();
    const client = await bed.server.client();
    expect(await client.get("roo:alice:customInstructions")).to.equal('"of alice"');
    expect(await client.get("roo:bob:customInstructions")).to.equal('"of bob"');
    expect(JSON.parse((await client.get("roo:alice:taskHistory"))!)).to.deep.equal([task("of-alice", 1)]);
    expect((await client.keys("roo:*")).filter((key) => !/^roo:(alice|bob):/.test(key))).to.deep.equal([]);
  });
});
