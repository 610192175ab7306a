import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import type { GatewayDeadlines, RedisAddress } from "#dist/sync/redis-address.js";
import type { WireWrite } from "#dist/sync/redis-gateway.js";
import { addressOf } from "../support/redis-address.js";
import { RedisServer } from "../support/redis-server.js";

/** Longer than a busy machine takes for what works; the tests that wait for one to expire take a shorter one. */
const DEADLINES: GatewayDeadlines = { connectMs: 8_000, commandMs: 8_000, perMebibyteMs: 8_000 };

const set = (redisKey: string, value: string | undefined, version = "1700000000000-0000-me"): WireWrite => ({
  redisKey,
  value,
  ttlSeconds: 100,
  version,
  seen: undefined,
  keepsPrevious: false,
});
const APPLIED = { kind: "applied" };

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no failure",
    (error: { code?: unknown; reply?: unknown }) =>
      error.reply === undefined ? error.code : `${String(error.code)} ${String(error.reply)}`,
  );
}

describe("the gateway on node-redis", () => {
  let server: RedisServer;
  let gateway: NodeRedisGateway;
  beforeEach(async () => (server = await RedisServer.start()));
  afterEach(async () => {
    gateway.close();
    server.thaw();
    await server.kill();
  });

  function open(address: Partial<RedisAddress> = {}, deadlines = DEADLINES): NodeRedisGateway {
    gateway = new NodeRedisGateway({ ...addressOf(server.port), ...address }, deadlines);
    return gateway;
  }

  it("writes, reads and deletes, with a time to live, and leaves alone what is newer", async () => {
    open();
    const [old, later] = ["1600000000000-0000-other", "1800000000000-0000-other"];
    expect(await gateway.write([set("roo:a:x", "1"), set("roo:b", "2"), set("roo:a:x", "3", old)])).to.deep.equal([
      APPLIED,
      APPLIED,
      { kind: "superseded", by: "1700000000000-0000-me" },
    ]);
    expect(await gateway.write([set("roo:b", undefined, later)])).to.deep.equal([APPLIED]);
    expect(await gateway.read("roo:a:x")).to.deep.equal({
      value: "1",
      version: "1700000000000-0000-me",
      isDeleted: false,
    });
    expect(await gateway.read("roo:b")).to.deep.equal({ value: undefined, version: later, isDeleted: true });
    const client = await server.client();
    expect(await client.ttl("roo:a:x")).to.be.within(99, 100);
    expect(await client.ttl("roo:a:~version:x")).to.be.within(99, 100);
    await gateway.ping();
  });

  it("lets records live on, and says what is there of them", async () => {
    open();
    await gateway.write([set("roo:a", "1"), set("roo:b", "2"), set("roo:c", undefined)]);
    const client = await server.client();
    await client.del("roo:b");
    const version = "1700000000000-0000-me";
    expect(
      await gateway.renew(["roo:a", "roo:b", "roo:c", "roo:d"].map((redisKey) => ({ redisKey, ttlSeconds: 1_000 }))),
    ).to.deep.equal([
      { hasValue: true, version, isDeleted: false },
      { hasValue: false, version, isDeleted: false },
      { hasValue: false, version, isDeleted: true },
      { hasValue: false, version: undefined, isDeleted: false },
    ]);
    expect([await client.ttl("roo:a"), await client.ttl("roo:~version:a")].every((ttl) => ttl > 900)).to.equal(true);
  });

  it("goes on after SCRIPT FLUSH", async () => {
    await open().write([set("roo:a", "1")]);
    await (await server.client()).sendCommand(["SCRIPT", "FLUSH"]);
    expect(await gateway.write([set("roo:b", "2"), set("roo:c", "3")])).to.deep.equal([APPLIED, APPLIED]);
    expect(await server.get("roo:c")).to.equal("3");
  });

  it("connects once, however many ask, under a name that an operator finds", async () => {
    open();
    await Promise.all([gateway.connect(), gateway.connect(), gateway.read("roo:a"), gateway.ping()]);
    expect(await server.mirrorConnections()).to.equal(1);
  });

  it("takes another database, and a user with a password", async () => {
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all"]);
    open({ username: "app", password: "secret", database: 2 });
    await gateway.write([set("roo:a", "1")]);
    await client.select(2);
    expect(await client.get("roo:a")).to.equal("1");
    await client.select(0);
  });

  it("tells which write was refused, and by which reply", async () => {
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "app", "on", ">secret", "~roo:a", "~roo:~*:a", "+@all"]);
    open({ username: "app", password: "secret" });
    const [first, second] = await gateway.write([set("roo:a", "1"), set("roo:b", "2")]);
    expect(first).to.deep.equal(APPLIED);
    expect(second).to.have.nested.property("error.reply", "NOPERM");
    expect(gateway.isConnected).to.equal(true);

    await client.configSet("maxmemory", "1");
    expect((await gateway.write([set("roo:a", "1")]))[0]).to.have.nested.property("error.reply", "OOM");
  });

  it("tells a refusal to be let in from a lost connection", async () => {
    const client = await server.client();
    await client.configSet("requirepass", "secret");
    expect(await failureOf(open({ password: "wrong" }).connect())).to.equal("REFUSED WRONGPASS");
    expect(await failureOf(open().connect())).to.equal("REFUSED NOAUTH");
    await server.kill();
    expect(await failureOf(open().connect())).to.equal("CONNECTION_LOST");
  });

  it("tells that an established connection has ended, and makes another when it is asked to", async () => {
    await open().connect();
    const lost = new Promise<void>((resolve) => (gateway.onConnectionLost = resolve));
    await server.kill();
    await lost;
    expect(gateway.isConnected).to.equal(false);
    await server.restart();
    await gateway.write([set("roo:a", "1")]);
    expect(await server.get("roo:a")).to.equal("1");
  });

  for (const [title, ask] of [
    ["a write", () => gateway.write([set("roo:a", "1")])],
    ["a read", () => gateway.read("roo:a")],
    ["a ping", () => gateway.ping()],
  ] as const) {
    it(`does not wait longer than its deadline for ${title} that a frozen server does not answer, and works once it is thawed`, async () => {
      await open({}, { ...DEADLINES, commandMs: 1_000 }).connect();
      server.freeze();
      expect(await failureOf(ask())).to.equal("CONNECTION_LOST");
      expect(gateway.isConnected).to.equal(false);
      server.thaw();
      await gateway.write([set("roo:after", "1")]);
      expect(await server.get("roo:after")).to.equal("1");
    });
  }

  it("gives a large batch more time", async () => {
    await open({}, { connectMs: 2_000, commandMs: 1, perMebibyteMs: 60_000 }).connect();
    expect(await gateway.write([set("roo:a", "x".repeat(4 * 2 ** 20))])).to.deep.equal([APPLIED]);
  });

  describe("on a listener that accepts and never answers", () => {
    let silent: Server;
    let sockets: Socket[];
    let port: number;
    beforeEach(async () => {
      sockets = [];
      silent = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
      await once(silent, "listening");
      port = (silent.address() as { port: number }).port;
    });
    afterEach(async () => {
      for (const socket of sockets) socket.destroy();
      silent.close();
      await once(silent, "close");
    });

    it("gives up connecting at its deadline, and leaves no socket", async () => {
      expect(await failureOf(open({ port }, { ...DEADLINES, connectMs: 300 }).connect())).to.equal("CONNECTION_LOST");
      expect(sockets).to.have.lengthOf(1);
      if (!sockets[0]!.destroyed) await once(sockets[0]!.resume(), "close");
    });

    it("gives up connecting when it is closed, and leaves no socket", async () => {
      const connecting = failureOf(open({ port }, { ...DEADLINES, connectMs: 60_000 }).connect());
      const [socket] = (await once(silent, "connection")) as [Socket];
      gateway.close();
      expect(await connecting).to.equal("CONNECTION_LOST");
      if (!socket.destroyed) await once(socket.resume(), "close");
    });
  });

  it("is closed for good", async () => {
    await open().connect();
    gateway.close();
    gateway.close();
    expect(await failureOf(gateway.connect())).to.equal("CONNECTION_LOST");
    expect(await failureOf(gateway.write([set("roo:a", "1")]))).to.equal("CONNECTION_LOST");
    expect(await server.mirrorConnections()).to.equal(0);
  });

  it("leaves nothing open behind 50 connections that were cut", async () => {
    open();
    const client = await server.client();
    await gateway.connect();
    const count = () => process.getActiveResourcesInfo().filter((resource) => resource === "TCPSocketWrap").length;
    const before = count();
    for (let cut = 0; cut < 50; cut++) {
      const lost = new Promise<void>((resolve) => (gateway.onConnectionLost = resolve));
      await client.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
      await lost;
      await gateway.connect();
    }
    expect(count()).to.be.at.most(before);
  });
});
