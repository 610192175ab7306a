import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { expect } from "chai";
import {
  createMirror,
  installMirror,
  type Mirror,
  type MirrorEvents,
  type MirrorOptions,
  TOKENS,
} from "redis-mirrored";
import { Host } from "../aspect/decorated.js";
import { installedInterceptor } from "#dist/aspect/installed-interceptor.js";
import { installInterceptor } from "../support/containers.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY, Notes, SILENT } from "../support/mirrors.js";

const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));

/** Whether the Redis client was loaded before and after the first save; printed by a process of its own. */
const LOADING = `
import { createRequire } from "node:module";
import { installMirror, RedisMirrored } from "redis-mirrored";
const isLoaded = () => Object.keys(createRequire(process.cwd() + "/package.json").cache).some((file) => file.includes("@redis"));
const mirror = installMirror({ redis: { port: 1 }, userId: "alice", env: {}, logger: { info() {}, warn() {} } });
const afterInstall = isLoaded();
const descriptor = { value: () => {}, configurable: true };
RedisMirrored("customInstructions")({}, "save", descriptor).value("value");
await mirror.flush();
console.log(JSON.stringify({ afterInstall, afterSave: isLoaded() }));
`;

describe("the mirror", () => {
  let mirror: Mirror;
  let gateways: FakeGateway[];

  /** Each engine that the mirror makes gets a fake gateway of its own. */
  function install(options: MirrorOptions = {}): Mirror {
    mirror = installMirror({ userId: "alice", keys: [KEY], env: {}, logger: SILENT, ...options });
    gateways = [];
    fakeRedis();
    return mirror;
  }

  function fakeRedis(): void {
    if (!mirror.container.isBound(TOKENS.RedisGateway)) return;
    const gateway = new FakeGateway();
    gateways.push(gateway);
    mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
  }

  afterEach(() => mirror.close());

  it("mirrors what decorated methods save, once it is installed, and nothing once it is closed", async () => {
    const notes = new Notes();
    await notes.save("customInstructions", "before");
    install();
    await notes.save("customInstructions", "while installed");
    expect(await mirror.close()).to.deep.equal({ flushed: true });
    await notes.save("customInstructions", "after");
    expect([...gateways[0]!.store.values()]).to.deep.equal(['"while installed"']);
    expect(gateways[0]!.isClosed).to.equal(true);
    expect(mirror.status).to.include({ state: "disabled", pending: 0 });
  });

  it("is not found by decorators if it was only created", async () => {
    mirror = createMirror({ userId: "alice", env: {}, logger: SILENT });
    await new Notes().save("customInstructions", "value");
    expect(mirror.status).to.include({ state: "connecting", saves: 0 });
  });

  it("installs without the Redis client, which the first save loads", () => {
    install({ enabled: false });
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", LOADING], {
      encoding: "utf8",
      cwd: ROOT,
    });
    expect(JSON.parse(printed)).to.deep.equal({ afterInstall: false, afterSave: true });
  });

  const getter = { get: () => raise("a getter"), enumerable: true };
  const throwing = Object.defineProperty({}, "userId", getter) as MirrorOptions;
  const throwingInside = { redis: Object.defineProperty({}, "host", getter), logger: SILENT } as MirrorOptions;
  for (const [title, options] of [
    ["null", null],
    ["a number", 5],
    ["a getter that throws", throwing],
    ["a getter that throws inside", throwingInside],
    ["records that are none", { records: 3 }],
    [
      "a logger that throws",
      { redis: { port: -1 }, logger: { info: () => raise("logger"), warn: () => raise("logger") } },
    ],
  ] as const) {
    it(`never throws while it is installed, not for ${title} either`, () => {
      expect(() => (mirror = installMirror(options as MirrorOptions))).not.to.throw();
    });
  }

  it("says what is wrong with a setting, and lets every call through", async () => {
    const warnings: string[] = [];
    install({
      redis: { port: 70_000, database: -1 },
      logger: { info: () => {}, warn: (line) => void warnings.push(line) },
    });
    const reason =
      "Expected `redis.port` to be an integer from 1 to 65535, got `70000` (number); Expected `redis.database` to be an integer from 0 to 2147483647, got `-1` (number)";
    expect(mirror.status).to.include({ state: "misconfigured", reason });
    expect(warnings).to.deep.equal([`redis-mirrored is misconfigured: ${reason}. Local work is unaffected.`]);
    await new Notes().save("customInstructions", "value");
    expect(await mirror.flush()).to.deep.equal({ flushed: false, reason: "the mirror is misconfigured" });
  });

  it("is disabled by REDIS_ENABLED=false, and enabled while running", async () => {
    install({ env: { REDIS_ENABLED: "false" } });
    expect(mirror.status.state).to.equal("disabled");
    await mirror.enable();
    fakeRedis();
    await new Notes().save("customInstructions", "value");
    expect(await mirror.flush()).to.deep.equal({ flushed: true });
    expect(mirror.status.state).to.equal("connected");
  });

  it("swaps in the no-op at once when it is disabled, having flushed what was saved before", async () => {
    install();
    const notes = new Notes();
    await notes.save("customInstructions", "before");
    const disabled = mirror.disable();
    await notes.save("customInstructions", "after");
    await disabled;
    expect([...gateways[0]!.store.values()]).to.deep.equal(['"before"']);
    expect(gateways[0]!.isClosed).to.equal(true);
    expect(await mirror.flush()).to.deep.equal({ flushed: false, reason: "the mirror is disabled" });
  });

  it("mirrors again after it was disabled and enabled, also with what the host had rebound", async () => {
    install();
    await new Notes().save("customInstructions", "first");
    await Promise.all([mirror.disable(), mirror.enable()]);
    fakeRedis();
    await new Notes().save("customInstructions", "second");
    await mirror.flush();
    await mirror.enable();
    await mirror.disable();
    await mirror.disable();
    expect(gateways.map((gateway) => [...gateway.store.values()])).to.deep.equal([['"first"'], ['"second"']]);
  });

  it("lets go of the connection also where it is closed right after it was disabled", async () => {
    install();
    await new Notes().save("customInstructions", "last");
    await Promise.all([mirror.disable(), mirror.close()]);
    expect([...gateways[0]!.store.values()]).to.deep.equal(['"last"']);
    expect(gateways[0]!.isClosed).to.equal(true);
  });

  it("tells how it is, and what becomes of the saves", async () => {
    install();
    const told: string[] = [];
    for (const event of ["status", "flushed", "dropped", "failed"] as const) {
      mirror.on(
        event,
        (payload: MirrorEvents[typeof event][0]) => void told.push("state" in payload ? payload.state : event),
      );
    }
    const notes = new Notes();
    await notes.save("customInstructions", "value");
    await mirror.flush();
    await notes.save("customInstructions", new Map());
    await mirror.disable();
    expect(told).to.deep.equal(["flushed", "connected", "dropped", "disabled"]);
  });

  it("no longer tells a listener that was taken off", async () => {
    install();
    let told = 0;
    const listener = () => void told++;
    mirror.on("flushed", listener).off("flushed", listener);
    await new Notes().save("customInstructions", "value");
    await mirror.flush();
    expect(told).to.equal(0);
  });

  it("mirrors for whoever is signed in, and for nobody after the sign-out", async () => {
    install({ userId: () => undefined });
    const notes = new Notes();
    await notes.save("customInstructions", "of nobody");
    mirror.setUser("bob");
    await notes.save("customInstructions", "of bob");
    mirror.setUser(undefined);
    await notes.save("customInstructions", "of nobody again");
    await mirror.flush();
    expect([...gateways[0]!.store]).to.deep.equal([["roo:bob:customInstructions", '"of bob"']]);
  });

  it("tells when somebody else is signed in, by whatever says so, until it is closed", async () => {
    const set: Record<string, unknown> = {};
    const settings = { given: (name: string) => set[name] };
    install({ userId: undefined as never, settings, env: { ROO_USER_ID: "environment" } });
    const users: (string | undefined)[] = [];
    mirror.on("user", ({ userId }) => void users.push(userId));
    set["userId"] = "alice";
    await mirror.configure();
    await mirror.configure();
    for (const userId of ["bob", "bob", undefined, ""]) mirror.setUser(userId);
    await mirror.close();
    mirror.setUser("carol");
    expect(users).to.deep.equal(["alice", "bob", undefined]);
  });

  it("takes a user where the function that said who it is throws", () => {
    install({
      userId: () => {
        throw new Error("nobody knows");
      },
    });
    const users: (string | undefined)[] = [];
    mirror.on("user", ({ userId }) => void users.push(userId));
    mirror.setUser("bob");
    expect(users).to.deep.equal(["bob"]);
  });

  it("makes up at the sign-in for a restore that found no user", async () => {
    install({ userId: () => undefined });
    gateways[0]!.store.set("roo:bob:customInstructions", '"of bob"');
    const [empty, filled] = [new Host(), new Host()];
    await empty.load();
    await filled.load();
    await empty.initialize();
    filled.local.set("customInstructions", "saved before the sign-in");
    const restored = new Promise((resolve) => mirror.on("restored", resolve));
    mirror.setUser("bob");
    await restored;
    expect(empty.local.get("customInstructions")).to.equal("of bob");
    expect(filled.local.get("customInstructions")).to.equal("saved before the sign-in");
  });

  it("makes up for it at the next call where a function tells who is signed in", async () => {
    let userId: string | undefined;
    install({ userId: () => userId });
    gateways[0]!.store.set("roo:bob:customInstructions", '"of bob"');
    const host = new Host();
    for (let load = 0; load < 3; load++) await host.load();
    expect(host.loads).to.equal(3);
    userId = "bob";
    const restored = new Promise((resolve) => mirror.on("restored", resolve));
    await new Notes().save("taskHistory", []);
    await restored;
    expect(host.local.get("customInstructions")).to.equal("of bob");
    // Once more to see that it still is empty; not once for each time that it was asked for.
    expect(host.loads).to.equal(4);
  });

  it("leaves decorators to the container that was found before it, once it is closed", async () => {
    const seen: unknown[] = [];
    using _outer = installInterceptor({ around: (joinPoint) => seen.push(joinPoint.args[1]) });
    install();
    await new Notes().save("customInstructions", "inner");
    await mirror.close();
    await new Notes().save("customInstructions", "outer");
    expect(seen).to.deep.equal(["outer"]);
  });

  it("binds each part once again after a disable, whatever the host had rebound", async () => {
    install();
    mirror.container.rebind(TOKENS.Logger).toConstantValue(SILENT);
    await mirror.disable();
    await mirror.enable();
    const isBoundOnce = (token: symbol) => mirror.container.getAll(token).length === 1;
    expect(Object.values(TOKENS).every((token) => isBoundOnce(token as symbol))).to.equal(true);
  });

  it("does not tell the state of an engine that it has let go of", async () => {
    install();
    gateways[0]!.alwaysDown();
    const states: string[] = [];
    mirror.on("status", ({ state }) => void states.push(state));
    await new Notes().save("customInstructions", "lost");
    await mirror.disable();
    expect(states).to.deep.equal(["disabled"]);
  });

  it("is closed once, however often it is asked to be", async () => {
    install();
    await new Notes().save("customInstructions", "value");
    const closed = mirror.close();
    expect(mirror.close()).to.equal(closed);
    mirror.dispose();
    mirror[Symbol.dispose]();
    await mirror[Symbol.asyncDispose]();
    expect(await closed).to.deep.equal({ flushed: true });
    await mirror.enable();
    expect(mirror.status.state).to.equal("disabled");
  });

  it("does not put away a mirror that was installed after it", async () => {
    const first = install();
    const second = installMirror({ userId: "bob", env: {}, logger: SILENT });
    const gateway = new FakeGateway();
    second.container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
    await first.close();
    await new Notes().save("customInstructions", "value");
    await second.close();
    expect([...gateway.store.keys()]).to.deep.equal(["roo:bob:customInstructions"]);
  });

  it("leaves plain calls behind, however often it was installed", async () => {
    const mirror = install();
    mirror.install();
    await mirror.close();
    expect(installedInterceptor()).to.equal(undefined);
  });

  it("leaves plain calls behind, in whatever order several were closed", async () => {
    const first = install();
    const second = installMirror({ userId: "bob", env: {}, logger: SILENT });
    await first.close();
    await second.close();
    expect(installedInterceptor()).to.equal(undefined);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
