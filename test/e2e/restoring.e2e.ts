import { expect } from "chai";
import { until } from "../support/until.js";
import { picture } from "./support/pictures.js";
import { redisCli } from "./support/redis-cli.js";
import { Session } from "./support/session.js";

describe("a machine that has nothing yet", () => {
  let first: Session;
  let second: Session;
  let key: string;
  before(async () => {
    first = await Session.open();
    await first.saveTask("t1", "Explain the build");
    await first.saveTask("t2", "Mend the build");
    await first.saveInstructions("Answer briefly.");
    await first.saveProfile("work", "sk-canary-3f1c9d");
    await first.workbench.runCommand("Redis Mirror: Sync Now");
    await first.workbench.notification("All that is saved here is in Redis");
    await first.workbench.clearNotifications();
    key = await first.copyKey();
    second = await Session.open({}, first.redis);
  });
  after(async () => {
    await first?.close();
    await second?.close();
  });

  it("finds the tasks and the instructions of the other one", async () => {
    const restored = "Tasks: t2 t1. Profiles: default. Instructions: Answer briefly.";
    await until("both are there", async () => (await second.showLocal()) === restored, 20_000);
  });

  it("finds the profiles too, once it has the key, and has harmed none before", async () => {
    const { workbench } = second;
    const stored = redisCli(first.redis, "GET", "roo:alice:provider");
    await workbench.runCommand("Redis Mirror: Import Mirror Key");
    await workbench.type(key);
    await workbench.notification("encrypts from now on");
    await workbench.clearNotifications();
    await until(
      "the profile is there",
      async () => (await second.showLocal()).includes("Profiles: default work"),
      20_000,
    );
    expect(redisCli(first.redis, "GET", "roo:alice:provider")).to.equal(stored);
  });

  it("gets back what was emptied by mistake, by Restore from Redis…, which shows first what would change", async () => {
    const { workbench } = first;
    await first.saveInstructions("");
    await until("it was sent", async () => redisCli(first.redis, "GET", "roo:alice:customInstructions") === '""');
    await workbench.runCommand("Redis Mirror: Restore from Redis…");
    await workbench.pick("customInstructions");
    const versions = await workbench.quickPick("which version?");
    expect(versions.length).to.be.at.least(2);
    await workbench.pickNth(1);
    await workbench.dialog.waitFor();
    await picture(workbench, "restore");
    await workbench.answer("Restore");
    await workbench.notification("is what it was at");
    await workbench.clearNotifications();
    expect(await first.showLocal()).to.contain("Instructions: Answer briefly.");
    await until("Redis has it too", async () =>
      redisCli(first.redis, "GET", "roo:alice:customInstructions").includes("briefly"),
    );
  });

  it("reports no error, and asks nothing of anybody outside", () => {
    first.expectQuiet();
    second.expectQuiet();
  });
});
