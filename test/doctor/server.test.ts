import { expect } from "chai";
import { systemClock } from "#dist/sync/clock.js";
import { DISKLESS_REPLICATION, RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { expectOne, findingsAt, findingsOf, of, troubles } from "./diagnosis.js";
import { IMPATIENT } from "./impatient-clock.js";

const HOUR_MS = 3_600_000;

/** As the protocol has it. */
const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}`;
const array = (...words: string[]) => `*${words.length}\r\n${words.map(bulk).join("\r\n")}`;

describe("the doctor, of the server", () => {
  let server: RedisServer;
  let send: (...command: string[]) => Promise<unknown>;
  const running: { kill?(): Promise<void>; stop?(): Promise<void> }[] = [];
  before(async () => {
    server = await RedisServer.start();
    const client = await server.client();
    send = (...command) => client.sendCommand(command);
  });
  after(() => server.kill());
  afterEach(async () => {
    for (const each of running.splice(0)) await (each.kill?.() ?? each.stop?.());
  });

  function run<Running extends (typeof running)[number]>(started: Running): Running {
    running.push(started);
    return started;
  }

  /** A server that says of itself what it is told to. */
  async function claiming(replies: Record<string, string>): Promise<ScriptedServer> {
    const scripted = run(await ScriptedServer.start());
    for (const [name, reply] of Object.entries({ PING: "+PONG", ...replies })) scripted.replies.set(name, reply);
    return scripted;
  }

  describe("how it lets us in", () => {
    it("wants a password, or another one, or none", async () => {
      const guarded = run(await RedisServer.start("--requirepass", "secret"));
      const missing = await findingsAt(guarded.port);
      expectOne(
        missing,
        "authentication",
        "error",
        "wants a password, and the settings have none",
        "Set REDIS_PASSWORD",
      );
      expectOne(missing, "skipped", "note", "since the server did not let us in: server, role");
      const wrong = await findingsAt(guarded.port, { redis: { password: "canary" } });
      expectOne(wrong, "authentication", "error", "does not accept", "Correct REDIS_USERNAME and redis.password");
      const byUrl = await findingsOf({ env: { REDIS_URL: `redis://nobody:canary@127.0.0.1:${guarded.port}` } });
      const correction = "Correct the account of REDIS_URL and the password of REDIS_URL";
      expectOne(byUrl, "authentication", "error", "does not accept", correction);
      const redis = { url: `redis://:canary@127.0.0.1:${guarded.port}` };
      const settings = { given: () => undefined, askPassword: async () => "secret" };
      const byOption = await findingsOf({ env: {}, redis, settings });
      expectOne(byOption, "authentication", "error", "does not accept", "and redis.password");
      expect(JSON.stringify(wrong)).not.to.contain("canary");
      const right = await findingsAt(guarded.port, { redis: { password: "secret" } });
      expectOne(right, "authentication", "ok", "The password is accepted.");
      const superfluous = await findingsAt(server.port, { redis: { password: "canary" } });
      expectOne(superfluous, "authentication", "error", "did not understand the log-in", "or remove it");
    });

    it("asks for nothing, on this machine, or for everybody", async () => {
      expectOne(await findingsAt(server.port), "authentication", "ok", "The server asks for no password.");
      const open = await findingsAt(server.port, { redis: { host: "0.0.0.0" } });
      expectOne(open, "authentication", "warning", "whoever reaches it can read", "docs/access.md");
    });

    it("takes an account of its own", async () => {
      await send("ACL", "SETUSER", "ours", "on", ">secret", "~*", "&*", "+@all");
      const found = await findingsAt(server.port, { redis: { username: "ours", password: "secret" } });
      expectOne(found, "authentication", "ok", "The account and its password are accepted.");
    });
  });

  it("says which it is", async () => {
    expectOne(await findingsAt(server.port), "server", "ok", /is Redis \d+\.\d+\.\d+\.$/);
    const hello = (version: string) =>
      array("server", "redis", "version", version, "mode", "standalone", "role", "master");
    for (const [replies, severity, what] of [
      [
        { HELLO: hello("7.2.4"), INFO: bulk("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.10\r\n") },
        "ok",
        "is Valkey 8.1.10.",
      ],
      [
        { HELLO: hello("6.3.4"), INFO: bulk("redis_version:6.3.4\r\n\r\n# KeyDB\r\nmvcc_depth:0\r\n") },
        "note",
        "is KeyDB 6.3.4, with which",
      ],
      [
        { HELLO: hello("6.2.11"), INFO: bulk("redis_version:6.2.11\r\ndragonfly_version:df-v1.40.1\r\n") },
        "note",
        "is Dragonfly 1.40.1, with which",
      ],
      [{ HELLO: array("server", "other", "version", "1.0") }, "warning", "is other 1.0: older than"],
      [
        { HELLO: "-ERR unknown command 'HELLO'", INFO: bulk("redis_version:5.0.14\r\n") },
        "warning",
        "is Redis 5.0.14: older than 6.0",
      ],
      [{ HELLO: hello("8.10.1") }, "ok", "is Redis 8.10.1."],
      [{ HELLO: "*0", INFO: "-NOPERM" }, "ok", "is Redis of a version that it does not tell."],
    ] as const) {
      const scripted = await claiming(replies);
      expectOne(await findingsAt(scripted.port), "server", severity, what);
    }
  });

  it("is a sentinel, or a node of a cluster, and named as what it is not", async () => {
    for (const [mode, message, remedy] of [
      ["cluster", "is a node of a cluster", "REDIS_CLUSTER"],
      ["sentinel", "is a sentinel, and holds no records", "REDIS_SENTINELS"],
    ] as const) {
      const scripted = await claiming({ HELLO: array("server", "redis", "version", "7.0.15", "mode", mode) });
      const [, finding] = of(await findingsAt(scripted.port), "server");
      expect(finding).to.include({ severity: "error" });
      expect(finding!.message).to.contain(message);
      expect(finding!.remedy).to.contain(remedy);
    }
  });

  it("is a replica", async () => {
    const primary = run(await RedisServer.start(...DISKLESS_REPLICATION));
    const replica = run(await RedisServer.start("--replicaof", `127.0.0.1 ${primary.port}`));
    await until("it is linked", async () =>
      (await (await replica.client()).info("replication")).includes("master_link_status:up"),
    );
    const found = await findingsAt(replica.port);
    expectOne(found, "role", "error", "is a replica, which refuses to be written to", "set REDIS_SENTINELS");
    expectOne(await findingsAt(server.port), "role", "ok", "is a primary.");
  });

  it("has the database, or not", async () => {
    await send("SELECT", "1");
    await send("SET", "somebody's", "1");
    await send("SELECT", "0");
    expectOne(
      await findingsAt(server.port, { redis: { database: 1 } }),
      "database",
      "ok",
      "Database 1 is there, with 1 key",
    );
    const missing = await findingsAt(server.port, { share: "live", redis: { database: 16 } });
    expectOne(missing, "database", "error", "There is no database 16", "Set redis.database to a smaller number");
    // Of what comes of that, nothing more.
    expect(troubles(missing)).to.have.length(1);
    expectOne(missing, "skipped", "note", "since the database cannot be used: records and decryption.");
    expectOne(missing, "sharing", "ok", "is heard of");
    const env = { REDIS_URL: `redis://127.0.0.1:${server.port}/16` };
    const named = await findingsOf({ env });
    expectOne(
      named,
      "database",
      "error",
      "There is no database 16",
      "Set the database of REDIS_URL to a smaller number",
    );
    await send("ACL", "SETUSER", "unselecting", "on", ">secret", "~*", "&*", "+@all", "-select");
    const redis = { username: "unselecting", password: "secret", database: 1 };
    const unselected = await findingsAt(server.port, { redis });
    expectOne(unselected, "database", "error", "may not use database 1", "+select");
    expect(troubles(unselected)).to.have.length(1);
    await send("FLUSHALL");
  });

  describe("what it keeps", () => {
    afterEach(() => send("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction", "save", ""));

    it("removes keys for want of memory, the mirror's too", async () => {
      expectOne(await findingsAt(server.port), "eviction", "ok", "no limit of memory of its own (noeviction)");
      await send("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
      expectOne(await findingsAt(server.port), "eviction", "ok", "(allkeys-lru)");
      for (const policy of ["allkeys-lru", "volatile-ttl"]) {
        await send("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", policy);
        expectOne(
          await findingsAt(server.port),
          "eviction",
          "warning",
          `the mirror's among them (${policy})`,
          "noeviction",
        );
      }
      await send("CONFIG", "SET", "maxmemory-policy", "noeviction");
      expectOne(await findingsAt(server.port), "eviction", "ok", "(noeviction)");
    });

    it("is nearly full", async () => {
      expectOne(await findingsAt(server.port), "memory", "ok", /^[\d.]+ [KM]iB in use, and no limit\.$/);
      await send("CONFIG", "SET", "maxmemory", "100mb");
      expectOne(await findingsAt(server.port), "memory", "ok", "of 100.0 MiB in use (");
      const info = (policy: string) =>
        bulk(`used_memory:95\r\nmaxmemory:100\r\nmaxmemory_policy:${policy}\r\naof_enabled:1\r\n`);
      const refusing = await claiming({ INFO: info("noeviction") });
      expectOne(
        await findingsAt(refusing.port),
        "memory",
        "warning",
        "95 B of 100 B in use (95 %): when it is full",
        "maxmemory",
      );
      const evicting = await claiming({ INFO: info("allkeys-lfu") });
      expectOne(await findingsAt(evicting.port), "memory", "note", "(95 %)");
    });

    it("refuses to be written to", async () => {
      await send("CONFIG", "SET", "maxmemory", "1");
      expectOne(
        troubles(await findingsAt(server.port)),
        "rights",
        "error",
        "no memory left (OOM)",
        "Raise `maxmemory`",
      );
      for (const [word, remedy] of [
        ["MISCONF", "disk"],
        ["NOREPLICAS", "min-replicas-to-write"],
      ] as const) {
        const scripted = await claiming({ SET: `-${word} for some reason` });
        expectOne(troubles(await findingsAt(scripted.port)), "rights", "error", `(${word})`, remedy);
      }
      const demanding = run(await RedisServer.start("--min-replicas-to-write", "1"));
      expectOne(troubles(await findingsAt(demanding.port)), "rights", "error", "too few replicas");
    });

    it("outlives a restart, or does not", async () => {
      expectOne(await findingsAt(server.port), "persistence", "note", "a restart empties it", "appendonly yes");
      await send("CONFIG", "SET", "save", "900 1");
      expectOne(await findingsAt(server.port), "persistence", "ok", "makes snapshots");
      const logging = run(await RedisServer.start("--appendonly", "yes", "--appenddirname", `aof-${server.port}`));
      expectOne(await findingsAt(logging.port), "persistence", "ok", "logs each change");
      const failing = await claiming({ INFO: bulk("rdb_last_bgsave_status:err\r\naof_enabled:0\r\n") });
      expectOne(await findingsAt(failing.port), "persistence", "warning", "could not write its last snapshot", "disk");
    });
  });

  it("has another time", async () => {
    const at = (aheadMs: number) =>
      findingsAt(server.port, {}, { clock: { ...systemClock, wallNow: () => Date.now() + aheadMs } });
    expectOne(await at(0), "clock", "ok", "agree within a second");
    expectOne(await at(500), "clock", "ok", "agree");
    expectOne(
      await at(90_000),
      "clock",
      "note",
      /^This machine's clock is (90\.\d|89\.9) s ahead of the server's\./,
      "NTP",
    );
    expectOne(await at(-5 * HOUR_MS), "clock", "note", "is 5 hours behind the server's");
    expectOne(await at(25 * HOUR_MS), "clock", "error", "is 25 hours ahead of the server's", "timedatectl");
    expectOne(await at(-72 * HOUR_MS), "clock", "error", "is 3 days behind");
  });

  it("has another time, less what the way takes", async () => {
    const proxy = await TcpProxy.start(server.port);
    running.push(proxy);
    let waitedMs = 0;
    proxy.onRequest = (chunk) => void (waitedMs += chunk.includes("TIME") ? 3_000 : 0);
    const at = async (aheadMs: number) => {
      const clock = {
        ...systemClock,
        now: () => systemClock.now() + waitedMs,
        wallNow: () => Date.now() + aheadMs,
      };
      return findingsAt(proxy.port, {}, { clock });
    };
    expectOne(await at(0), "clock", "ok", "agree within a second");
    expectOne(await at(3_000), "clock", "note", /is (3\.0|2\.9) s ahead of/);
  });

  it("is slow, or further away than a restore waits", async () => {
    expectOne(await findingsAt(server.port), "latency", "ok", /^A round trip takes \d+(\.\d)? ms\.$/);
    const proxy = await TcpProxy.start(server.port);
    running.push(proxy);
    proxy.delayMs = 6;
    const parts = { clock: IMPATIENT };
    const slow = await findingsAt(proxy.port, { timings: { readTimeoutMs: 10_000 } }, parts);
    expectOne(slow, "latency", "note", /^A round trip takes \d{3,4} ms\./, "nearer");
    // The way is not the clock's.
    expectOne(slow, "clock", "ok", "agree");
    const farther = await findingsAt(proxy.port, { timings: { readTimeoutMs: 110 } }, parts);
    expectOne(farther, "latency", "warning", "longer than a restore waits (110 ms)", "nearer");
  });

  it("stops answering in the midst of it", async () => {
    const proxy = await TcpProxy.start(server.port);
    running.push(proxy);
    proxy.onRequest = (chunk) => {
      if (chunk.includes("TIME")) proxy.cutAll();
    };
    const found = await findingsAt(proxy.port);
    expectOne(found, "clock", "error", "could not be looked at to its end", "support-bundle");
    expectOne(found, "skipped", "note", "since the server stopped answering: latency, records and decryption.");
    expect(troubles(found)).to.have.length(1);
    await until("all connections are over", async () => (await server.mirrorConnections()) === 0);
  });

  it("takes its settings from the environment", async () => {
    const env = { REDIS_URL: `redis://127.0.0.1:${server.port}`, ROO_USER_ID: "bob" };
    const found = await findingsOf({ env, userId: "" });
    expect(troubles(found)).to.deep.equal([]);
    expectOne(found, "records", "ok", "`bob`");
  });
});
