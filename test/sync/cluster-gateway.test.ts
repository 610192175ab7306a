import { expect } from "chai";
import calculateSlot from "cluster-key-slot";
import { type Clock, systemClock } from "#dist/sync/clock.js";
import { ClusterGateway } from "#dist/sync/cluster-gateway.js";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import { openGateway } from "#dist/sync/open-gateway.js";
import type { RedisAddress } from "#dist/sync/redis-address.js";
import type { WireWrite } from "#dist/sync/redis-gateway.js";
import { MovedClock } from "../support/moved-clock.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { until } from "../support/until.js";

const PATIENT = { connectMs: 60_000, commandMs: 60_000, perMebibyteMs: 60_000 };
const LAST_SLOT = 16_383;
const HALF = 8_192;
const VERSION = "1700000000000-0000-me";
const APPLIED = { kind: "applied" };
const NODE_PAUSE_MS = 5_000;

/** Keys of as many users, whose slots are all in this range. */
function keysIn(from: number, to: number, count: number): string[] {
  const keys: string[] = [];
  for (let user = 0; keys.length < count; user++) {
    const slot = calculateSlot(`user${user}`);
    if (from <= slot && slot <= to) keys.push(`roo:{user${user}}:notes`);
  }
  return keys;
}
const LOW = keysIn(0, HALF - 1, 2) as [string, string];
const HIGH = keysIn(HALF, LAST_SLOT, 2) as [string, string];

const set = (redisKey: string): WireWrite => ({
  redisKey,
  value: "1",
  ttlSeconds: 100,
  version: VERSION,
  seen: undefined,
  keepsPrevious: false,
});

type Share = readonly [from: number, to: number, primary: ScriptedServer];

function slotsReply(shares: readonly Share[], host = "127.0.0.1"): string {
  const at = `*2\r\n$${host.length}\r\n${host}`;
  const ranges = shares.map(([from, to, { port }]) => `*3\r\n:${from}\r\n:${to}\r\n${at}\r\n:${port}`);
  return [`*${shares.length}`, ...ranges].join("\r\n");
}

const arrayReply = (...texts: string[]) =>
  [`*${texts.length}`, ...texts.map((text) => `$${text.length}\r\n${text}`)].join("\r\n");

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("expected a failure"),
    (error: Error) => error,
  );
}

describe("the gateway that fits an address", () => {
  it("is one to a cluster where nodes of that are named, and one to a server otherwise", () => {
    const address = {
      host: "127.0.0.1",
      port: 1,
      username: undefined,
      password: undefined,
      database: 0,
      tls: undefined,
    };
    expect(openGateway(address)).to.be.instanceOf(NodeRedisGateway);
    expect(openGateway({ ...address, cluster: [address] })).to.be.instanceOf(ClusterGateway);
  });
});

describe("the gateway to a cluster", () => {
  let low: ScriptedServer;
  let high: ScriptedServer;
  let guide: ScriptedServer;
  let gateway: ClusterGateway;
  beforeEach(async () => {
    [low, high, guide] = await Promise.all([ScriptedServer.start(), ScriptedServer.start(), ScriptedServer.start()]);
    say([low, high, guide], [0, HALF - 1, low], [HALF, LAST_SLOT, high]);
  });
  afterEach(async () => {
    gateway.close();
    await Promise.all([low.stop(), high.stop(), guide.stop()]);
  });

  /** All of them say that these serve those slots. */
  function say(servers: readonly ScriptedServer[], ...shares: Share[]): void {
    for (const server of servers) server.replies.set("CLUSTER", slotsReply(shares));
  }

  function open(seeds: readonly ScriptedServer[] = [low, high], clock: Clock = systemClock): ClusterGateway {
    const address: RedisAddress = {
      host: "unused.invalid",
      port: 1,
      username: undefined,
      password: undefined,
      database: 0,
      tls: undefined,
      cluster: seeds.map(({ port }) => ({ host: "127.0.0.1", port })),
    };
    gateway = new ClusterGateway(address, PATIENT, clock);
    return gateway;
  }

  /** How often each was asked for it. */
  const asked = (name: string, ...servers: ScriptedServer[]) =>
    servers.map(({ received }) => received.filter((each) => each.startsWith(name)).length);
  const keysWritten = ({ commands }: ScriptedServer) =>
    commands.filter(([name]) => name!.startsWith("EVAL")).map((command) => command[3]);

  describe("finds its way", () => {
    it("from one node that need not be a primary, which it then lets go", async () => {
      open([guide]);
      expect([gateway.connections, gateway.isConnected]).to.deep.equal([0, false]);
      await gateway.connect();
      // After each of them a server may have lost what it had; the one to the guide counts as well.
      await until("the primaries are connected", async () => gateway.connections === 3);
      await until("the guide is let go", async () => guide.connections === 0);
      expect([low.connections, high.connections, gateway.isConnected]).to.deep.equal([1, 1, true]);
    });

    it("and warns of nodes that are not this machine, as those that are named are", async () => {
      await open([guide]).connect();
      expect(gateway.warnings).to.deep.equal([]);
      gateway.close();
      // This machine too, but by no name that says so.
      guide.replies.set("CLUSTER", slotsReply([[0, LAST_SLOT, low]], "0.0.0.0"));
      await open([guide]).connect();
      expect(gateway.warnings).to.have.length(1);
      expect(gateway.warnings[0]).to.match(/^What goes to 0\.0\.0\.0 is not encrypted: /);
    });

    it("from the address itself where no nodes are named", async () => {
      const address = { host: "127.0.0.1", port: guide.port, username: undefined, password: undefined };
      gateway = new ClusterGateway({ ...address, database: 0, tls: undefined }, PATIENT);
      expect(await gateway.write([set(HIGH[0])])).to.deep.equal([APPLIED]);
    });

    it("once, however many ask, and does not ask again while nothing has changed", async () => {
      open([guide]);
      await Promise.all([gateway.connect(), gateway.write([set(LOW[0])]), gateway.read(HIGH[0]), gateway.ping()]);
      await gateway.write([set(LOW[0])]);
      expect(asked("CLUSTER", guide, low, high)).to.deep.equal([1, 0, 0]);
    });

    it("by what most of the nodes say", async () => {
      say([low], [0, LAST_SLOT, low]);
      open([low, high, guide]);
      await gateway.write([set(HIGH[0])]);
      expect(asked("EVAL", low, high)).to.deep.equal([0, 1]);
    });

    it("by a node that knows it, where others are in no cluster or away", async () => {
      low.replies.set("CLUSTER", "*0");
      const away = await ScriptedServer.start();
      open([low, away, guide]);
      await away.stop();
      expect(await gateway.write([set(HIGH[0])])).to.deep.equal([APPLIED]);
    });

    it("from the nodes that are connected, and from all that are known where those do not say", async () => {
      open([guide]);
      await gateway.connect();
      guide.replies.set("CLUSTER", slotsReply([[0, LAST_SLOT, guide]]));
      low.replies.set("EVAL", "-MOVED 42 127.0.0.1:1").set("EVALSHA", "-MOVED 42 127.0.0.1:1");
      await gateway.write([set(LOW[0])]);
      expect([asked("CLUSTER", low, high, guide), asked("EVAL", guide)]).to.deep.equal([[1, 1, 1], [0]]);

      for (const server of [low, high]) server.replies.set("CLUSTER", "-CLUSTERDOWN The cluster is down");
      expect(await gateway.write([set(LOW[0])])).to.deep.equal([APPLIED]);
      expect(keysWritten(guide)).to.deep.equal([LOW[0]]);
    });

    it("without those who are not connected, which may be as silent as they were", async () => {
      open([guide], new MovedClock());
      await gateway.write([set(LOW[0]), set(HIGH[0])]);
      high.replies.set("CLIENT", "").set("CLUSTER", "");
      high.cut();
      await until("it is let go", async () => high.connections === 0);
      say([low], [0, LAST_SLOT, low]);
      low.replies.set("EVALSHA", "-MOVED 42 127.0.0.1:1");
      expect((await gateway.write([set(LOW[0])]))[0]).to.have.nested.property("error.reply", "MOVED");
    });

    it("nowhere if no node is named", async () => {
      const message = "No node of the cluster is known.";
      expect(await failureOf(open([]).connect())).to.include({ code: "CONNECTION_LOST", message });
    });

    it("nowhere if nobody knows it, and says why: a refusal before a node that is away", async () => {
      open([low, high, guide]);
      await low.stop();
      for (const server of [high, guide]) server.replies.set("CLUSTER", "-NOPERM this user has no permissions");
      expect(await failureOf(gateway.connect())).to.include({ code: "REFUSED", reply: "NOPERM" });
      for (const server of [high, guide])
        server.replies.set("CLUSTER", "-ERR This instance has cluster support disabled");
      expect(await failureOf(gateway.ping())).to.include({ code: "REFUSED", reply: "ERR" });
    });

    it("again as soon as somebody knows it", async () => {
      open([guide]);
      guide.replies.set("CLUSTER", "*0");
      expect(await failureOf(gateway.connect())).to.include({ code: "NOT_SERVED", reply: "CLUSTERDOWN" });
      say([guide], [0, HALF - 1, low], [HALF, LAST_SLOT, high]);
      await gateway.connect();
      expect(gateway.isConnected).to.equal(true);
    });
  });

  describe("writes", () => {
    it("each key where it belongs, all of a node at once, and answers in the order of the batch", async () => {
      open();
      high.replies.set("EVAL", "$22\r\n1800000000000-0000-her");
      const outcomes = await gateway.write([set(LOW[0]), set(HIGH[0]), set(LOW[1])]);
      expect(outcomes).to.deep.equal([APPLIED, { kind: "superseded", by: "1800000000000-0000-her" }, APPLIED]);
      expect([keysWritten(low), keysWritten(high)]).to.deep.equal([[LOW[0], LOW[1]], [HIGH[0]]]);
    });

    it("that a node does not serve any more where the others say that it lies now, at once and only those", async () => {
      open();
      await gateway.write([set(LOW[0])]);
      say([low, high], [0, LAST_SLOT, high]);
      low.replies.set("EVALSHA", "-MOVED 42 127.0.0.1:1");
      expect(await gateway.write([set(HIGH[0]), set(LOW[0]), set(LOW[1])])).to.deep.equal([APPLIED, APPLIED, APPLIED]);
      expect(keysWritten(high)).to.deep.equal([HIGH[0], LOW[0], LOW[1]]);
      // Who has no slots any more is no primary.
      await until("it is let go", async () => low.connections === 0);
    });

    it("with the answer of each where no connection is left after it", async () => {
      say([low, high], [0, LAST_SLOT, low]);
      open();
      low.replies.set("EVAL", "-READONLY You can't write against a read only replica.");
      const [refused] = await gateway.write([set(LOW[0])]);
      expect([gateway.isConnected, refused?.kind]).to.deep.equal([false, "failed"]);
      expect(refused).to.have.nested.property("error.reply", "READONLY");
    });

    it("that nobody serves not at all, the others yes, and finds out anew who does", async () => {
      say([low, high], [0, HALF - 1, low]);
      open();
      const [applied, failed] = await gateway.write([set(LOW[0]), set(HIGH[0])]);
      expect([applied, failed?.kind]).to.deep.equal([APPLIED, "failed"]);
      expect(failed).to.have.property("error").that.includes({
        code: "CONNECTION_LOST",
        message: "No node of the cluster serves this key.",
      });
      say([low, high], [0, HALF - 1, low], [HALF, LAST_SLOT, high]);
      expect(await gateway.write([set(LOW[0]), set(HIGH[0])])).to.deep.equal([APPLIED, APPLIED]);
    });

    it("that are refused with the refusal of each, and the others", async () => {
      open();
      high.replies.set("EVAL", "-NOPERM this user has no permissions");
      const [failed, applied] = await gateway.write([set(HIGH[0]), set(LOW[0])]);
      expect(failed).to.have.nested.property("error.reply", "NOPERM");
      expect([applied, gateway.isConnected]).to.deep.equal([APPLIED, true]);
    });

    it("whose slot is on its way to another node not now, and follows nobody there", async () => {
      open();
      high.replies.set("EVAL", "-TRYAGAIN Multiple keys request during rehashing of slot");
      expect((await gateway.write([set(HIGH[0])]))[0]).to.have.nested.property("error.reply", "TRYAGAIN");
      expect(asked("EVAL", low, high)).to.deep.equal([0, 1]);
    });
  });

  describe("asks of one record only its node", () => {
    beforeEach(() => void open());

    it("what is there", async () => {
      high.replies.set("STRLEN", ":5").set("MGET", arrayReply("value", VERSION));
      expect(await gateway.read(HIGH[0])).to.deep.equal({ value: "value", version: VERSION, isDeleted: false });
      expect(asked("MGET", low, high)).to.deep.equal([0, 1]);
      expect(await failureOf(gateway.read(HIGH[0], 4))).to.have.property("code", "UNREADABLE_VALUE");
    });

    it("what was overwritten and kept", async () => {
      high.replies.set("HKEYS", arrayReply(VERSION)).set("HSTRLEN", ":4").set("HGET", "$4\r\nkept");
      expect(await gateway.listKept(HIGH[0])).to.deep.equal([{ version: VERSION, bytes: 4 }]);
      expect(await gateway.readKept(HIGH[0], VERSION)).to.equal("kept");
      expect(high.commands).to.deep.include(["HGET", HIGH[0].replace("notes", "~kept:notes"), VERSION]);
      expect(asked("H", low)).to.deep.equal([0]);
    });

    it("and passes on why it does not answer", async () => {
      high.replies.set("HKEYS", "-NOPERM no").set("MGET", "-CLUSTERDOWN The cluster is down");
      expect(await failureOf(gateway.listKept(HIGH[0]))).to.include({ code: "REFUSED", reply: "NOPERM" });
      expect(await failureOf(gateway.read(HIGH[0]))).to.include({ code: "NOT_SERVED", reply: "CLUSTERDOWN" });
    });

    it("and the next one where it is said to have moved", async () => {
      await gateway.connect();
      say([low, high], [0, LAST_SLOT, low]);
      high.replies.set("STRLEN", "-MOVED 42 127.0.0.1:1");
      low.replies.set("STRLEN", ":5").set("MGET", arrayReply("value", VERSION));
      expect(await gateway.read(HIGH[0])).to.have.property("value", "value");
    });
  });

  it("lets records live on at each node, and says of which it cannot tell", async () => {
    open();
    for (const server of [low, high])
      server.replies.set("GETRANGE", `$${VERSION.length}\r\n${VERSION}`).set("EXPIRE", ":1");
    const records = [LOW[0], HIGH[0], LOW[1]].map((redisKey) => ({ redisKey, ttlSeconds: 100 }));
    const state = { hasValue: true, version: VERSION, isDeleted: false };
    expect(await gateway.renew(records)).to.deep.equal([state, state, state]);
    expect(high.commands).to.deep.include(["EXPIRE", HIGH[0], "100"]);
    for (const reply of ["-NOPERM no", "-LOADING Redis is loading"]) {
      high.replies.set("GETRANGE", reply);
      expect(await gateway.renew(records)).to.deep.equal([state, undefined, state]);
    }
    expect(await gateway.renew([])).to.deep.equal([]);
  });

  describe("with a node that is away", () => {
    let clock: MovedClock;
    beforeEach(() => (clock = new MovedClock()));

    it("writes what the others have, and says of the rest that it may be tried again", async () => {
      open([low, high]);
      await high.stop();
      const [applied, failed] = await gateway.write([set(LOW[0]), set(HIGH[0])]);
      expect(applied).to.deep.equal(APPLIED);
      expect(failed).to.have.nested.property("error.code", "CONNECTION_LOST");
      expect(await failureOf(gateway.read(HIGH[0]))).to.have.property("code", "CONNECTION_LOST");
      await gateway.ping();
    });

    it("leaves it alone for five seconds after it could not be reached, and asks who has taken its place", async () => {
      open([low], clock);
      const port = high.port;
      await high.stop();
      await gateway.write([set(HIGH[0]), set(LOW[0])]);
      const asksBefore = asked("CLUSTER", low)[0]!;
      const [failed] = await gateway.write([set(HIGH[0])]);
      expect(failed).to.have.nested.property("error.message", `The node 127.0.0.1:${port} cannot be reached.`);
      expect(asked("CLUSTER", low)[0]).to.be.above(asksBefore);
      say([low], [0, LAST_SLOT, low]);
      expect(await gateway.write([set(HIGH[0])])).to.deep.equal([APPLIED]);
    });

    it("tries it again after five seconds", async () => {
      open([low], clock);
      const port = high.port;
      await high.stop();
      await gateway.write([set(HIGH[0]), set(LOW[0])]);
      high = await ScriptedServer.start({ port });
      clock.nowMs = NODE_PAUSE_MS - 1;
      await gateway.write([set(HIGH[0])]);
      expect(asked("EVAL", high)).to.deep.equal([0]);
      clock.nowMs = NODE_PAUSE_MS;
      expect(await gateway.write([set(HIGH[0])])).to.deep.equal([APPLIED]);
    });

    it("tries it again at once where only the connection was cut", async () => {
      open([low, high]);
      let losses = 0;
      gateway.onConnectionLost = () => losses++;
      await gateway.write([set(HIGH[0]), set(LOW[0])]);
      high.cut();
      await until("the loss is told", async () => losses === 1);
      expect(await gateway.write([set(HIGH[0])])).to.deep.equal([APPLIED]);
    });

    it("tries it again at once also where the connection was cut with something under way", async () => {
      clock.nowMs = PATIENT.commandMs - 1;
      open([low, high], clock);
      await gateway.write([set(HIGH[0]), set(LOW[0])]);
      high.replies.set("EVALSHA", "");
      const writing = gateway.write([set(HIGH[0]), set(LOW[0])]);
      await until("it is under way", async () => asked("EVALSHA", high)[0] === 1);
      high.cut();
      const [failed, applied] = await writing;
      expect([applied, failed?.kind]).to.deep.equal([APPLIED, "failed"]);
      expect(await gateway.write([set(HIGH[0])])).to.deep.equal([APPLIED]);
    });

    it("leaves it alone too where it takes what it is sent and does not answer", async () => {
      open([low, high], clock);
      await gateway.write([set(HIGH[0]), set(LOW[0])]);
      high.replies.set("EVALSHA", "");
      const writing = gateway.write([set(HIGH[0]), set(LOW[0])]);
      await until(
        "only it does not answer",
        async () => asked("EVALSHA", high, low).every((times) => times === 1) && clock.delaysMs.length === 1,
      );
      clock.nowMs = PATIENT.commandMs;
      clock.expire();
      const [failed, applied] = await writing;
      expect([applied, failed?.kind]).to.deep.equal([APPLIED, "failed"]);
      const [unreached] = await gateway.write([set(HIGH[0])]);
      expect(unreached).to.have.nested.property("error.message", `The node 127.0.0.1:${high.port} cannot be reached.`);
    });
  });

  it("fails as a whole where all nodes are away, as a lost connection does", async () => {
    open();
    await gateway.write([set(LOW[0]), set(HIGH[0])]);
    await Promise.all([low.stop(), high.stop()]);
    for (const work of [
      gateway.write([set(LOW[0])]),
      gateway.renew([set(LOW[0])]),
      gateway.read(LOW[0]),
      gateway.ping(),
    ])
      expect(await failureOf(work)).to.have.property("code", "CONNECTION_LOST");
    expect(gateway.isConnected).to.equal(false);
  });

  it("is closed for good, with all of its connections", async () => {
    open();
    await gateway.write([set(LOW[0]), set(HIGH[0])]);
    gateway.close();
    for (const work of [gateway.connect(), gateway.write([set(LOW[0])]), gateway.ping()])
      expect(await failureOf(work)).to.include({ code: "CONNECTION_LOST", message: "The mirror is closed." });
    for (const server of [low, high]) await until("it is closed", async () => server.connections === 0);
    expect(gateway.isConnected).to.equal(false);
  });

  it("is closed for good also before it has asked anybody", async () => {
    open([guide]).close();
    expect(await failureOf(gateway.connect())).to.have.property("message", "The mirror is closed.");
    expect(guide.accepted).to.equal(0);
  });

  it("settles what is under way when it is closed, and does not ask anybody else", async () => {
    open([guide]);
    guide.replies.set("CLUSTER", "");
    const connecting = failureOf(gateway.connect());
    await until("it is asked", async () => asked("CLUSTER", guide)[0] === 1);
    gateway.close();
    expect(await connecting).to.have.property("code", "CONNECTION_LOST");
    expect(low.connections + high.connections).to.equal(0);
  });
});
