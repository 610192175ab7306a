import { metrics } from "@opentelemetry/api";
import { expect } from "chai";
import type { MirrorEvents } from "redis-mirrored";
import { Metrics } from "#dist/observability/metrics.js";
import { MirrorEmitter, type MirrorStatus, NOTHING_DONE } from "#dist/sync/mirror-events.js";
import { ObservedEngines } from "../support/observed-engine.js";
import { Telemetry } from "../support/telemetry.js";

const RECORD = { userId: "alice", record: "customInstructions" };
const LABEL = { "redis_mirrored.record": "customInstructions" };

/** Tells what a test has it tell. */
class TellingMirror extends MirrorEmitter {
  status: MirrorStatus = { state: "connected", since: new Date(0), ...NOTHING_DONE };
}

describe("metrics", () => {
  let telemetry: Telemetry;
  let engines: ObservedEngines;
  beforeEach(() => {
    telemetry = new Telemetry();
    engines = new ObservedEngines();
  });
  afterEach(async () => {
    await engines[Symbol.asyncDispose]();
    await telemetry[Symbol.asyncDispose]();
  });

  const countOf = (state: string) => telemetry.value("redis_mirrored.mirror.count", { "redis_mirrored.state": state });

  it("count saves by record, those among them that came before the API was loaded", async () => {
    const { service } = engines.open();
    for (let save = 0; save < 3; save++) service.set(RECORD, save);
    service.set({ ...RECORD, record: "customModes" }, []);
    await engines.ready();
    expect(await telemetry.value("redis_mirrored.saves", LABEL)).to.equal(3);
    expect(await telemetry.value("redis_mirrored.saves")).to.equal(4);
  });

  it("tell what happened up to the close, and read nothing of a mirror that is closed", async () => {
    const { gateway, service } = engines.open();
    await engines.ready();
    gateway.alwaysDown();
    service.set(RECORD, "left behind");
    expect(await telemetry.value("redis_mirrored.pending.keys")).to.equal(1);
    expect(await telemetry.value("redis_mirrored.pending.size")).to.equal('"left behind"'.length);
    await service.close({ timeoutMs: 1 });
    expect(await telemetry.value("redis_mirrored.drops", { ...LABEL, "redis_mirrored.reason": "closed" })).to.equal(1);
    // And not what was read last, which an SDK repeats until it is told otherwise.
    expect(await telemetry.value("redis_mirrored.pending.keys")).to.equal(0);
    expect(await telemetry.value("redis_mirrored.mirror.count")).to.equal(0);
  });

  it("tell it also of a mirror that was closed before the API was loaded", async () => {
    const { service } = engines.open();
    service.set(RECORD, "soon over");
    await service.close();
    await engines.ready();
    expect(await telemetry.value("redis_mirrored.saves", LABEL)).to.equal(1);
    expect(await telemetry.value("redis_mirrored.mirror.count")).to.equal(0);
  });

  it("of two mirrors add up, and those of the one stay when the other is closed", async () => {
    const [first, second] = [engines.open(), engines.open()];
    await engines.ready();
    first.gateway.alwaysDown();
    const failed = new Promise((resolve) => first.service.on("failed", resolve));
    first.service.set(RECORD, "waits");
    await failed;
    const connected = new Promise((resolve) => second.service.on("status", resolve));
    second.service.set(RECORD, "arrives");
    await connected;
    expect([await countOf("connected"), await countOf("degraded")]).to.deep.equal([1, 1]);
    expect(await telemetry.value("redis_mirrored.saves", LABEL)).to.equal(2);
    expect(await telemetry.value("redis_mirrored.pending.keys")).to.equal(1);
    await second.service.close();
    expect([await countOf("connected"), await countOf("degraded")]).to.deep.equal([0, 1]);
    expect(await telemetry.value("redis_mirrored.saves", LABEL)).to.equal(2);
  });

  it("say each state and each state of the breaker, also those in which none is", async () => {
    const mirror = new TellingMirror();
    const recorder = new Metrics();
    const end = recorder.observe(mirror);
    recorder.start(await import("@opentelemetry/api"));
    mirror.status = { ...mirror.status, state: "misconfigured", breaker: "half-open" };
    const states = async (name: string, attribute: string) =>
      Object.fromEntries((await telemetry.points(name)).map(({ attributes, value }) => [attributes[attribute], value]));
    expect(await states("redis_mirrored.mirror.count", "redis_mirrored.state")).to.deep.equal({
      connected: 0,
      connecting: 0,
      degraded: 0,
      disabled: 0,
      misconfigured: 1,
    });
    expect(await states("redis_mirrored.breaker.count", "redis_mirrored.breaker.state")).to.deep.equal({
      closed: 0,
      open: 0,
      "half-open": 1,
    });
    end();
  });

  it("come of an SDK that is registered after the mirror was made", async () => {
    metrics.disable();
    const { service } = engines.open();
    await engines.ready();
    service.set(RECORD, "early");
    await service.flush();
    telemetry.register();
    service.set(RECORD, "late");
    await service.flush();
    expect(await telemetry.value("redis_mirrored.saves", LABEL)).to.equal(1);
    expect(await telemetry.value("redis_mirrored.lag", LABEL)).to.equal(1);
  });

  it("call nothing of an SDK within a save", async () => {
    const { service } = engines.open();
    await engines.ready();
    let calls = 0;
    metrics.disable();
    metrics.setGlobalMeterProvider({
      getMeter: (...args) => {
        calls++;
        return telemetry.meterProvider.getMeter(...args);
      },
    });
    service.set(RECORD, "saved");
    service.set(RECORD, new Map());
    expect(calls).to.equal(0);
    await service.flush();
    // As it would have been noticed.
    expect(calls).to.equal(1);
  });

  for (const [title, isThrowing] of [
    ["at whatever it is asked", () => true],
    ["only when something is recorded or counted", (name: string) => name === "record" || name === "add"],
  ] as const)
    it(`hurt nobody where the SDK throws ${title}`, async () => {
      let thrown = 0;
      const answering = (name: string): unknown =>
        new Proxy(() => {}, {
          get: (_target, member) => answering(String(member)),
          apply: () => {
            if (!isThrowing(name)) return answering(name);
            thrown++;
            throw new Error("an SDK's own mistake");
          },
        });
      metrics.disable();
      metrics.setGlobalMeterProvider(answering("provider") as ReturnType<typeof metrics.getMeterProvider>);
      const { gateway, service } = engines.open();
      service.set(RECORD, "saved");
      await engines.ready();
      expect(await service.flush()).to.deep.equal({ flushed: true });
      expect(gateway.store.get("roo:alice:customInstructions")).to.equal('"saved"');
      expect(await service.close()).to.deep.equal({ flushed: true });
      expect(thrown).to.be.above(0);
    });

  it("advise buckets for what takes from a millisecond to hours", async () => {
    const { service } = engines.open();
    await engines.ready();
    service.set(RECORD, "saved");
    await service.flush();
    const boundaries = async (name: string) => (await telemetry.points(name))[0]!.boundaries!;
    const duration = await boundaries("db.client.operation.duration");
    expect([duration[0], duration.at(-1)]).to.deep.equal([0.001, 10]);
    const lag = await boundaries("redis_mirrored.lag");
    expect([lag[0], lag.at(-1)]).to.deep.equal([0.1, 28_800]);
  });

  it("name as attributes only what has few values, and nobody's id", async () => {
    const mirror = new TellingMirror();
    const recorder = new Metrics();
    const end = recorder.observe(mirror);
    recorder.start(await import("@opentelemetry/api"));
    const tell = <Event extends keyof MirrorEvents>(event: Event, ...args: MirrorEvents[Event]) =>
      mirror.emit(event, ...args);
    tell("dropped", { userId: "alice", record: "storeProfiles", reason: "selector", detail: "a selector threw" });
    tell("held", { ...RECORD, reason: "Redis refused: NOPERM." });
    tell("unreadable", { ...RECORD, detail: "It is not JSON.", items: 3 });
    tell("failed", { reason: "The connection failed: ECONNRESET.", code: "CONNECTION_LOST", keys: 2 });
    const seen = (await telemetry.points())
      .filter(({ name }) => !/count$|pending/.test(name))
      .map(({ name, attributes, value }) => [name, attributes, value]);
    expect(seen).to.deep.equal([
      ["redis_mirrored.drops", { "redis_mirrored.reason": "selector" }, 1],
      ["redis_mirrored.failures", { "error.type": "CONNECTION_LOST" }, 1],
      ["redis_mirrored.held", LABEL, 1],
      ["redis_mirrored.unreadable", LABEL, 3],
    ]);
    end();
  });
});
