import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { expect } from "chai";
import type { RedisSyncService } from "redis-mirrored";
import type { FakeGateway } from "../support/fake-gateway.js";
import { ObservedEngines } from "../support/observed-engine.js";
import { Telemetry } from "../support/telemetry.js";

const RECORD = { userId: "alice", record: "customInstructions" };
const KEY = "roo:alice:customInstructions";

describe("spans", () => {
  let telemetry: Telemetry;
  let engines: ObservedEngines;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  beforeEach(async () => {
    telemetry = new Telemetry();
    engines = new ObservedEngines();
    ({ gateway, service } = engines.open());
    await engines.ready();
  });
  afterEach(async () => {
    await engines[Symbol.asyncDispose]();
    await telemetry[Symbol.asyncDispose]();
  });

  const shape = ({ name, kind, status, attributes }: ReadableSpan) => ({ name, kind, status: status.code, attributes });
  const durationMs = ({ duration: [seconds, nanoseconds] }: ReadableSpan) => seconds * 1_000 + nanoseconds / 1e6;

  it("are one a batch, of a client, and a root: of the saves it carries none is the cause", async () => {
    await context.with(trace.setSpan(context.active(), trace.getTracer("host").startSpan("a request")), async () => {
      service.set(RECORD, "saved");
      service.set({ ...RECORD, record: "customModes" }, []);
      await service.flush();
    });
    const [span, ...others] = telemetry.spans;
    expect(others).to.deep.equal([]);
    expect(span!.parentSpanContext).to.equal(undefined);
    expect(shape(span!)).to.deep.equal({
      name: "redis_mirrored.batch",
      kind: SpanKind.CLIENT,
      status: SpanStatusCode.UNSET,
      attributes: {
        "db.system.name": "redis",
        "db.operation.name": "PIPELINE",
        "db.operation.batch.size": 2,
        "redis_mirrored.batch.size": '"saved"[]'.length,
      },
    });
  });

  it("last as long as the batch did", async () => {
    const release = gateway.holdWrites();
    const started = new Promise((resolve) => service.on("batchStarted", resolve));
    const ended = new Promise<number>((resolve) => service.on("batchEnded", (_batch, end) => resolve(end.durationMs)));
    service.set(RECORD, "saved");
    await started;
    setTimeout(release, 5);
    const lasted = await ended;
    expect(durationMs(telemetry.spans[0]!)).to.be.closeTo(lasted, 1);
  });

  it("of a batch that fails say by which error", async () => {
    gateway.alwaysRefuse("OOM");
    const failed = new Promise((resolve) => service.on("failed", resolve));
    service.set(RECORD, "refused");
    await failed;
    const { status, attributes } = telemetry.spans[0]!;
    expect(status).to.deep.equal({ code: SpanStatusCode.ERROR });
    expect(attributes).to.include({ "error.type": "REFUSED" });
  });

  it("are one a restore, within the call that restores", async () => {
    gateway.store.set(KEY, '"mirrored"');
    const call = trace.getTracer("host").startSpan("load");
    await context.with(trace.setSpan(context.active(), call), async () => {
      const found = await service.findToRestore(RECORD);
      await service.adopt(RECORD, found!, async () => {});
    });
    const span = telemetry.spans[0]!;
    expect(span.parentSpanContext).to.deep.include({ spanId: call.spanContext().spanId });
    expect(shape(span)).to.deep.equal({
      name: "redis_mirrored.restore",
      kind: SpanKind.INTERNAL,
      status: SpanStatusCode.UNSET,
      attributes: {
        "db.system.name": "redis",
        "redis_mirrored.record": "customInstructions",
        "redis_mirrored.outcome": "restored",
      },
    });
  });

  it("of a restore that fails say how, and a mirror that has nothing is no failure", async () => {
    gateway.store.set(KEY, "no JSON");
    await service.findToRestore(RECORD);
    await service.findToRestore({ ...RECORD, record: "customModes" });
    expect(telemetry.spans.map(({ status, attributes }) => [status.code, attributes["error.type"]])).to.deep.equal([
      [SpanStatusCode.ERROR, "unreadable"],
      [SpanStatusCode.UNSET, undefined],
    ]);
  });

  it("are none any more of a mirror that is closed", async () => {
    await service.close();
    service.emit("restoreEnded", RECORD, { outcome: "absent", durationMs: 1 });
    expect(telemetry.spans).to.deep.equal([]);
  });

  let thrown: number;
  const fail = () => {
    thrown++;
    throw new Error("an SDK's own mistake");
  };
  for (const [title, getTracer] of [
    ["when a tracer is asked for", fail],
    ["when a span is made", () => ({ startSpan: fail, startActiveSpan: fail })],
  ] as const)
    it(`hurt nobody where the SDK throws ${title}`, async () => {
      thrown = 0;
      trace.disable();
      trace.setGlobalTracerProvider({ getTracer });
      ({ gateway, service } = engines.open());
      await engines.ready();
      service.set(RECORD, "saved");
      expect(await service.flush()).to.deep.equal({ flushed: true });
      expect(thrown).to.be.above(0);
      expect(gateway.store.get(KEY)).to.equal('"saved"');
    });
});
