import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";
import { expect } from "chai";
import type { RedisSyncService } from "redis-mirrored";
import type { FakeGateway } from "../support/fake-gateway.js";
import { ObservedEngines } from "../support/observed-engine.js";

const RECORD = { userId: "alice", record: "customInstructions" };

describe("diagnostics channels", () => {
  let engines: ObservedEngines;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  let ends: (() => void)[];
  beforeEach(() => {
    engines = new ObservedEngines(async () => undefined);
    ({ gateway, service } = engines.open());
    ends = [];
  });
  afterEach(async () => {
    for (const end of ends) end();
    await engines[Symbol.asyncDispose]();
  });

  function messagesOf(name: string): unknown[] {
    const messages: unknown[] = [];
    const onMessage = (message: unknown) => void messages.push(message);
    subscribe(name, onMessage);
    ends.push(() => unsubscribe(name, onMessage));
    return messages;
  }

  /** What is published while something goes on: which of the five, and the message as it is then. */
  function courseOf(name: string): [string, Record<string, unknown>][] {
    const course: [string, Record<string, unknown>][] = [];
    const noting = (event: string) => (message: object) => void course.push([event, { ...message }]);
    const subscribers = {
      start: noting("start"),
      end: noting("end"),
      asyncStart: noting("asyncStart"),
      asyncEnd: noting("asyncEnd"),
      error: noting("error"),
    };
    const tracing = tracingChannel<unknown, object>(name);
    tracing.subscribe(subscribers);
    ends.push(() => tracing.unsubscribe(subscribers));
    return course;
  }

  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

  it("say of a save which record it is, and not whose", () => {
    const saved = messagesOf("redis-mirrored:saved");
    service.set(RECORD, "saved");
    expect(saved).to.deep.equal([{ record: "customInstructions" }]);
  });

  it("say what is dropped, held, refused and paused, in the words of the events, without a user", async () => {
    const names = ["dropped", "failed", "breaker", "status", "held", "unreadable", "skew", "remoteChange", "unheard"];
    const messages = Object.fromEntries(names.map((name) => [name, messagesOf(`redis-mirrored:${name}`)]));
    service.set(RECORD, new Map());
    gateway.alwaysRefuse("OOM");
    const failed = new Promise((resolve) => service.on("failed", resolve));
    service.set(RECORD, "refused");
    await failed;
    await nextTurn();
    service.emit("held", { ...RECORD, reason: "Redis refused: NOPERM." });
    service.emit("unreadable", { ...RECORD, detail: "It is not JSON." });
    service.emit("breaker", { from: "closed", to: "open", reason: "Redis refused: OOM." });
    service.emit("skew", { writer: "theirs", aheadMs: 1 });
    service.emit("remoteChange", RECORD);
    service.emit("unheard", { reason: "Redis refused: NOPERM." });
    expect(messages).to.deep.equal({
      dropped: [{ record: "customInstructions", reason: "not-json", detail: "JSON cannot carry a Map" }],
      failed: [{ code: "REFUSED", reason: "Redis refused: OOM.", keys: 1 }],
      status: [
        {
          state: "degraded",
          reason: "Redis refused: OOM.",
          pending: 1,
          pendingBytes: '"refused"'.length,
          breaker: "closed",
        },
      ],
      held: [{ record: "customInstructions", reason: "Redis refused: NOPERM." }],
      unreadable: [{ record: "customInstructions", detail: "It is not JSON.", items: undefined }],
      breaker: [{ from: "closed", to: "open", reason: "Redis refused: OOM." }],
      skew: [{ writer: "theirs", aheadMs: 1 }],
      remoteChange: [{ record: "customInstructions" }],
      unheard: [{ reason: "Redis refused: NOPERM." }],
    });
  });

  it("follow a batch from its start to its result", async () => {
    const course = courseOf("redis-mirrored.batch");
    service.set(RECORD, "saved");
    await service.flush();
    await nextTurn();
    expect(course.map(([event]) => event)).to.deep.equal(["start", "end", "asyncStart", "asyncEnd"]);
    expect(course[0]![1]).to.deep.equal({ keys: 1 });
    const result = course[3]![1]["result"] as { arrived: unknown[] };
    expect(result).to.include({ bytes: '"saved"'.length }).and.to.have.property("durationMs");
    expect(result.arrived).to.have.length(1);
  });

  it("follow one that fails to its error, which says no more than its code", async () => {
    const course = courseOf("redis-mirrored.batch");
    gateway.alwaysRefuse("OOM");
    const failed = new Promise((resolve) => service.on("failed", resolve));
    service.set(RECORD, "refused");
    await failed;
    await nextTurn();
    expect(course.map(([event]) => event)).to.deep.equal(["start", "end", "error", "asyncStart", "asyncEnd"]);
    expect(course[2]![1]["error"]).to.include({ code: "REFUSED" });
    expect(course[4]![1]["result"]).to.include({ code: "REFUSED" });
  });

  it("follow a restore to its outcome, within the call that restores", async () => {
    const course = courseOf("redis-mirrored.restore");
    const call = new AsyncLocalStorage<string>();
    const calls: unknown[] = [];
    const { start } = tracingChannel<unknown, object>("redis-mirrored.restore");
    const onStart = () => void calls.push(call.getStore());
    start.subscribe(onStart);
    ends.push(() => start.unsubscribe(onStart));
    gateway.store.set("roo:alice:customInstructions", "no JSON");
    await call.run("a request", () => service.findToRestore(RECORD));
    await nextTurn();
    expect(calls).to.deep.equal(["a request"]);
    expect(course[0]![1]).to.deep.equal({ record: "customInstructions" });
    expect(course.find(([event]) => event === "error")![1]["error"]).to.include({ code: "unreadable" });
    expect(course.at(-1)![1]["result"]).to.include({ outcome: "unreadable" });
  });

  it("are silent once the mirror is closed", async () => {
    const saved = messagesOf("redis-mirrored:saved");
    await service.close();
    service.emit("saved", RECORD);
    expect(saved).to.deep.equal([]);
  });
});
