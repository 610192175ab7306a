import { expect } from "chai";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";
import { redisCli } from "./support/redis-cli.js";
import { Session } from "./support/session.js";

describe("the settings, changed while VS Code runs", () => {
  let session: Session;
  let other: RedisServer;
  before(async () => {
    other = await RedisServer.start("--requirepass", "open sesame");
    session = await Session.open();
    await session.workbench.untilStatus(/^Redis Mirror: in sync/);
  });
  after(async () => {
    await session?.close();
    await other?.kill();
  });

  it("say by their own name what is wrong with one, and do no harm to what is saved", async () => {
    const { workbench, code } = session;
    code.change({ "redisMirrored.port": 70_000 });
    const status = await workbench.untilStatus(/^Redis Mirror: misconfigured/);
    expect(status).to.contain("redisMirrored.port").and.to.contain("70000");
    await workbench.notification("redisMirrored.port");
    await workbench.clearNotifications();
    await session.saveTask("t1", "Explain the build");
  });

  it("take whoever corrects them back into sync, with what was saved meanwhile", async () => {
    session.code.change({ "redisMirrored.port": session.redis.port });
    await session.workbench.untilStatus(/^Redis Mirror: in sync/);
    await until("the task is there", async () => redisCli(session.redis, "EXISTS", "roo:alice:taskHistory") === "1");
  });

  it("name another user at once", async () => {
    const { workbench, code } = session;
    code.change({ "redisMirrored.userId": "bob" });
    // The editor looks at the file when it is told that it has changed.
    await until("it is bob's", async () => {
      await workbench.runCommand("Redis Mirror: Show Status");
      return (await workbench.editorText()).includes("User: bob");
    });
    await session.saveInstructions("Answer briefly.");
    await until("bob's is there", async () => redisCli(session.redis, "EXISTS", "roo:bob:customInstructions") === "1");
    expect(redisCli(session.redis, "EXISTS", "roo:alice:customInstructions")).to.equal("0");
  });

  it("lead to a server that wants a password: one message says so, and Set Password is enough", async () => {
    const { workbench, code } = session;
    code.change({ "redisMirrored.port": other.port });
    const status = await workbench.untilStatus(/^Redis Mirror: degraded/);
    expect(status).to.contain("NOAUTH");
    const message = await workbench.notification("Redis wants another name or password");
    await message.getByRole("button", { name: "Set Password" }).click();
    await workbench.type("open sesame");
    await workbench.untilStatus(/^Redis Mirror: in sync/);
    await session.saveInstructions("Answer at length.");
    const asking = ["-a", "open sesame", "GET", "roo:bob:customInstructions"];
    await until("it is there", async () => redisCli(other, ...asking) === '"Answer at length."');
    for (const settings of ["Machine/settings.json", "User/settings.json"])
      expect(code.read(settings)).not.to.contain("sesame");
  });

  it("reports no error, and asks nothing of anybody outside", () => session.expectQuiet());
});
