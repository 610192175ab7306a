import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { type GatewayDeadlines, NodeRedisGateway, type RedisAddress } from "#dist/sync/node-redis-gateway.js";
import type { WireWrite } from "#dist/sync/redis-gateway.js";
import { RedisServer } from "../support/redis-server.js";

/** Longer than a busy machine takes for what works; the tests that wait for one to expire take a shorter one. */
const DEADLINES: GatewayDeadlines = { connectMs: 8_000, commandMs: 8_000, perMebibyteMs: 8_000 };

const set = (redisKey: string, value: string, isOnlyIfAbsent = false): WireWrite => ({
  kind: "set",
  redisKey,
  value,
  ttlSeconds: 100,
  isOnlyIfAbsent,
});

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
    gateway = new NodeRedisGateway(
      {
        host: "127.0.0.1",
        port: server.port,
        username: undefined,
        password: undefined,
        database: 0,
        tls: undefined,
        ...address,
      },
      deadlines,
    );
    return gateway;
  }

  it("writes, reads and deletes, with a time to live, and leaves alone what it is told to", async () => {
    open();
    expect(await gateway.write([set("a", "1"), set("b", "2"), set("a", "3", true), set("c", "4", true)])).to.deep.equal(
      [undefined, undefined, undefined, undefined],
    );
    expect(await gateway.write([{ kind: "delete", redisKey: "b" }])).to.deep.equal([undefined]);
    expect([await gateway.read("a"), await gateway.read("b"), await gateway.read("c")]).to.deep.equal([
      "1",
      undefined,
      "4",
    ]);
    expect(await (await server.client()).ttl("a")).to.be.within(99, 100);
    await gateway.ping();
  });

  it("connects once, however many ask, under a name that an operator finds", async () => {
    open();
    await Promise.all([gateway.connect(), gateway.connect(), gateway.read("a"), gateway.ping()]);
    expect(await server.mirrorConnections()).to.equal(1);
  });

  it("takes another database, and a user with a password", async () => {
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all"]);
    open({ username: "app", password: "secret", database: 2 });
    await gateway.write([set("a", "1")]);
    await client.select(2);
    expect(await client.get("a")).to.equal("1");
    await client.select(0);
  });

  it("tells which write was refused, and by which reply", async () => {
    const client = await server.client();
    await client.sendCommand(["ACL", "SETUSER", "app", "on", ">secret", "~a", "+@all"]);
    open({ username: "app", password: "secret" });
    const [first, second] = await gateway.write([set("a", "1"), set("b", "2")]);
    expect(first).to.equal(undefined);
    expect(second).to.include({ code: "REFUSED", reply: "NOPERM" });
    expect(gateway.isConnected).to.equal(true);

    await client.configSet("maxmemory", "1");
    expect((await gateway.write([set("a", "1")]))[0]).to.include({ code: "REFUSED", reply: "OOM" });
  });

  it("tells a refusal to be let in from a lost connection", async () => {
    const client = await server.client();
    await client.configSet("requirepass", "secret");
    expect(await failureOf(open({ password: "wrong" }).connect())).to.equal("REFUSED WRONGPASS");
    expect(await failureOf(open().connect())).to.equal("REFUSED NOAUTH");
    await server.kill();
    expect(await failureOf(open().connect())).to.equal("CONNECTION_LOST");
  });

  it("works for a user who may not ask which server it is", async () => {
    await (
      await server.client()
    ).sendCommand(["ACL", "SETUSER", "app", "on", ">secret", "~*", "+set", "+get", "+client|setname"]);
    open({ username: "app", password: "secret" });
    await gateway.write([set("a", "1")]);
    expect(gateway.serverId).to.equal("connection 1");
  });

  it("knows a server again, and another one in its place", async () => {
    await open().connect();
    const { serverId } = gateway;
    expect(serverId).to.match(/^[0-9a-f]{40}$/);
    await open().connect();
    expect(gateway.serverId).to.equal(serverId);
    await server.kill();
    await server.restart();
    await open().connect();
    expect(gateway.serverId).not.to.equal(serverId);
  });

  it("tells that an established connection has ended, and makes another when it is asked to", async () => {
    await open().connect();
    const lost = new Promise<void>((resolve) => (gateway.onConnectionLost = resolve));
    await server.kill();
    await lost;
    expect(gateway.isConnected).to.equal(false);
    await server.restart();
    await gateway.write([set("a", "1")]);
    expect(await server.get("a")).to.equal("1");
  });

  for (const [title, ask] of [
    ["a write", () => gateway.write([set("a", "1")])],
    ["a read", () => gateway.read("a")],
    ["a ping", () => gateway.ping()],
  ] as const) {
    it(`does not wait longer than its deadline for ${title} that a frozen server does not answer, and works once it is thawed`, async () => {
      await open({}, { ...DEADLINES, commandMs: 1_000 }).connect();
      server.freeze();
      expect(await failureOf(ask())).to.equal("CONNECTION_LOST");
      expect(gateway.isConnected).to.equal(false);
      server.thaw();
      await gateway.write([set("after", "1")]);
      expect(await server.get("after")).to.equal("1");
    });
  }

  it("gives a large batch more time", async () => {
    await open({}, { connectMs: 2_000, commandMs: 1, perMebibyteMs: 60_000 }).connect();
    expect(await gateway.write([set("a", "x".repeat(4 * 2 ** 20))])).to.deep.equal([undefined]);
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
    expect(await failureOf(gateway.write([set("a", "1")]))).to.equal("CONNECTION_LOST");
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
