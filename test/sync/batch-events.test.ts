import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import type { Batch, BatchOutcome, MirrorEvents } from "#dist/sync/mirror-events.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };
const HISTORY = { userId: "alice", record: "taskHistory" };
const ITEM = { id: "a", ts: 1 };

describe("what is told of batches", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  let started: Batch[];
  let ended: [Batch, BatchOutcome][];
  beforeEach(() => {
    timers = sinon.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
      now: 1_760_000_000_000,
    });
    gateway = new FakeGateway();
    service = make();
    started = [];
    ended = [];
    service.on("batchStarted", (batch) => void started.push(batch));
    service.on("batchEnded", (...told) => void ended.push(told));
  });
  afterEach(async () => {
    const closed = service.close();
    await timers.tickAsync(1_000);
    await closed;
    timers.restore();
  });

  function make(): RedisSyncService {
    return new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
    });
  }

  const outcomes = () => ended.map(([, outcome]) => outcome);

  it("is how many records one carries, and then how long it took, what arrived and how far Redis was behind", async () => {
    const release = gateway.holdWrites();
    service.set(INSTRUCTIONS, "ключ");
    service.set(HISTORY, [ITEM]);
    await timers.tickAsync(100);
    expect([started, ended]).to.deep.equal([[{ keys: 2 }], []]);
    await timers.tickAsync(40);
    release();
    await timers.tickAsync(0);
    const bytes = Buffer.byteLength('"ключ"') + JSON.stringify(ITEM).length;
    const arrived = [
      { record: "customInstructions", lagMs: 140 },
      { record: "taskHistory", lagMs: 140 },
    ];
    expect(outcomes()).to.deep.equal([{ durationMs: 40, arrived, bytes, conflicts: [] }]);
    expect(ended[0]![0]).to.equal(started[0]);
  });

  for (const [kind, save] of [
    ["a document", (turn: number) => service.set(INSTRUCTIONS, `turn ${turn}`)],
    ["a collection", (turn: number) => service.set(HISTORY, [{ ...ITEM, turn }])],
  ] as const)
    it(`counts from the earliest save of ${kind} that has not arrived, however often it is saved again or comes back`, async () => {
      gateway.alwaysDown();
      save(1);
      await timers.tickAsync(60);
      save(2);
      await timers.tickAsync(60);
      gateway.heal();
      save(3);
      await timers.tickAsync(180);
      expect(outcomes().at(-1)).to.have.nested.property("arrived[0].lagMs", 200);
      save(4);
      await timers.tickAsync(100);
      expect(outcomes().at(-1)).to.have.nested.property("arrived[0].lagMs", 100);
    });

  it("is nothing of an attempt that carries no writes", async () => {
    service.set(INSTRUCTIONS, "there");
    await timers.tickAsync(100);
    await timers.tickAsync(310_000);
    expect(gateway.renewals).to.have.length.above(0);
    expect([started.length, ended.length]).to.deep.equal([1, 1]);
  });

  it("is which error kept all of it from arriving", async () => {
    service.set(INSTRUCTIONS, "there");
    await timers.tickAsync(100);
    gateway.alwaysRefuse("OOM");
    service.set(INSTRUCTIONS, "refused");
    await timers.tickAsync(100);
    expect(outcomes().at(-1)).to.deep.equal({ durationMs: 0, arrived: [], bytes: 0, conflicts: [], code: "REFUSED" });
    gateway.heal();
    const failing = sinon.stub(gateway, "write").rejects(new Error("cut"));
    await timers.tickAsync(60_000);
    failing.restore();
    expect(outcomes().at(-1)).to.have.property("code", "CONNECTION_LOST");
  });

  it("is that it was given up, where the attempt does not end", async () => {
    gateway.holdWrites();
    service.set(INSTRUCTIONS, "on its way");
    await timers.tickAsync(100);
    expect(ended).to.deep.equal([]);
    await timers.tickAsync(300_000);
    expect(outcomes()[0]).to.include({ code: "CONNECTION_LOST", durationMs: 300_000 });
  });

  it("ends for each that has started, also where the mirror is closed meanwhile", async () => {
    gateway.holdWrites();
    service.set(INSTRUCTIONS, "on its way");
    await timers.tickAsync(100);
    const closing = service.close({ timeoutMs: 50 });
    await timers.tickAsync(100);
    await closing;
    expect(outcomes().map(({ code }) => code)).to.deep.equal(["CONNECTION_LOST"]);
    expect(ended[0]![0]).to.equal(started[0]);
  });

  describe("of another instance's save", () => {
    let other: RedisSyncService;
    beforeEach(() => (other = make()));

    it("is a conflict where it is later than ours, and stays", async () => {
      const dropped: MirrorEvents["dropped"][0][] = [];
      service.on("dropped", (drop) => void dropped.push(drop));
      service.set(INSTRUCTIONS, "ours");
      timers.setSystemTime(Date.now() + 1_000);
      other.set(INSTRUCTIONS, "theirs");
      const sent = other.flush();
      await timers.tickAsync(100);
      await sent;
      expect(outcomes().at(-1)!.conflicts).to.deep.equal([
        { record: "customInstructions", outcome: "superseded", items: 1 },
      ]);
      expect(outcomes().at(-1)).not.to.have.property("code");
      expect(dropped.map(({ reason }) => reason)).to.deep.equal(["superseded"]);
    });

    it("is a conflict where ours takes its place unseen, and it is kept", async () => {
      other.set(INSTRUCTIONS, "theirs");
      await timers.tickAsync(100);
      service.set(INSTRUCTIONS, "ours");
      await timers.tickAsync(100);
      expect(outcomes().at(-1)!.conflicts).to.deep.equal([{ record: "customInstructions", outcome: "kept", items: 1 }]);
    });

    it("is none where ours was made in sight of it", async () => {
      other.set(INSTRUCTIONS, "theirs");
      await timers.tickAsync(100);
      await service.get(INSTRUCTIONS);
      service.set(INSTRUCTIONS, "ours");
      await timers.tickAsync(100);
      expect(outcomes().at(-1)!.conflicts).to.deep.equal([]);
    });
  });

  it("says of each save that is taken whose and which record it is, and of no other", () => {
    const saved: MirrorEvents["saved"][0][] = [];
    service.on("saved", (save) => void saved.push(save));
    service.set(INSTRUCTIONS, "taken");
    service.set(INSTRUCTIONS, new Map());
    service.set({ userId: "alice", record: "nobody's" }, "passed over");
    service.delete(HISTORY);
    expect(saved).to.deep.equal([INSTRUCTIONS, HISTORY]);
  });

  it("is told no more once it says that it is closed", async () => {
    const order: string[] = [];
    gateway.alwaysDown();
    service.on("dropped", () => void order.push("dropped"));
    service.on("closed", () => void order.push("closed"));
    service.set(INSTRUCTIONS, "left behind");
    const closing = service.close({ timeoutMs: 10 });
    await timers.tickAsync(100);
    await closing;
    await service.close();
    expect(order).to.deep.equal(["dropped", "closed"]);
  });
});
