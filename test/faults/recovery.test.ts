import { expect } from "chai";
import { hurriedMirror, type MirrorUnderTest, untilEvent, untilSettled } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };
const HISTORY = { userId: "alice", record: "taskHistory" };
const INSTRUCTIONS_KEY = "roo:alice:customInstructions";
const HISTORY_KEY = "roo:alice:taskHistory";

/** After the end of each fault, and without a new save, Redis holds what was saved during it. */
describe("recovery from faults of a real server", () => {
  let server: RedisServer;
  let proxy: TcpProxy | undefined;
  let mirrored: MirrorUnderTest;

  afterEach(async () => {
    server.thaw();
    await mirrored.mirror.close();
    await proxy?.stop();
    proxy = undefined;
    await server.kill();
  });

  it("writes what was saved while no server was there", async () => {
    server = await RedisServer.absent();
    mirrored = hurriedMirror(server.port);
    const failed = untilEvent(mirrored.mirror, "failed");
    mirrored.service.set(INSTRUCTIONS, "saved while down");
    await failed;
    expect(mirrored.mirror.status).to.include({ state: "degraded", pending: 1 });

    await server.restart();
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved while down"');
    expect(mirrored.mirror.status.state).to.equal("connected");
  });

  it("writes what was saved during the pause, once the lost connection is back", async () => {
    server = await RedisServer.absent();
    mirrored = hurriedMirror(server.port, { timings: { batchWindowMs: 5, pauseMs: 600_000, healthCheckMs: 50 } });
    let failures = 0;
    const paused = untilEvent(mirrored.mirror, "failed", () => ++failures === 5);
    mirrored.service.set(INSTRUCTIONS, "first");
    await paused;
    mirrored.service.set(INSTRUCTIONS, "saved during the pause");

    await server.restart();
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved during the pause"');
  });

  it("gives back to a server that was killed and restarted empty what it had, and what was saved meanwhile", async () => {
    server = await RedisServer.start();
    mirrored = hurriedMirror(server.port);
    mirrored.service.set(HISTORY, [{ id: "a", ts: 1 }]);
    await mirrored.mirror.flush();

    const degraded = untilEvent(mirrored.mirror, "status", ({ state }) => state === "degraded");
    await server.kill();
    mirrored.service.set(INSTRUCTIONS, "saved while dead");
    await degraded;
    await server.restart();
    await untilEvent(mirrored.mirror, "status", ({ state }) => state === "connected");

    expect(await server.get(HISTORY_KEY)).to.equal('[{"id":"a","ts":1}]');
    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved while dead"');
  });

  it("gives back what a restarted server has lost even if nothing is saved any more", async () => {
    server = await RedisServer.start();
    mirrored = hurriedMirror(server.port);
    mirrored.service.set(INSTRUCTIONS, "kept");
    await mirrored.mirror.flush();

    const degraded = untilEvent(mirrored.mirror, "status", ({ state }) => state === "degraded");
    await server.kill();
    await degraded;
    await server.restart();
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"kept"');
    expect(await (await server.client()).ttl(INSTRUCTIONS_KEY)).to.be.within(604_000, 604_800);
  });

  it("leaves alone what another instance has written to the restarted server", async () => {
    server = await RedisServer.start();
    mirrored = hurriedMirror(server.port);
    mirrored.service.set(INSTRUCTIONS, "of this instance");
    await mirrored.mirror.flush();
    const degraded = untilEvent(mirrored.mirror, "status", ({ state }) => state === "degraded");
    await server.kill();
    await degraded;

    await server.restart();
    await (
      await server.client()
    ).mSet([
      [INSTRUCTIONS_KEY, '"of another"'],
      ["roo:alice:~version:customInstructions", `${Date.now()}-0000-another`],
    ]);
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"of another"');
  });

  it("writes what was saved while the server was frozen", async () => {
    server = await RedisServer.start();
    mirrored = hurriedMirror(server.port);
    mirrored.service.set(INSTRUCTIONS, "before");
    await mirrored.mirror.flush();

    server.freeze();
    const failed = untilEvent(mirrored.mirror, "failed");
    mirrored.service.set(INSTRUCTIONS, "saved while frozen");
    await failed;
    server.thaw();
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved while frozen"');
  });

  it("writes what a server without memory had refused", async () => {
    server = await RedisServer.start();
    mirrored = hurriedMirror(server.port);
    const client = await server.client();
    await client.configSet("maxmemory", "1");

    const failed = untilEvent(mirrored.mirror, "failed");
    mirrored.service.set(INSTRUCTIONS, "saved while full");
    expect((await failed)[0]).to.deep.include({ code: "REFUSED", reason: "Redis refused: OOM." });
    await client.configSet("maxmemory", "0");
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved while full"');
  });

  it("writes what was saved under a wrong password, once that is corrected", async () => {
    server = await RedisServer.start("--requirepass", "theirs");
    mirrored = hurriedMirror(server.port, { redis: { password: "ours" } });
    const failed = untilEvent(mirrored.mirror, "failed");
    mirrored.service.set(INSTRUCTIONS, "saved outside");
    expect((await failed)[0]).to.deep.include({ code: "REFUSED", reason: "Redis refused: WRONGPASS." });

    const client = await server.client({ password: "theirs" });
    await client.configSet("requirepass", "ours");
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved outside"');
  });

  it("takes a new connection where the old one has gone dead", async () => {
    server = await RedisServer.start();
    proxy = await TcpProxy.start(server.port);
    mirrored = hurriedMirror(proxy.port);
    mirrored.service.set(INSTRUCTIONS, "before");
    await mirrored.mirror.flush();

    proxy.killSilently();
    mirrored.service.set(INSTRUCTIONS, "saved into a dead connection");
    await untilEvent(mirrored.mirror, "failed");
    await untilSettled(mirrored.mirror);

    expect(await server.get(INSTRUCTIONS_KEY)).to.equal('"saved into a dead connection"');
  });

  it("loses none of 200 keys that are saved once each over a link of 60 ms, most of them with a batch in flight", async () => {
    server = await RedisServer.start();
    proxy = await TcpProxy.start(server.port);
    proxy.delayMs = 30;
    mirrored = hurriedMirror(proxy.port, { timings: { batchWindowMs: 20 } });
    const users = Array.from({ length: 200 }, (_user, index) => `user${index}`);
    let next = 0;
    const saveSome = () => {
      for (const userId of users.slice(next, next + 20))
        mirrored.service.set({ userId, record: "customInstructions" }, userId);
      next += 20;
    };

    proxy.onRequest = saveSome;
    saveSome();
    while (next < users.length || mirrored.mirror.status.pending > 0) await untilEvent(mirrored.mirror, "flushed");

    const client = await server.client();
    const values = await client.mGet(users.map((userId) => `roo:${userId}:customInstructions`));
    expect(values).to.deep.equal(users.map((userId) => JSON.stringify(userId)));
  });

  it("sends whole what a slow link carries a few bytes at a time", async () => {
    server = await RedisServer.start();
    proxy = await TcpProxy.start(server.port);
    mirrored = hurriedMirror(proxy.port);
    proxy.mode = "throttles";
    const text = "x".repeat(70_000);
    mirrored.service.set(INSTRUCTIONS, text);

    expect(await mirrored.mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await server.get(INSTRUCTIONS_KEY)).to.equal(JSON.stringify(text));
  });

  it("sends a value that is too large for one batch, and those beside it", async () => {
    server = await RedisServer.start();
    mirrored = hurriedMirror(server.port);
    const large = "x".repeat(3 * 2 ** 20);
    mirrored.service.set(HISTORY, [{ id: "a", ts: 1 }]);
    mirrored.service.set(INSTRUCTIONS, large);

    expect(await mirrored.mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await server.get(INSTRUCTIONS_KEY)).to.equal(JSON.stringify(large));
    expect(await server.get(HISTORY_KEY)).to.equal('[{"id":"a","ts":1}]');
  });
});
