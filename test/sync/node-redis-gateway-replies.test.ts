import { inspect } from "node:util";
import { expect } from "chai";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import type { CollectionWrite, WireWrite } from "#dist/sync/redis-gateway.js";
import { addressOf } from "../support/redis-address.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { MovedClock } from "../support/moved-clock.js";
import { StoppedClock } from "../support/stopped-clock.js";
import { until } from "../support/until.js";

const CANARY = "sk-canary-in-plain-text";
const PATIENT = { connectMs: 60_000, commandMs: 60_000, perMebibyteMs: 60_000 };
const WRITE: WireWrite = {
  redisKey: "a",
  value: CANARY,
  ttlSeconds: 100,
  version: "1700000000000-0000-me",
  seen: undefined,
  keepsPrevious: false,
};

const MERGE: CollectionWrite = {
  redisKey: "a",
  version: WRITE.version,
  items: [{ id: "x", version: WRITE.version, seen: undefined, recency: 1, body: CANARY }],
  ttlSeconds: 100,
  limit: 50,
  isClear: false,
  keepsPrevious: false,
};

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("expected a failure"),
    (error: Error) => error,
  );
}

describe("the gateway on node-redis, facing what a server says seldom", () => {
  let scripted: ScriptedServer;
  let gateway: NodeRedisGateway;
  beforeEach(async () => {
    scripted = await ScriptedServer.start();
    gateway = new NodeRedisGateway(addressOf(scripted.port), PATIENT);
  });
  afterEach(async () => {
    gateway.close();
    await scripted.stop();
  });

  it("counts its connections", async () => {
    expect([gateway.connections, gateway.isConnected]).to.deep.equal([0, false]);
    await gateway.connect();
    await gateway.connect();
    expect([gateway.connections, gateway.isConnected]).to.deep.equal([1, true]);
  });

  it("sends the script's text to a server that has forgotten it, and its name to one that has not", async () => {
    await gateway.write([WRITE]);
    await gateway.write([WRITE]);
    scripted.replies.set("EVALSHA", "-NOSCRIPT No matching script.");
    expect(await gateway.write([WRITE])).to.deep.equal([{ kind: "applied" }]);
    expect(scripted.received.filter((name) => name.startsWith("EVAL"))).to.deep.equal([
      "EVAL",
      "EVALSHA",
      "EVALSHA",
      "EVAL",
    ]);
  });

  it("sends each script's text once a connection", async () => {
    await Promise.all([gateway.write([WRITE, WRITE]), gateway.merge([MERGE, MERGE])]);
    expect(scripted.received.filter((name) => name.startsWith("EVAL")).sort()).to.deep.equal([
      "EVAL",
      "EVAL",
      "EVALSHA",
      "EVALSHA",
    ]);
    scripted.replies.set("EVALSHA", "-NOSCRIPT No matching script.");
    expect((await gateway.merge([MERGE]))[0]).to.have.property("kind", "merged");
    expect(scripted.received.slice(-2)).to.deep.equal(["EVALSHA", "EVAL"]);
  });

  it("names the place for what is kept to a script that asks for it, and once", async () => {
    scripted.replies.set("EVAL", "+KEEP");
    expect(await gateway.write([WRITE, WRITE])).to.deep.equal([{ kind: "applied" }, { kind: "applied" }]);
    expect(scripted.received.slice(-3)).to.deep.equal(["EVAL", "EVALSHA", "EVALSHA"]);
    scripted.replies.set("EVALSHA", "+KEEP");
    expect((await gateway.merge([MERGE]))[0]).to.have.nested.property("error.reply", "KEEP");
    expect(scripted.received.slice(-2)).to.deep.equal(["EVAL", "EVALSHA"]);
  });

  it("does not wait for the answer to a write before it sends what is merged in the same turn", async () => {
    scripted.replies.set("EVAL", "");
    const both = [gateway.write([WRITE]), gateway.merge([MERGE])].map(failureOf);
    await until("both are sent", async () => scripted.received.filter((name) => name === "EVAL").length === 2);
    gateway.close();
    for (const error of await Promise.all(both)) expect(error).to.have.property("code", "CONNECTION_LOST");
  });

  it("survives a server that forgets the script and asks to keep something", async () => {
    await gateway.write([WRITE]);
    scripted.replies.set("EVALSHA", "-NOSCRIPT No matching script.").set("EVAL", "+KEEP");
    // The text was sent again, so that the next try goes by the name.
    expect((await gateway.write([WRITE]))[0]).to.have.nested.property("error.reply", "NOSCRIPT");
    expect(scripted.received.slice(-3)).to.deep.equal(["EVALSHA", "EVAL", "EVALSHA"]);
  });

  it("connects anew after READONLY: the primary may be another one now", async () => {
    scripted.replies.set("EVAL", "-READONLY You can't write against a read only replica.");
    expect((await gateway.write([WRITE]))[0]).to.have.nested.property("error.reply", "READONLY");
    expect(gateway.isConnected).to.equal(false);
    expect((await gateway.merge([MERGE]))[0]).to.have.nested.property("error.reply", "READONLY");
    expect(gateway.isConnected).to.equal(false);
  });

  it("connects anew after READONLY also where other writes of the batch were taken", async () => {
    scripted.replies.set("EVALSHA", "-READONLY You can't write against a read only replica.");
    expect((await gateway.write([WRITE, WRITE])).map(({ kind }) => kind)).to.deep.equal(["applied", "failed"]);
    expect(gateway.isConnected).to.equal(false);
  });

  for (const reply of ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"]) {
    it(`takes ${reply} for a node that does not serve this key now, and keeps the connection for the others`, async () => {
      scripted.replies.set("EVAL", `-${reply} 42 127.0.0.1:7001`).set("MGET", `-${reply} 42 127.0.0.1:7001`);
      expect((await gateway.write([WRITE]))[0])
        .to.deep.include({ kind: "failed" })
        .and.to.have.nested.property("error.code", "NOT_SERVED");
      expect(await failureOf(gateway.read("a"))).to.include({ code: "NOT_SERVED", reply });
      expect(gateway.isConnected).to.equal(true);
    });
  }

  it("does not take into memory what is larger than the mirror writes", async () => {
    scripted.replies.set("STRLEN", `:${512 * 2 ** 20}`).set("HSTRLEN", `:${512 * 2 ** 20}`);
    for (const reading of [gateway.read("a"), gateway.readKept("a", WRITE.version), gateway.readCollection("a")])
      expect(await failureOf(reading)).to.include({ code: "UNREADABLE_VALUE", message: "It is larger than 32 MiB." });
    scripted.replies.set("STRLEN", ":10").set("HSTRLEN", ":10");
    expect(await failureOf(gateway.readCollection("a", 19))).to.include({ code: "UNREADABLE_VALUE" });
    for (const name of ["MGET", "HGET", "HMGET"]) expect(scripted.received).not.to.include(name);
  });

  it("reads what is exactly as large as it may be", async () => {
    scripted.replies.set("STRLEN", ":4").set("MGET", "*2\r\n$4\r\ntext\r\n$-1");
    // The value, and as much again beside it.
    expect(await gateway.read("a", 8)).to.deep.equal({ value: "text", version: undefined, isDeleted: false });
    expect(await failureOf(gateway.read("a", 7))).to.have.property("code", "UNREADABLE_VALUE");
  });

  it("takes what is no text for absent, and what it may not measure for refused", async () => {
    const absent = { value: undefined, version: undefined, isDeleted: false };
    scripted.replies.set("STRLEN", "-WRONGTYPE Operation against a key").set("MGET", "*2\r\n$-1\r\n$-1");
    expect(await gateway.read("a")).to.deep.equal(absent);
    for (const reply of ["-NOPERM no", "-MOVED 42 127.0.0.1:7001"]) {
      scripted.replies.set("STRLEN", reply);
      expect(await failureOf(gateway.read("a"))).to.have.property("reply", reply.split(" ")[0]!.slice(1));
    }
    for (const reply of ["+OK", "*2\r\n:5\r\n:6", "*0"]) {
      scripted.replies.set("STRLEN", ":4").set("MGET", reply);
      expect(await gateway.read("a")).to.deep.equal(absent);
    }
  });

  it("lists what is kept of a record by version and size, and reads one of them", async () => {
    const [first, second] = ["1700000000000-0000-me", "1700000000001-0000-me"];
    scripted.replies.set("HKEYS", `*4\r\n$21\r\n${first}\r\n:5\r\n$4\r\nelse\r\n$21\r\n${second}`).set("HSTRLEN", ":7");
    scripted.replies.set("HGET", "$7\r\nbefore!");
    expect(await gateway.listKept("roo:a:x")).to.deep.equal([
      { version: first, bytes: 7 },
      { version: second, bytes: 7 },
    ]);
    expect(await gateway.readKept("roo:a:x", first)).to.equal("before!");
    const keptKey = "roo:a:~kept:x";
    expect(scripted.commands.filter(([name]) => name!.startsWith("H"))).to.deep.equal([
      ["HLEN", keptKey],
      ["HKEYS", keptKey],
      ["HSTRLEN", keptKey, first],
      ["HSTRLEN", keptKey, second],
      ["HSTRLEN", keptKey, first],
      ["HGET", keptKey, first],
    ]);
    scripted.replies.set("HLEN", ":1001");
    expect(await failureOf(gateway.listKept("roo:a:x"))).to.have.property("code", "UNREADABLE_VALUE");
    scripted.replies.set("HLEN", ":1000").set("HKEYS", "+OK").set("HGET", "$-1");
    expect(await gateway.listKept("roo:a:x")).to.deep.equal([]);
    expect(await gateway.readKept("roo:a:x", first)).to.equal(undefined);
  });

  it("gives each mebibyte of a value that is read its time", async () => {
    const clock = new StoppedClock();
    gateway = new NodeRedisGateway(
      addressOf(scripted.port),
      { ...PATIENT, commandMs: 1_000, perMebibyteMs: 8_000 },
      clock,
    );
    scripted.replies.set("MGET", "").set("HGET", "");
    for (const [length, readMs, keptMs] of [
      [`:${2 ** 20}`, 17_000, 9_000],
      [":0", 1_000, 1_000],
      ["+OK", 1_000, 1_000],
    ] as const) {
      scripted.replies.set("STRLEN", length).set("HSTRLEN", length);
      for (const [read, command, delayMs] of [
        // The value's length, and that of its version.
        [() => gateway.read("a"), "MGET", readMs],
        [() => gateway.readKept("a", WRITE.version), "HGET", keptMs],
      ] as const) {
        scripted.received.length = 0;
        const reading = failureOf(read());
        await until("it is asked for", async () => scripted.received.includes(command));
        expect(clock.delaysMs).to.deep.equal([delayMs]);
        clock.expire();
        expect(await reading).to.have.property("message", `No answer within ${delayMs} ms.`);
      }
    }
  });

  it("has no part in a cluster where the server knows no slots", async () => {
    scripted.replies.set("CLUSTER", "*0");
    expect(await failureOf(gateway.slotRanges())).to.include({ code: "NOT_SERVED", reply: "CLUSTERDOWN" });
    scripted.replies.set("CLUSTER", "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:7001");
    expect(await gateway.slotRanges()).to.deep.equal([
      { from: 0, to: 16_383, primary: { host: "127.0.0.1", port: 7_001 } },
    ]);
    expect(scripted.commands.filter(([name]) => name === "CLUSTER")).to.deep.equal([
      ["CLUSTER", "SLOTS"],
      ["CLUSTER", "SLOTS"],
    ]);
  });

  it("needs nobody who listens for the loss of its connection", async () => {
    await gateway.connect();
    scripted.cut();
    await until("it is noticed", async () => !gateway.isConnected);
    await gateway.ping();
  });

  it("does not call a connection lost that it never had", async () => {
    let losses = 0;
    gateway.onConnectionLost = () => losses++;
    scripted.replies.set("CLIENT", "");
    const connecting = failureOf(gateway.connect());
    await until("it is being made", async () => scripted.received.includes("CLIENT"));
    scripted.cut();
    expect(await connecting).to.have.property("code", "CONNECTION_LOST");
    expect(losses).to.equal(0);
  });

  it("does not let go of a connection because of what fails on the one before", async () => {
    await gateway.connect();
    scripted.replies.set("PING", "-LOADING Redis is loading");
    // Handed over in slices, and so under way still when the next connection is made.
    const writing = failureOf(gateway.write(Array.from({ length: 2_000 }, () => WRITE)));
    await failureOf(gateway.ping());
    await gateway.connect();
    expect(await writing).to.have.property("code", "CONNECTION_LOST");
    expect([gateway.isConnected, gateway.connections]).to.deep.equal([true, 2]);
  });

  it("hands over a hundred commands at once, the first without delay, and leaves the host its turns in between", async () => {
    await gateway.connect();
    for (const send of [
      (records: WireWrite[]) => gateway.write(records),
      (records: WireWrite[]) => gateway.renew(records),
    ]) {
      let turn = 0;
      let isOver = false;
      const turns: number[] = [];
      const nextTurn = () => {
        turn++;
        if (!isOver) setImmediate(nextTurn);
      };
      setImmediate(nextTurn);
      const record = {
        ...WRITE,
        get ttlSeconds() {
          turns.push(turn);
          return 100;
        },
      };
      await send(Array.from({ length: 250 }, () => record));
      isOver = true;
      const counts = [...new Set(turns)].map((each) => turns.filter((one) => one === each).length);
      expect(counts.map((count) => count / (turns.length / 250))).to.deep.equal([100, 100, 50]);
      expect(turns[0]).to.equal(0);
    }
  });

  for (const reply of ["LOADING", "MASTERDOWN", "BUSY"]) {
    it(`takes ${reply} for a server that is not there yet, and connects anew the next time`, async () => {
      await gateway.connect();
      scripted.replies.set("EVAL", `-${reply} not now`);
      const error = await failureOf(gateway.write([WRITE]));
      expect(error).to.include({ code: "CONNECTION_LOST", message: `Redis is not ready: ${reply}.` });
      expect(gateway.isConnected).to.equal(false);
      scripted.replies.delete("EVAL");
      expect(await gateway.write([WRITE])).to.deep.equal([{ kind: "applied" }]);
    });
  }

  for (const reply of ["MISCONF", "NOREPLICAS", "ERR", "WRONGTYPE"]) {
    it(`takes ${reply} for a refusal, and keeps the connection`, async () => {
      scripted.replies.set("EVAL", `-${reply} no`).set("MGET", `-${reply} no`);
      expect((await gateway.write([WRITE]))[0])
        .to.deep.include({ kind: "failed" })
        .and.to.have.nested.property("error.reply", reply);
      expect(await failureOf(gateway.read("a"))).to.include({ code: "REFUSED", reply });
      expect(gateway.isConnected).to.equal(true);
      expect(scripted.received.filter((name) => name.startsWith("EVAL"))).to.deep.equal(["EVAL"]);
    });
  }

  it("keeps to itself what an error reply quotes", async () => {
    for (const name of ["EVAL", "EVALSHA", "MGET", "PING"])
      scripted.replies.set(name, `-ERR unknown command with '${CANARY}'`);
    const errors = [
      ((await gateway.write([WRITE]))[0] as { error?: Error }).error,
      ((await gateway.merge([MERGE]))[0] as { error?: Error }).error,
      await failureOf(gateway.read("a")),
      await failureOf(gateway.ping()),
    ];
    gateway.close();
    gateway = new NodeRedisGateway(addressOf(scripted.port), PATIENT);
    scripted.replies.set("CLIENT", `-LOADING ${CANARY}`);
    errors.push(await failureOf(gateway.connect()));
    for (const error of errors) {
      expect(error).to.have.property("code");
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.to.contain(CANARY);
    }
  });

  for (const reply of [`-Denied: password '${CANARY}' is not known here`, `-unknown command, args: '${CANARY}'`, "-NO"])
    it(`repeats at most the first word of a reply: ${reply.replace(CANARY, "…")}`, async () => {
      scripted.replies.set("PING", reply);
      const error = await failureOf(gateway.ping());
      expect(error).to.include({ code: "REFUSED", reply: reply === "-NO" ? "NO" : "UNKNOWN" });
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.to.contain(CANARY);
      expect(gateway.isConnected).to.equal(true);
    });

  it("does not keep the process alive while it is connected and has nothing to do", async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((resource) => resource === "TCPSocketWrap").length;
    const before = sockets();
    await gateway.connect();
    // One more is the other end, which this process holds as well.
    expect(sockets() - before).to.equal(1);
  });
});

describe("the gateway on node-redis, on a server that stays silent", () => {
  let server: RedisServer;
  let gateway: NodeRedisGateway;
  beforeEach(async () => {
    server = await RedisServer.start();
    // This is about time, and names are as short and as long as can be.
    await (await server.client()).sendCommand(["ACL", "SETUSER", "default", "allkeys", "allchannels"]);
  });
  afterEach(async () => {
    gateway.close();
    server.thaw();
    await server.kill();
  });

  it("settles what is under way at once when it is closed, and does not call that a lost connection", async () => {
    gateway = new NodeRedisGateway(addressOf(server.port), PATIENT);
    let losses = 0;
    gateway.onConnectionLost = () => losses++;
    await gateway.connect();
    server.freeze();
    const underWay = [gateway.read("a"), gateway.write([WRITE]), gateway.ping()].map(failureOf);
    gateway.close();
    for (const error of await Promise.all(underWay))
      expect(error).to.include({ code: "CONNECTION_LOST", message: "The connection was closed." });
    expect(await failureOf(gateway.ping())).to.have.property("message", "The mirror is closed.");
    expect(losses).to.equal(0);
  });

  it("settles at once also what was sent and not answered when it is closed", async () => {
    gateway = new NodeRedisGateway(addressOf(server.port), PATIENT, new StoppedClock());
    await gateway.connect();
    server.freeze();
    const underWay = [gateway.read("a"), gateway.write([WRITE]), gateway.ping()].map(failureOf);
    await new Promise(setImmediate);
    gateway.close();
    for (const error of await Promise.all(underWay)) expect(error).to.have.property("code", "CONNECTION_LOST");
  });

  it("gives up connecting at its deadline, and connects once the server answers again", async () => {
    const clock = new StoppedClock();
    gateway = new NodeRedisGateway(addressOf(server.port), PATIENT, clock);
    server.freeze();
    const connecting = failureOf(gateway.connect());
    await until("its deadline has begun", async () => clock.delaysMs.length > 0);
    expect(clock.delaysMs).to.deep.equal([60_000]);
    clock.expire();
    expect(await connecting).to.include({ code: "CONNECTION_LOST", message: "No connection within 60000 ms." });
    server.thaw();
    await gateway.connect();
    await gateway.ping();
    expect([gateway.isConnected, clock.delaysMs]).to.deep.equal([true, []]);
  });

  it("tells an expired command only to the one who asked", async () => {
    const clock = new StoppedClock();
    gateway = new NodeRedisGateway(addressOf(server.port), PATIENT, clock);
    let losses = 0;
    gateway.onConnectionLost = () => losses++;
    await gateway.connect();
    server.freeze();
    const asking = failureOf(gateway.ping());
    await new Promise(setImmediate);
    clock.expire();
    expect(await asking).to.include({ code: "CONNECTION_LOST", message: "No answer within 60000 ms." });
    expect([gateway.isConnected, losses]).to.deep.equal([false, 0]);
  });

  it("does not let a read expire before the batch that it has to wait for", async () => {
    const clock = new MovedClock();
    gateway = new NodeRedisGateway(
      addressOf(server.port),
      { ...PATIENT, commandMs: 1_000, perMebibyteMs: 8_000 },
      clock,
    );
    await gateway.connect();
    server.freeze();
    clock.nowMs = 100_000;
    const writing = failureOf(gateway.write([{ ...WRITE, value: "x".repeat(2 ** 20) }]));
    await new Promise(setImmediate);
    clock.nowMs += 2_000;
    const readings = [failureOf(gateway.read("a")), failureOf(gateway.read("b"))];
    await new Promise(setImmediate);
    const [batchMs, firstMs, secondMs] = clock.delaysMs as [number, number, number];
    // The batch has had two seconds of its time, and the second read waits for the first too.
    expect([batchMs, firstMs - batchMs, secondMs - firstMs].map(Math.round)).to.deep.equal([9_002, -1_000, 1_000]);
    gateway.close();
    await Promise.all([writing, ...readings]);
  });

  it("gives each mebibyte of a batch its time", async () => {
    const clock = new StoppedClock();
    gateway = new NodeRedisGateway(addressOf(server.port), { ...PATIENT, commandMs: 1, perMebibyteMs: 1_000 }, clock);
    await gateway.connect();
    const delayMs = async (asking: Promise<unknown>) => {
      await new Promise(setImmediate);
      const [delay] = clock.delaysMs;
      await asking;
      return delay;
    };
    const large = [2 ** 20, 2 ** 19].map((size) => ({ ...WRITE, value: "é".repeat(size / 2) }));
    expect(await delayMs(gateway.write(large))).to.be.within(1_501, 1_503);
    // What each record takes beside its value counts as well: of many small ones it is the most.
    const small = Array.from({ length: 4_096 }, (_write, index) => ({ ...WRITE, redisKey: `a${index}`, value: "1" }));
    expect(await delayMs(gateway.write(small))).to.be.within(1_001, 1_100);
    expect(await delayMs(gateway.renew(small))).to.be.within(1_001, 1_100);
    const deletions = small.slice(0, 100).map((write) => ({ ...write, value: undefined }));
    expect(await delayMs(gateway.write(deletions))).to.equal(await delayMs(gateway.renew(deletions)));
    const longNames = Array.from({ length: 512 }, () => ({ ...WRITE, redisKey: "a".repeat(597), value: "" }));
    expect(await delayMs(gateway.renew(longNames))).to.be.closeTo(1_000, 2);
    expect(await delayMs(gateway.renewCollections(small))).to.be.within(1_001, 1_100);
    const items = [2 ** 20, 2 ** 19].map((size, index) => ({
      ...MERGE.items[0]!,
      id: `${index}`,
      body: "é".repeat(size / 2),
    }));
    expect(await delayMs(gateway.merge([{ ...MERGE, items }]))).to.be.within(1_501, 1_503);
    const gone = Array.from({ length: 8_192 }, (_item, index) => ({
      ...MERGE.items[0]!,
      id: `${index}`,
      body: undefined,
    }));
    expect(await delayMs(gateway.merge([{ ...MERGE, items: gone }]))).to.be.within(1_001, 1_100);
    const ids = Array.from({ length: 2_048 }, (_id, index) => `${index}`.padStart(512, "x"));
    expect(await delayMs(gateway.readTombstones("a", ids))).to.be.within(1_001, 1_010);
  });
});
