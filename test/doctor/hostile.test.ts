import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import type { MirrorOptions } from "redis-mirrored";
import { examine } from "#dist/doctor/examine.js";
import { systemClock } from "#dist/sync/clock.js";
import { canary, type Canary, keyCanary } from "../security/canaries.js";
import { Evidence } from "../security/evidence.js";
import { makeCertificate } from "../support/certificate.js";
import { saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { fileOf, startTlsServer } from "../support/tls-servers.js";
import { until } from "../support/until.js";
import { expectOne, findingsAt, findingsOf, of } from "./diagnosis.js";
import { IMPATIENT } from "./impatient-clock.js";

const plain = (core: string) => core;
const USERNAME = canary("the account's name", plain);
const PASSWORD = canary("the password");
const SENTINEL_PASSWORD = canary("the sentinels' password");
const VALUE = canary("a value");
const CANARIES: readonly Canary[] = [
  USERNAME,
  PASSWORD,
  SENTINEL_PASSWORD,
  VALUE,
  keyCanary("first"),
  keyCanary("second"),
];
const [FIRST, SECOND] = [keyCanary("first").text, keyCanary("second").text];

const OBEYED = "valkey_version:\u001b[2J\r\nmaxmemory:1\r\nmaxmemory_policy:\u001b[2J\u202eevil\r\n";

describe("the doctor, in a bad world", function () {
  this.timeout(20_000);
  let server: RedisServer;
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());

  describe("shows no secret", () => {
    let folder: TemporaryFolder;
    let lines: Evidence;
    const { log, warn, error, info, debug } = console;
    beforeEach(() => {
      folder = new TemporaryFolder();
      lines = new Evidence();
      for (const name of ["log", "warn", "error", "info", "debug"] as const)
        console[name] = (...args: unknown[]) => lines.add("the console", args.map(String).join(" "));
    });
    afterEach(() => {
      Object.assign(console, { log, warn, error, info, debug });
      folder.remove();
    });

    async function expectNothing(options: MirrorOptions, at?: number): Promise<number> {
      const findings =
        at === undefined
          ? await findingsOf(options, { clock: IMPATIENT, lookUp: async () => ["127.0.0.1"] })
          : await findingsAt(at, options);
      lines.addThing("the findings", findings);
      expect(lines.leaksOf(CANARIES)).to.deep.equal([]);
      expect(lines.places.filter((place) => place === "the console")).to.deep.equal([]);
      return findings.length;
    }

    it("where all is well, and what is there can be read or not", async () => {
      await (await server.client()).flushAll();
      await (
        await server.client()
      ).sendCommand(["ACL", "SETUSER", USERNAME.text, "on", `>${PASSWORD.text}`, "~*", "&*", "+@all"]);
      await saveBriefly(
        server.port,
        { keys: [FIRST] },
        {
          provider: { apiConfigs: { [VALUE.text]: { apiKey: VALUE.text } } },
        },
      );
      await saveBriefly(server.port, {}, { customInstructions: VALUE.text, taskHistory: [{ id: VALUE.text, ts: 1 }] });
      const redis = { username: USERNAME.text, password: PASSWORD.text };
      for (const keys of [[FIRST], [SECOND], [SECOND, FIRST]])
        expect(await expectNothing({ redis, keys, share: "live" }, server.port)).to.be.greaterThan(15);
      const url = `redis://${USERNAME.text}:${encodeURIComponent(PASSWORD.text)}@127.0.0.1:${server.port}/99`;
      await expectNothing({ redis: { url }, keys: [FIRST] });
    });

    it("where settings are wrong, or mixed up", async () => {
      const envs: Record<string, string>[] = [
        { REDIS_PORT: PASSWORD.text },
        { REDIS_HOST: PASSWORD.text },
        { REDIS_URL: `redis://user:a/${PASSWORD.text}@127.0.0.1` },
        { REDIS_URL: PASSWORD.text },
        { REDIS_DB: PASSWORD.text, REDIS_ENABLED: PASSWORD.text, ROO_MIRROR_SHARE: PASSWORD.text },
        { ROO_MIRROR_KEY: `${PASSWORD.text},${FIRST}` },
        { REDIS_SENTINELS: PASSWORD.text, REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD.text },
        { REDIS_CLUSTER: `:${PASSWORD.text}@127.0.0.1:1` },
      ];
      for (const env of envs) await expectNothing({ keys: [], env });
      const file = join(folder.path, "redis-mirrored", "key");
      mkdirSync(dirname(file));
      for (const text of [PASSWORD.text, `${FIRST},${PASSWORD.text}`, `${FIRST}\n${SECOND}`]) {
        writeFileSync(file, text);
        await expectNothing({ keys: [], env: { XDG_CONFIG_HOME: folder.path, REDIS_PORT: "1" } });
      }
    });

    it("where it is refused, or spoken to otherwise", async () => {
      const guarded = await RedisServer.start("--requirepass", "another");
      const encrypting = await startTlsServer(makeCertificate({}));
      const scripted = await ScriptedServer.start();
      scripted.replies.set("PING", "+PONG");
      // Who quotes what it was sent.
      for (const name of ["AUTH", "CLIENT", "HELLO", "INFO", "GET", "TIME", "SCAN"])
        scripted.replies.set(name, `-ERR invalid password '${PASSWORD.text}' of '${USERNAME.text}'`);
      const redis = { username: USERNAME.text, password: PASSWORD.text };
      for (const port of [1, guarded.port, encrypting.tlsPort, scripted.port]) await expectNothing({ redis }, port);
      scripted.replies.delete("AUTH");
      scripted.replies.delete("CLIENT");
      await expectNothing({ redis }, scripted.port);
      for (const port of [encrypting.tlsPort, server.port]) {
        const url = `rediss://${USERNAME.text}:${encodeURIComponent(PASSWORD.text)}@127.0.0.1:${port}`;
        await expectNothing({ redis: { url } });
      }
      const sentinels = [`127.0.0.1:${guarded.port}`, `127.0.0.1:${scripted.port}`];
      await expectNothing({
        redis: { ...redis, sentinels, sentinelPassword: SENTINEL_PASSWORD.text, sentinelUsername: USERNAME.text },
      });
      await expectNothing({ redis: { ...redis, cluster: sentinels } });
      await expectNothing({ redis, env: { REDIS_TLS_CA: fileOf(PASSWORD.text) } });
      for (const each of [guarded, encrypting.server]) await each.kill();
      await scripted.stop();
    });

    it("unnoticed: what is shown is found", async () => {
      const user = { userId: VALUE.text };
      lines.addThing("the findings", await findingsAt(server.port, user));
      expect(lines.leaksOf(CANARIES)).not.to.deep.equal([]);
    });
  });

  for (const [title, reply] of [
    ["numbers", ":42"],
    ["a number that is none", ":NaN"],
    ["nothing", "$-1"],
    ["no list", "*-1"],
    ["an empty list", "*0"],
    ["lists in lists", "*2\r\n*1\r\n*1\r\n:1\r\n*0"],
    ["a list of numbers", "*4\r\n:-1\r\n:999999999999999999\r\n:0\r\n$-1"],
    ["what a terminal would obey", `*4\r\n$6\r\nserver\r\n$4\r\n\u001b[2J\r\n$7\r\nversion\r\n$4\r\n\u001b[2J`],
    ["what a terminal would obey, in lines", `$${OBEYED.length}\r\n${OBEYED}`],
    ["an error that is none", "-\u001b[31m"],
    ["an error of many words", `-WEIRD \u001b[31m ${"x".repeat(10_000)}`],
    ["more than may be read", "$999999999"],
    ["an endless list", "*1000000000"],
    ["another protocol", "HTTP/1.1 200 OK"],
    ["RESP3", "%1\r\n+server\r\n+redis"],
    ["no answer", ""],
  ] as const)
    it(`is answered with ${title}`, async () => {
      const scripted = await ScriptedServer.start();
      const hosts = `127.0.0.1:${scripted.port}`;
      for (const name of [
        "HELLO",
        "INFO",
        "TIME",
        "SCAN",
        "CONFIG",
        "GET",
        "HSET",
        "EVAL",
        "SELECT",
        "SENTINEL",
        "CLUSTER",
        "PSUBSCRIBE",
      ])
        scripted.replies.set(name, reply);
      scripted.replies.set("PING", "+PONG");
      for (const redis of [{}, { database: 3 }, { sentinels: [hosts] }, { cluster: [hosts] }]) {
        const parts = { clock: IMPATIENT };
        const found = await findingsAt(scripted.port, { share: "live", redis }, parts);
        expect(found.length).to.be.greaterThan(5);
        for (const { message, remedy = "" } of found) {
          expect(message + remedy).to.match(/^[^\p{C}\p{Zl}\p{Zp}]*$/u);
          expect((message + remedy).length).to.be.lessThan(1_500);
        }
      }
      await until("all connections are over", async () => scripted.connections === 0);
      await scripted.stop();
    });

  it("is done within its time, whichever command is not answered", async () => {
    const scripted = await ScriptedServer.start();
    scripted.replies.set("PING", "+PONG");
    for (const silent of ["AUTH", "CLIENT", "HELLO", "SET", "TIME", "SCAN", "PSUBSCRIBE"]) {
      scripted.replies.set(silent, "");
      const beganMs = performance.now();
      const found = await findingsAt(scripted.port, { share: "live", redis: { password: "a" } }, { clock: IMPATIENT });
      // Ten seconds of its clock, and what a busy machine needs.
      expect(performance.now() - beganMs, silent).to.be.lessThan(3_000);
      expect(
        found.some(({ message }) => /No (answer|connection) within|could not/.test(message)),
        silent,
      ).to.equal(true);
      scripted.replies.delete(silent);
    }
    await scripted.stop();
  });

  it("says so where its time is over before it has seen everything", async () => {
    const proxy = await TcpProxy.start(server.port);
    let aheadMs = 0;
    // As if the way of this question had been very long.
    proxy.onRequest = (chunk) => void (aheadMs += chunk.includes("TIME") ? 20_000 : 0);
    const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
    const found = await findingsAt(proxy.port, {}, { clock });
    await proxy.stop();
    expectOne(found, "skipped", "note", "since the time for it was over: latency, records and decryption.");
  });

  it("leaves nothing open where nobody listens to the end", async () => {
    const all = (await findingsAt(server.port)).length;
    for (let heard = 1; heard <= all; heard++) {
      let count = 0;
      for await (const _finding of examine({
        userId: "alice",
        env: {},
        redis: { host: "127.0.0.1", port: server.port },
      }))
        if (++count === heard) break;
    }
    await until("all connections are over", async () => (await server.mirrorConnections()) === 0);
  });

  it("is given options that throw", async () => {
    const options = {
      get redis(): never {
        throw new Error("canary");
      },
    };
    const found: unknown[] = [];
    for await (const finding of examine(options)) found.push(finding);
    expect(JSON.stringify(found)).to.contain("settings").and.not.to.contain("canary");
    expect(of(found as [], "skipped")).to.have.length(1);
  });
});
