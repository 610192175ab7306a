import { expect } from "chai";
import { until } from "../support/until.js";
import { picture } from "./support/pictures.js";
import { redisCli } from "./support/redis-cli.js";
import { Session } from "./support/session.js";

const CANARY = "sk-canary-3f1c9d";

describe("saving in VS Code", () => {
  let session: Session;
  before(async () => {
    session = await Session.open();
  });
  after(() => session?.close());

  const tasksInRedis = () => {
    const text = redisCli(session.redis, "GET", "roo:alice:taskHistory");
    return text === "" ? [] : (JSON.parse(text) as { id: string }[]).map(({ id }) => id);
  };

  it("is in sync as soon as Redis answers", async () => {
    await session.workbench.untilStatus(/^Redis Mirror: in sync/);
  });

  it("brings tasks and instructions into Redis, in the form that others read", async () => {
    await session.saveTask("t1", "Explain the build");
    await session.saveTask("t2", "Mend the build");
    await session.saveInstructions("Answer briefly.");
    await until(
      "the instructions are there",
      async () => redisCli(session.redis, "EXISTS", "roo:alice:customInstructions") === "1",
    );
    expect(tasksInRedis()).to.deep.equal(["t2", "t1"]);
    expect(redisCli(session.redis, "GET", "roo:alice:customInstructions")).to.equal('"Answer briefly."');
    expect(Number(redisCli(session.redis, "TTL", "roo:alice:taskHistory"))).to.be.within(600_000, 604_800);
  });

  it("brings profiles there as ciphertext, and their keys nowhere", async () => {
    await session.saveProfile("work", CANARY);
    await until("the profile is there", async () => redisCli(session.redis, "EXISTS", "roo:alice:provider") === "1");
    const jwe = JSON.parse(redisCli(session.redis, "GET", "roo:alice:provider")) as object;
    expect(jwe).to.include.keys("protected", "iv", "ciphertext", "tag");
    for (const key of redisCli(session.redis, "KEYS", "*").split("\n"))
      expect(redisCli(session.redis, ...reading(session, key)), key).not.to.contain(CANARY);
  });

  it("goes on while Redis is gone, says so and why, and all of it arrives when Redis is back", async () => {
    const { workbench, redis } = session;
    await workbench.untilStatus(/^Redis Mirror: in sync/);
    await redis.kill();
    const degraded = await workbench.untilStatus(/^Redis Mirror: degraded/);
    expect(degraded)
      .to.contain("ECONNREFUSED")
      .and.to.match(/Since \d{4}-\d\d-\d\d/);
    await session.saveTask("t3", "Work without Redis");
    await workbench.untilStatus(/waits? to be sent/);
    await workbench.statusItem.hover();
    await workbench.hover.getByText("Redis Mirror: degraded").waitFor();
    await picture(workbench, "degraded", { x: 600, y: 540, width: 600, height: 210 });
    await workbench.page.mouse.move(300, 300);
    expect(await session.showLocal()).to.contain("Tasks: t1 t2 t3.");

    await redis.restart();
    await workbench.untilStatus(/^Redis Mirror: in sync/);
    // The server had lost all: it gets it anew.
    await until("everything is there", async () => tasksInRedis().length === 3);
    expect(tasksInRedis()).to.deep.equal(["t3", "t2", "t1"]);
    await until("the profile is there", async () => redisCli(redis, "EXISTS", "roo:alice:provider") === "1");
  });

  it("survives a reload of the window", async () => {
    const { workbench } = session;
    await session.untilKept("t3");
    await workbench.reload();
    await workbench.untilStatus(/^Redis Mirror: in sync/);
    expect(await session.showLocal()).to.contain("Tasks: t1 t2 t3. Profiles: default work.");
  });

  it("reports no error, and asks nothing of anybody outside", () => session.expectQuiet());
});

/** All that a key holds, by its type. */
function reading({ redis }: Session, key: string): string[] {
  const commands: Record<string, string[]> = {
    string: ["GET", key],
    hash: ["HGETALL", key],
    zset: ["ZRANGE", key, "0", "-1"],
    set: ["SMEMBERS", key],
    list: ["LRANGE", key, "0", "-1"],
  };
  return commands[redisCli(redis, "TYPE", key)] ?? [];
}
