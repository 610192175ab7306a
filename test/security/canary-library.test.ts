import { expect } from "chai";
import { createMirror, type Mirror, type MirrorOptions, RedisMirrored, RedisRestored, TOKENS } from "redis-mirrored";
import { hurriedMirror } from "../support/mirrors.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { type Canary } from "./canaries.js";
import * as bedding from "./canary-bed.js";
import { Emitted } from "./emitted.js";
import { Evidence } from "./evidence.js";
import { Told } from "./told.js";

const { CanaryBed, INSTRUCTIONS, KEYS, MCP_SETTINGS, PLANTED, PROFILES, SECRET, TASKS, TROUBLES, UNSENT, unspeakable } =
  bedding;

/** How soon a mirror is given up that has nobody to talk to. */
const SHORTLY = { timeoutMs: 300 };

/** A host in which everything goes wrong that can, and says what it should not. */
class Host {
  @RedisMirrored("provider")
  async store(_profiles: unknown): Promise<void> {}

  @RedisMirrored("provider", {
    value: () => {
      throw new Error(UNSENT.plant("a selector's error"));
    },
  })
  async storeByBrokenSelector(): Promise<void> {}

  @RedisRestored("provider", {
    adopt: () => {
      throw new Error(UNSENT.plant("an adoption's error"));
    },
  })
  async load(): Promise<unknown> {
    return undefined;
  }
}

/** Values that JSON cannot carry, each with a secret, and those that complain of it with one. */
function unsendable(): unknown[] {
  const plant = (place: string) => UNSENT.plant(place);
  const cycle: Record<string, unknown> = { apiKey: plant("a cycle") };
  cycle[plant("a cycle's name")] = cycle;
  const thrower = (place: string) => () => {
    throw new Error(plant(place));
  };
  return [
    { apiKey: plant("beside a number"), size: 1n },
    { [plant("the name of a map")]: new Map([[plant("a map's key"), plant("a map's value")]]) },
    cycle,
    { toJSON: thrower("toJSON's error") },
    Object.defineProperty({}, "apiKey", { enumerable: true, get: thrower("a getter's error") }),
    { apiKey: `${plant("a large one")}${"x".repeat(17 * 2 ** 20)}` },
  ];
}

describe("no secret leaves the library", function () {
  this.timeout(60_000);
  let bed: bedding.CanaryBed;
  let evidence: Evidence;
  before(async () => (bed = await CanaryBed.open()));
  after(() => bed.close());
  let emitted: Emitted;
  beforeEach(() => {
    evidence = new Evidence();
    emitted = new Emitted();
  });
  afterEach(() => emitted[Symbol.asyncDispose]());

  /** Nothing that was said holds any of them, nothing that went to Redis a secret. */
  async function expectNoLeak(): Promise<void> {
    await emitted.addTo(evidence);
    expect(evidence.leaksOf(unspeakable())).to.deep.equal([]);
    const outside = new Evidence();
    const credentials = bed.addTraffic(outside);
    await bed.addContent(outside);
    expect(outside.leaksOf(SECRET)).to.deep.equal([]);
    // As it was there to be found.
    const commands = new Evidence();
    for (const command of credentials) commands.add("a command", command);
    expect(commands.leaksOf(SECRET)).to.include.members(["a command: the password, in part"]);
  }

  function open(told: Told, options: MirrorOptions = {}) {
    const keys = [KEYS.first.text, KEYS.older.text];
    const opened = hurriedMirror(bed.proxy.port, {
      redis: bed.redis,
      keys,
      share: "live",
      logger: told.logger,
      ...options,
    });
    told.listenTo(opened.mirror);
    return opened;
  }

  function showAll(told: Told, mirror: Mirror): void {
    for (const [name, token] of Object.entries(TOKENS))
      if (mirror.container.isBound(token)) told.thing(name, mirror.container.get(token as symbol));
    told.thing("the mirror", mirror);
    told.thing("the mirror's status", mirror.status);
    told.thing("the container", mirror.container);
  }

  for (const trouble of TROUBLES) {
    it(`while Redis is ${trouble.name}`, async () => {
      const told = new Told(evidence, trouble.name);
      const { mirror, service } = open(told);
      mirror.install();
      const id = (record: string) => ({ userId: "alice", record });
      const host = new Host();
      const saveAll = async (round: number) => {
        await host.store({ ...PROFILES, round });
        service.set(id("mcpSettings"), { ...(MCP_SETTINGS as object), round });
        service.set(id("customInstructions"), `${INSTRUCTIONS} ${round}`);
        service.set(id("taskHistory"), TASKS.slice(0, round));
      };
      await saveAll(1);
      expect(await mirror.flush({ timeoutMs: 10_000 })).to.deep.equal({ flushed: true });
      const [version] = await mirror.history({ record: "provider" });

      await trouble.begin(bed);
      await saveAll(2);
      for (const value of unsendable()) service.set(id("provider"), value);
      service.set(id("mcpSettings"), PROFILES);
      await host.storeByBrokenSelector();
      await told.throwing("flush", () => mirror.flush(SHORTLY));
      const records = [
        "provider",
        "mcpSettings",
        "customInstructions",
        "taskHistory",
        "pinnedApiConfigs",
        "customModes",
      ];
      await Promise.all([
        told.throwing("load", () => host.load()),
        ...records.map((record) => told.throwing("get", () => service.get(id(record)))),
        ...records.map((record) => told.throwing("history", () => mirror.history({ record }))),
        ...records.map((record) =>
          told.throwing("readVersion", () => mirror.readVersion({ record, version: version!.version })),
        ),
        told.throwing("restore", () => mirror.restore({ record: "provider", version: version!.version })),
        told.throwing("adoptRemote", () => mirror.adoptRemote({ record: "taskHistory" }, () => {})),
      ]);
      showAll(told, mirror);
      await trouble.end(bed);
      await told.throwing("close", () => mirror.close({ timeoutMs: 2_000 }));
      showAll(told, mirror);

      const places = evidence.places.join("\n");
      expect(places).to.contain(`${trouble.name}: event dropped`);
      if (trouble !== bedding.HEALTHY) expect(places).to.match(/: event (failed|held|unreadable)/);
      await expectNoLeak();
      const emissions = evidence.places.join("\n");
      for (const place of [
        "channel redis-mirrored:dropped",
        "metric redis_mirrored.drops",
        "span redis_mirrored.batch",
      ])
        expect(emissions).to.contain(place);
    });
  }

  it("while a server quotes in its errors what it was sent, and more", async () => {
    const quoting = await ScriptedServer.start();
    const words = (place: string) => `-ERR unknown command, with args beginning with: '${PLANTED.plant(place)}'`;
    for (const command of ["EVALSHA", "EVAL", "GET", "MGET", "HGET", "HMGET", "HGETALL", "EXISTS", "STRLEN", "SCRIPT"])
      quoting.replies.set(command, words(command));
    const told = new Told(evidence, "quoting");
    const { mirror, service } = open(told, { redis: { ...bed.redis, port: quoting.port } });
    service.set({ userId: "alice", record: "provider" }, PROFILES);
    await told.throwing("flush", () => mirror.flush(SHORTLY));
    await told.throwing("get", () => service.get({ userId: "alice", record: "provider" }));
    await told.throwing("history", () => mirror.history({ record: "provider" }));
    showAll(told, mirror);
    await mirror.close(SHORTLY);
    await quoting.stop();
    expect(quoting.received).to.include.members(["AUTH", "EVALSHA"]);
    await emitted.addTo(evidence);
    expect(evidence.places.join("\n")).to.contain("history throws");
    expect(evidence.leaksOf(unspeakable())).to.deep.equal([]);
  });

  it("to sentinels, but for their own password", async () => {
    const sentinel = await ScriptedServer.start();
    const [sentinelUsername, sentinelPassword] = [
      UNSENT.plant("a sentinel's account"),
      UNSENT.plant("a sentinel's password"),
    ];
    const port = String(bed.proxy.port);
    sentinel.replies.set("SENTINEL", `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}`);
    const told = new Told(evidence, "sentinels");
    const sentinels = [`127.0.0.1:${sentinel.port}`];
    const { mirror, service } = open(told, { redis: { ...bed.redis, sentinels, sentinelUsername, sentinelPassword } });
    service.set({ userId: "alice", record: "provider" }, PROFILES);
    await told.throwing("flush", () => mirror.flush(SHORTLY));
    showAll(told, mirror);
    await mirror.close(SHORTLY);
    await sentinel.stop();
    const received = new Evidence();
    for (const [name, ...args] of sentinel.commands) if (name !== "AUTH") received.add(`${name}`, args.join(" "));
    expect(received.leaksOf(unspeakable())).to.deep.equal([]);
    expect(sentinel.commands).to.deep.include(["AUTH", sentinelUsername, sentinelPassword]);
    expect(evidence.leaksOf(unspeakable())).to.deep.equal([]);
  });

  it("where the settings are of no use", async () => {
    const plant = (place: string) => UNSENT.plant(place, (core) => `p@ss/${core}`);
    const text = (place: string) => UNSENT.plant(place, (core) => core);
    const wrong: readonly MirrorOptions[] = [
      { keys: [text("a passphrase")] },
      { keys: [`${KEYS.first.text}${KEYS.older.text}`] },
      { keys: [KEYS.first.text, plant("the second key")] },
      { env: { ROO_MIRROR_KEY: text("a passphrase in the environment") } },
      { env: { ROO_MIRROR_KEY: `${KEYS.first.text},` } },
      { redis: { url: `redis://user:${plant("a password that is not encoded")}@127.0.0.1` } },
      { redis: { url: `redis://user:${text("a password with a blank")} @127.0.0.1:x` } },
      { redis: { url: `http://${text("an account")}:${text("a password of a site")}@127.0.0.1` } },
      { redis: { url: text("no URL at all") } },
      { redis: { url: `redis://127.0.0.1/${text("a database")}` } },
      { redis: { password: { secret: text("a password in an object") } as unknown as string } },
      { redis: { sentinels: ["x"], sentinelPassword: [text("a password in a list")] as unknown as string } },
      { redis: { cluster: [`user:${text("a password of a node")}@127.0.0.1`] } },
      { redis: { tls: { ca: { key: text("a key for an authority") } as unknown as string } } },
      { env: { REDIS_URL: `rediss://:${plant("a password in the environment")}@127.0.0.1` } },
      { env: { REDIS_SENTINELS: `:${text("a password of a sentinel")}@127.0.0.1` } },
    ];
    for (const [index, options] of wrong.entries()) {
      const told = new Told(evidence, `wrong settings ${index}`);
      const mirror = createMirror({ userId: "alice", env: {}, ...options, logger: told.logger });
      told.listenTo(mirror);
      expect(mirror.status.state, String(index)).to.equal("misconfigured");
      showAll(told, mirror);
      await mirror.close();
    }
    await emitted.addTo(evidence);
    expect(evidence.leaksOf(unspeakable())).to.deep.equal([]);
  });

  it("where the kept key is none", async () => {
    for (const kept of [
      UNSENT.plant("a kept passphrase"),
      `${KEYS.first.text},${UNSENT.plant("a kept key", (core) => core)}`,
    ]) {
      const told = new Told(evidence, "a kept key");
      const { mirror, service } = open(told, { keys: [], secrets: { get: async () => kept, store: async () => {} } });
      service.set({ userId: "alice", record: "provider" }, PROFILES);
      await told.throwing("flush", () => mirror.flush(SHORTLY));
      await told.throwing("encrypting", () => mirror.container.get(TOKENS.KeyRing).encryptionKey());
      showAll(told, mirror);
      await mirror.close(SHORTLY);
    }
    await emitted.addTo(evidence);
    expect(evidence.places.join("\n")).to.contain("a kept key: event dropped").and.to.contain("encrypting throws");
    expect(evidence.leaksOf(unspeakable())).to.deep.equal([]);
  });

  it("unnoticed: one would be found in each of these places", async () => {
    const leaked = SECRET.find(({ name }) => name.includes("apiKey")) as Canary;
    const told = new Told(evidence, "a leak");
    const { mirror, service } = open(told, { records: [] });
    // As a record that nobody declared to be secret.
    service.set({ userId: "alice", record: "customInstructions" }, leaked.text);
    await mirror.flush({ timeoutMs: 10_000 });
    await service.get({ userId: "alice", record: "customInstructions" });
    await bed.order("HSET", "a hash", "field", leaked.text);
    await bed.order("RPUSH", "a list", leaked.text);
    await bed.order("SET", leaked.text, "a name");
    told.logger.debug(leaked.text);
    told.thing("event dropped", { detail: leaked.text });
    await told.throwing("restore", () => {
      throw new Error("fine", { cause: new Error(leaked.text) });
    });
    service.emit("held", { userId: "alice", record: leaked.text, reason: "" });
    service.emit("restoreEnded", { userId: "alice", record: leaked.text }, { outcome: "absent", durationMs: 1 });
    await mirror.close();
    await emitted.addTo(evidence);
    bed.addTraffic(evidence);
    await bed.addContent(evidence);
    await bed.order("FLUSHALL");
    expect(evidence.leaksOf([leaked])).to.include.members(
      [
        "the wire, requests",
        "the wire, replies",
        "the server's monitor",
        "Redis, roo:alice:customInstructions",
        "Redis, a hash",
        "Redis, a list",
        "Redis, a name",
        "a leak: log, debug",
        "a leak: event dropped, inspected",
        "a leak: restore throws, inspected",
        "channel redis-mirrored:held, inspected",
        "metric redis_mirrored.held, inspected",
        "metrics, as Prometheus sees them",
        "span redis_mirrored.restore, inspected",
      ].map((place) => `${place}: ${leaked.name}, in part`),
    );
  });
});
