import { expect } from "chai";
import { until } from "../support/until.js";
import { picture } from "./support/pictures.js";
import { redisCli } from "./support/redis-cli.js";
import { Session } from "./support/session.js";

describe("the commands of the palette", () => {
  let session: Session;
  before(async () => {
    session = await Session.open();
    await session.saveTask("t1", "Explain the build");
    await session.saveProfile("work", "sk-canary-3f1c9d");
    await session.workbench.untilStatus(/^Redis Mirror: in sync/);
  });
  after(() => session?.close());

  it("Show Status says how it is, and what was sent", async () => {
    const { workbench } = session;
    await workbench.runCommand("Redis Mirror: Show Status");
    const text = await until("the document is open", async () => {
      const shown = await workbench.editorText();
      return shown.includes("User: alice") && shown;
    });
    expect(text).to.contain("Redis Mirror: in sync").and.to.contain(`127.0.0.1:${session.redis.port}`);
  });

  it("Sync Now puts back what Redis has lost", async () => {
    const { workbench } = session;
    redisCli(session.redis, "FLUSHALL");
    await workbench.runCommand("Redis Mirror: Sync Now");
    await workbench.notification("All that is saved here is in Redis");
    await workbench.clearNotifications();
    expect(redisCli(session.redis, "EXISTS", "roo:alice:taskHistory", "roo:alice:provider")).to.equal("2");
  });

  it("Test Connection says that it works", async () => {
    await session.workbench.runCommand("Redis Mirror: Test Connection");
    await session.workbench.notification(/The mirror (can work|works)/);
    await session.workbench.clearNotifications();
  });

  it("Show Log opens the channel, which tells of the connection and of no value", async () => {
    const { workbench } = session;
    await workbench.runCommand("Redis Mirror: Show Log");
    await workbench.page.locator(".panel .view-lines").filter({ hasText: /info/ }).waitFor();
    const log = session.code.log("Redis Mirror.log");
    expect(log).to.contain("connected").and.not.to.contain("sk-canary-3f1c9d").and.not.to.contain("Explain");
    await workbench.runCommand("View: Toggle Panel Visibility");
  });

  it("Disable keeps what is saved on this machine, until Enable", async () => {
    const { workbench, redis } = session;
    await workbench.runCommand("Redis Mirror: Disable");
    await workbench.notification("Redis Mirror is disabled");
    await workbench.clearNotifications();
    await workbench.untilStatus(/^Redis Mirror: disabled/);
    await session.saveInstructions("Answer briefly.");
    expect(redisCli(redis, "EXISTS", "roo:alice:customInstructions")).to.equal("0");

    await workbench.runCommand("Redis Mirror: Enable");
    await workbench.notification("Redis Mirror is enabled");
    await workbench.clearNotifications();
    await workbench.untilStatus(/^Redis Mirror: in sync/);
    await until("it was sent", async () => redisCli(redis, "EXISTS", "roo:alice:customInstructions") === "1");
  });

  it("the status bar opens the menu of them", async () => {
    const { workbench } = session;
    await workbench.statusItem.click();
    const labels = await workbench.quickPick("Redis Mirror: in sync");
    await picture(workbench, "menu", { x: 250, y: 0, width: 700, height: 340 });
    expect(labels.join("\n"))
      .to.contain("Show Status")
      .and.to.contain("Sync Now")
      .and.to.contain("Restore from Redis…");
    await workbench.pick("Sync Now");
    await workbench.notification("All that is saved here is in Redis");
    await workbench.clearNotifications();
  });

  it("the view shows the records, and their versions", async () => {
    const { workbench } = session;
    await session.saveTask("t2", "Mend the build");
    await workbench.untilStatus(/^Redis Mirror: in sync/);
    await workbench.openView("Redis Mirror");
    const record = workbench.treeRows.filter({ hasText: "taskHistory" }).first();
    await record.waitFor();
    const rows = await workbench.treeRows.allInnerTexts();
    expect(rows.join("\n"))
      .to.contain("provider")
      .and.to.match(/\d+ B|KB/)
      .and.to.match(/6 d left|7 d left/);
    await record.click();
    await workbench.treeRows.filter({ hasText: "current" }).first().waitFor();
    await workbench.widenSideBar();
    await workbench.statusItem.hover();
    await workbench.hover.getByText("Redis Mirror: in sync").waitFor();
    await picture(workbench, "vscode");
  });

  it("Get Started opens the walkthrough", async () => {
    const { workbench } = session;
    await workbench.runCommand("Redis Mirror: Get Started");
    await workbench.page.getByText("Get Started with Redis Mirror").first().waitFor();
    await workbench.page.locator(".gettingStartedContainer").getByText("Share the key").waitFor();
    await workbench.runCommand("View: Toggle Primary Side Bar Visibility");
    // Its picture stands in a page of its own.
    const media = workbench.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
    await media.locator("svg, img").first().waitFor();
    await picture(workbench, "walkthrough");
  });

  it("reports no error, and asks nothing of anybody outside", () => session.expectQuiet());
});
