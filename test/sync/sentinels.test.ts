import { expect } from "chai";
import { systemClock } from "#dist/sync/clock.js";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import type { RedisAddress, SentinelAddress } from "#dist/sync/redis-address.js";
import { locatePrimary } from "#dist/sync/sentinels.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { StoppedClock } from "../support/stopped-clock.js";
import { until } from "../support/until.js";

const OLD = { host: "127.0.0.1", port: 7001 };
const NEW = { host: "127.0.0.1", port: 7002 };

describe("the sentinels", () => {
  let servers: ScriptedServer[];
  beforeEach(async () => (servers = await Promise.all([1, 2, 3].map(() => ScriptedServer.start()))));
  afterEach(() => Promise.all(servers.map((server) => server.stop())));

  function sentinels(): SentinelAddress {
    const endpoints = servers.map(({ port }) => ({ host: "127.0.0.1", port }));
    return { endpoints, masterName: "mymaster", username: "watcher", password: "theirs" };
  }

  /** Each says that this is the primary; `undefined`: that it knows none; a text: that reply. */
  function say(...answers: (typeof OLD | string | undefined)[]): void {
    for (const [index, answer] of answers.entries()) {
      const reply = typeof answer === "string" ? answer : answer === undefined ? "*-1" : addressReply(answer);
      servers[index]!.replies.set("SENTINEL", reply);
    }
  }

  const addressReply = ({ host, port }: typeof OLD) =>
    `*2\r\n$${host.length}\r\n${host}\r\n$${String(port).length}\r\n${port}`;

  const locate = (deadlineMs = 60_000) => locatePrimary(sentinels(), undefined, deadlineMs, systemClock);
  const failure = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message);

  it("are asked for the primary, which most of them know", async () => {
    say(OLD, NEW, NEW);
    expect(await locate()).to.deep.equal(NEW);
    const [asked] = servers;
    expect(asked!.commands).to.deep.include.members([
      ["AUTH", "watcher", "theirs"],
      ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"],
    ]);
  });

  it("are not waited for once most of them agree, and no connection stays", async () => {
    say("", NEW, NEW);
    expect(await locate(600_000)).to.deep.equal(NEW);
    for (const server of servers) await until("it is closed", async () => server.connections === 0);
  });

  it("are believed without a majority when no more of them answer in time", async () => {
    const clock = new StoppedClock();
    say("", "", NEW);
    const located = locatePrimary(sentinels(), undefined, 8_000, clock);
    await until("the third has answered", async () => {
      const [, , third] = servers;
      return third!.received.includes("SENTINEL") && third!.connections === 0;
    });
    clock.expire();
    expect(await located).to.deep.equal(NEW);
    say("-ERR no", undefined, NEW);
    expect(await locate()).to.deep.equal(NEW);
  });

  it("are not believed where they name no port, or nothing", async () => {
    say("*1\r\n$9\r\n127.0.0.1", "*0", "+OK");
    expect(await failure(locate())).to.equal("The sentinels know no primary of the name `mymaster`.");
  });

  it("know no primary of that name, or do not answer: the reason says which", async () => {
    say(undefined, undefined, undefined);
    expect(await failure(locate())).to.equal("The sentinels know no primary of the name `mymaster`.");
    const asked = sentinels();
    await Promise.all(servers.map((server) => server.stop()));
    expect(await failure(locatePrimary(asked, undefined, 8_000, systemClock))).to.equal(
      "None of the 3 sentinels answered.",
    );
  });

  describe("and the primary they name", () => {
    const deadlines = { connectMs: 8_000, commandMs: 8_000, perMebibyteMs: 8_000 };
    let primary: ScriptedServer;
    let address: RedisAddress;
    let gateway: NodeRedisGateway;
    beforeEach(async () => {
      primary = await ScriptedServer.start();
      const named = { host: "127.0.0.1", port: primary.port };
      say(named, named, named);
      address = {
        host: "unused.invalid",
        port: 1,
        username: undefined,
        password: undefined,
        database: 0,
        tls: undefined,
        sentinels: sentinels(),
      };
      gateway = new NodeRedisGateway(address, deadlines);
    });
    afterEach(async () => {
      gateway.close();
      await primary.stop();
    });

    for (const reply of ["*1\r\n$6\r\nmaster", "-NOPERM this user has no permissions"])
      it(`is taken if it says so itself, or may not be asked: ${reply.slice(0, 7).trim()}`, async () => {
        primary.replies.set("ROLE", reply);
        await gateway.connect();
        expect(gateway.isConnected).to.equal(true);
        expect(primary.received).to.include("ROLE");
      });

    for (const [reply, message] of [
      ["+OK", "The sentinels named a server that is no primary but: unknown."],
      ["-LOADING Redis is loading", "Redis is not ready: LOADING."],
    ] as const)
      it(`is not taken where it answers ${reply}`, async () => {
        primary.replies.set("ROLE", reply);
        expect(await failure(gateway.connect())).to.equal(message);
        expect(gateway.isConnected).to.equal(false);
      });

    it("is warned of where it is not this machine, as the sentinels are, and nothing is encrypted", async () => {
      primary.replies.set("ROLE", "*1\r\n$6\r\nmaster");
      await gateway.connect();
      expect(gateway.warnings).to.deep.equal([]);
      gateway.close();
      // This machine too, but by no name that says so.
      const elsewhere = { host: "0.0.0.0", port: primary.port };
      say(elsewhere, elsewhere, elsewhere);
      gateway = new NodeRedisGateway(address, deadlines);
      expect(gateway.warnings).to.deep.equal([]);
      await gateway.connect();
      expect(gateway.warnings).to.have.length(1);
      expect(gateway.warnings[0]).to.match(/^What goes to 0\.0\.0\.0 is not encrypted: /);
    });

    it("has half of the time left where most of the sentinels are silent", async () => {
      const named = servers[2]!.replies.get("SENTINEL");
      say("", "", named);
      primary.replies.set("ROLE", "*1\r\n$6\r\nmaster");
      const clock = new StoppedClock();
      gateway = new NodeRedisGateway(address, deadlines, clock);
      const connecting = gateway.connect();
      await until("the sentinels are asked", async () =>
        servers.every(({ received }) => received.includes("SENTINEL")),
      );
      expect([...new Set(clock.delaysMs)]).to.have.members([4_000, 8_000]);
      gateway.close();
      expect(await failure(connecting)).to.equal("The connection was closed while it was being made.");
    });

    it("is not taken once it is a replica, and the next attempt asks again", async () => {
      primary.replies.set("ROLE", "*1\r\n$5\r\nslave");
      expect(await failure(gateway.connect())).to.equal("The sentinels named a server that is no primary but: slave.");
      await until("it is closed", async () => primary.connections === 0);
      primary.replies.set("ROLE", "*1\r\n$6\r\nmaster");
      await gateway.connect();
      expect(servers.map(({ received }) => received.filter((name) => name === "SENTINEL").length)).to.satisfy(
        (asked: number[]) => asked.filter((count) => count === 2).length >= 2,
      );
    });
  });
});
