import { expect } from "chai";
import { until } from "../support/until.js";
import { picture } from "./support/pictures.js";
import { Session } from "./support/session.js";

describe("in a Chinese VS Code", () => {
  let session: Session;
  before(async () => {
    session = await Session.open({}, undefined, "zh-cn");
    await session.saveTask("t1", "解释构建过程");
    await session.saveProfile("work", "sk-canary-3f1c9d");
    await session.workbench.untilStatus(/^Redis Mirror：已同步 自 \d{4}-\d\d-\d\d \d\d:\d\d 起。/);
  });
  after(() => session?.close());

  it("the commands have Chinese titles, and what they show is Chinese", async () => {
    const { workbench } = session;
    await workbench.runCommand("Redis Mirror: 显示状态");
    const text = await until("the document is open", async () => {
      const shown = await workbench.editorText();
      return shown.includes("用户：alice") && shown;
    });
    expect(text).to.contain(`服务器：127.0.0.1:${session.redis.port}`);
  });

  it("the status bar opens a Chinese menu, and a command answers in Chinese", async () => {
    const { workbench } = session;
    await workbench.statusItem.click();
    const labels = (await workbench.quickPick("Redis Mirror：已同步")).join("\n");
    expect(labels).to.contain("显示状态").and.to.contain("从 Redis 恢复…").and.to.contain("测试连接");
    await workbench.pick("立即同步");
    await workbench.notification("本机保存的内容都已存入 Redis。");
    await workbench.clearNotifications();
  });

  it("the view speaks of the records in Chinese", async () => {
    const { workbench } = session;
    await workbench.openView("Redis Mirror");
    const record = workbench.treeRows.filter({ hasText: "taskHistory" }).first();
    await record.click();
    await workbench.treeRows.filter({ hasText: "当前" }).first().waitFor();
    expect((await workbench.treeRows.allInnerTexts()).join("\n")).to.match(/剩余 [67] 天/);
    await workbench.widenSideBar();
    await workbench.statusItem.hover();
    await workbench.hover.getByText("Redis Mirror：已同步").waitFor();
    await picture(workbench, "vscode.zh-cn");
  });

  it("why it does not work is said in Chinese, what the engine says of it too", async () => {
    const { workbench, redis } = session;
    await redis.kill();
    const degraded = await workbench.untilStatus(/^Redis Mirror：降级/);
    expect(degraded).to.contain("该主机和端口上没有服务在监听（ECONNREFUSED）。").and.to.contain("本地工作不受影响");
    await workbench.runCommand("Redis Mirror: 测试连接");
    const found = await (await workbench.notification("镜像无法工作。")).innerText();
    expect(found).to.contain(`127.0.0.1:${redis.port} 拒绝连接：该端口上没有服务在监听。请在本机启动 Redis`);
  });

  it("reports no error, and asks nothing of anybody outside", () => session.expectQuiet());
});
