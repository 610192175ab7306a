import { expect } from "chai";
import sinon from "sinon";
import { type Clock, systemClock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { ConnectionLostError, VersionNotFoundError } from "#dist/sync/errors.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { type Memento, MemoryMemento } from "#dist/sync/memento.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const NOTE = { userId: "alice", record: "customInstructions" };
const NOTE_KEY = "roo:alice:customInstructions";
const PROVIDER = { userId: "alice", record: "provider" };
const DAY_MS = 24 * 60 * 60 * 1000;

describe("what a process finds after others, or after a restart", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let memento: Memento;
  beforeEach(() => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new FakeGateway();
    memento = new MemoryMemento();
  });
  afterEach(() => timers.restore());

  /** A process of the host. The one before it, if any, has crashed: it is not closed. */
  function start(beside = memento, clock: Clock = systemClock): RedisSyncService {
    gateway.onConnectionLost = undefined;
    return new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      memento: beside,
      clock,
    });
  }

  async function saved(service: RedisSyncService, value: unknown): Promise<void> {
    service.set(NOTE, value);
    await timers.tickAsync(3_000);
  }

  const stored = () => gateway.store.get(NOTE_KEY);
  const kept = () => [...(gateway.model.kept.get(NOTE_KEY)?.values() ?? [])];

  it("sends what the local store has gone on to hold since the last save arrived", async () => {
    await saved(start(), "arrived");
    const next = start();
    next.compare(NOTE, "saved just before the crash");
    await timers.tickAsync(200);
    expect(stored()).to.equal('"saved just before the crash"');
  });

  it("leaves alone what another instance has saved since, and keeps beside it what only this one knew", async () => {
    await saved(start(), "seen by both");
    await saved(start(new MemoryMemento()), "of another, later");
    const next = start();
    next.compare(NOTE, "seen by both");
    await timers.tickAsync(200);
    expect([stored(), kept()]).to.deep.equal(['"of another, later"', ['"seen by both"']]);

    const again = start();
    again.compare(NOTE, "changed here before that, and lost in a crash");
    await timers.tickAsync(200);
    expect(stored()).to.equal('"of another, later"');
    expect(kept()).to.include('"changed here before that, and lost in a crash"');
  });

  it("gives back what Redis has lost, under the age that it had", async () => {
    await saved(start(), "kept here");
    await timers.tickAsync(DAY_MS);
    gateway.model.flushAll();
    const next = start();
    next.compare(NOTE, "kept here");
    await timers.tickAsync(200);
    expect(stored()).to.equal('"kept here"');
    expect(Number(gateway.model.read(NOTE_KEY).version!.slice(0, 13))).to.be.below(1_700_000_010_000);
  });

  it("compares a record once in a process, however often it is read", async () => {
    await saved(start(), "good");
    const fresh = start(new MemoryMemento());
    gateway.reads = 0;
    for (let read = 0; read < 5; read++) {
      fresh.compare(NOTE, "a default");
      await timers.tickAsync(200);
    }
    expect(gateway.reads).to.equal(1);
  });

  it("does not hand one user's local store to another's mirror", async () => {
    await saved(start(), "of alice");
    const next = start();
    next.compare({ ...NOTE, userId: "bob" }, "of alice");
    await timers.tickAsync(200);
    expect(gateway.store.has("roo:bob:customInstructions")).to.equal(false);
  });

  it("does not overwrite a good mirror with what a fresh machine merely holds", async () => {
    await saved(start(), "good");
    const fresh = start(new MemoryMemento());
    fresh.compare(NOTE, "a default");
    await timers.tickAsync(200);
    expect(stored()).to.equal('"good"');
  });

  it("makes a kept version the current one again on a machine whose clock is behind", async () => {
    await saved(start(), "good");
    await saved(start(new MemoryMemento()), "a default");
    const clock = { ...systemClock, wallNow: () => systemClock.wallNow() - 120_000 };
    const behind = start(new MemoryMemento(), clock);
    const [previous] = gateway.model.kept.get(NOTE_KEY)!.keys();
    const restoring = behind.restoreVersion(NOTE, previous!);
    await timers.tickAsync(1_000);
    expect([await restoring, stored()]).to.deep.equal(["good", '"good"']);
  });

  it("keeps what a fresh machine overwrites, and gives it back on request", async () => {
    await saved(start(), "good");
    const fresh = start(new MemoryMemento());
    await saved(fresh, "a default");
    expect([stored(), kept()]).to.deep.equal(['"a default"', ['"good"']]);

    const [current, previous] = await fresh.history(NOTE);
    expect([current!.isCurrent, previous!.isCurrent, previous!.bytes]).to.deep.equal([true, false, 6]);
    expect(await fresh.readVersion(NOTE, previous!.version)).to.equal("good");
    expect(await fresh.restoreVersion(NOTE, previous!.version)).to.equal("good");
    expect([stored(), kept()]).to.deep.equal(['"good"', ['"good"', '"a default"']]);
  });

  it("keeps an encrypted version encrypted, and opens it again", async () => {
    const first = start();
    const profiles = { apiConfigs: { a: { apiKey: "sk-canary" } } };
    first.set(PROVIDER, profiles);
    await first.flush();
    await timers.tickAsync(10);
    const fresh = start(new MemoryMemento());
    fresh.set(PROVIDER, { apiConfigs: {} });
    await fresh.flush();
    const [, previous] = await fresh.history(PROVIDER);
    expect([...gateway.model.kept.get("roo:alice:provider")!.values()].join()).not.to.contain("sk-canary");
    expect(await fresh.readVersion(PROVIDER, previous!.version)).to.deep.equal(profiles);
  });

  it("keeps no secret that another program left in plain text, neither when it saves nor when it heals", async () => {
    const redisKey = "roo:alice:provider";
    const plain = '{"apiKey":"sk-open"}';
    gateway.model.values.set(redisKey, plain);
    const service = start();
    service.set(PROVIDER, { apiKey: "sk-sealed" });
    await timers.tickAsync(200);
    expect(gateway.model.kept.get(redisKey)).to.equal(undefined);
    gateway.model.flushAll();
    gateway.model.values.set(redisKey, plain);
    await timers.tickAsync(301_000);
    expect(gateway.model.values.get(redisKey)).to.match(/^\{"protected":/);
    expect(gateway.model.kept.get(redisKey)).to.equal(undefined);
  });

  it("says which version it does not have", async () => {
    const failure = await start()
      .restoreVersion(NOTE, "1700000000000-0000-nobody")
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(VersionNotFoundError);
    expect(String(failure)).to.contain("1700000000000-0000-nobody");
  });

  it("keeps what an empty save takes away, although it was seen", async () => {
    const service = start();
    await saved(service, "good");
    await saved(service, undefined);
    expect([stored(), kept()]).to.deep.equal([undefined, ['"good"']]);
  });

  it("knows after a crash that the record was emptied, and repeats that", async () => {
    const first = start();
    await saved(first, "good");
    gateway.alwaysSilent();
    first.set(NOTE, undefined);
    await Promise.resolve();
    gateway.heal();
    const next = start();
    const found = (await next.find(NOTE))!;
    expect(next.isCleared(NOTE, found)).to.equal(true);
    next.compare(NOTE, undefined);
    await timers.tickAsync(200);
    expect([stored(), kept()]).to.deep.equal([undefined, ['"good"']]);
  });

  it("does not take what another instance saved after a clear for cleared", async () => {
    await saved(start(), undefined);
    await saved(start(new MemoryMemento()), "later");
    const next = start();
    expect(next.isCleared(NOTE, (await next.find(NOTE))!)).to.equal(false);
  });

  it("lets the records of a user who only reads live on", async () => {
    await saved(start(), "kept");
    gateway.renewals.length = 0;
    const reader = start();
    reader.compare(NOTE, "kept");
    await timers.tickAsync(8 * DAY_MS);
    expect(gateway.renewals.length).to.be.at.least(8 * 24 * 11);
    expect(gateway.renewals.every((keys) => keys.includes(NOTE_KEY))).to.equal(true);
  });

  it("notices within five minutes that a connected server has lost its data", async () => {
    await saved(start(), "kept");
    gateway.model.flushAll();
    await timers.tickAsync(300_000);
    expect(stored()).to.equal('"kept"');
  });

  it("does not save again what it restores, which would make it newer than what others saved meanwhile", async () => {
    await saved(start(), "restored");
    const { version } = gateway.model.read(NOTE_KEY);
    const fresh = start(new MemoryMemento());
    await fresh.adopt(NOTE, (await fresh.find(NOTE))!, async () => fresh.set(NOTE, "restored"));
    await timers.tickAsync(1_000);
    expect(gateway.model.read(NOTE_KEY).version).to.equal(version);
    await saved(fresh, "changed after that");
    expect([stored(), kept()]).to.deep.equal(['"changed after that"', []]);
  });

  it("has not seen what could not be adopted", async () => {
    await saved(start(), "good");
    const fresh = start(new MemoryMemento());
    const adopting = fresh.adopt(NOTE, (await fresh.find(NOTE))!, () => Promise.reject(new Error("the disk is full")));
    expect(await adopting.catch(String)).to.equal("Error: the disk is full");
    await saved(fresh, "a default");
    expect(kept()).to.deep.equal(['"good"']);
  });

  it("reports a save that another instance has overtaken, and keeps it", async () => {
    const drops: string[] = [];
    const service = start().on("dropped", ({ reason }) => void drops.push(reason));
    await saved(start(new MemoryMemento()), "of another");
    timers.setSystemTime(1_700_000_000_000 - DAY_MS / 2);
    service.set(NOTE, "by a clock that is slow");
    expect(await service.flush()).to.deep.equal({ flushed: false, reason: "another instance saved it later" });
    expect([drops, stored(), kept()]).to.deep.equal([["superseded"], '"of another"', ['"by a clock that is slow"']]);
    await saved(service, "the next one");
    expect(stored()).to.equal('"the next one"');
  });

  it("takes what its own store saved by a clock that ran ahead for older than what it saves now", async () => {
    const first = start();
    await saved(first, "first");
    await timers.tickAsync(10_000);
    // The process ends before this one's version is written down.
    first.set(NOTE, "by a clock that ran ahead");
    await timers.tickAsync(200);
    timers.setSystemTime(1_700_000_000_000 - DAY_MS / 2);
    const next = start();
    next.set(NOTE, "now");
    await timers.tickAsync(400);
    expect(stored()).to.equal('"now"');
    expect(next.status.pending).to.equal(0);
  });

  it("keeps empty what it emptied by a clock that had gone back", async () => {
    const first = start();
    await saved(first, "first");
    await timers.tickAsync(10_000);
    // The process ends before this one's version is written down.
    first.set(NOTE, "by a clock that ran ahead");
    await timers.tickAsync(200);
    timers.setSystemTime(1_700_000_000_000 - DAY_MS / 2);
    gateway.alwaysDown();
    start().set(NOTE, undefined);
    await timers.tickAsync(0);
    gateway.heal();
    const next = start();
    expect(next.isCleared(NOTE, (await next.find(NOTE))!)).to.equal(true);
    next.compare(NOTE, undefined);
    await timers.tickAsync(400);
    expect(stored()).to.equal(undefined);
  });

  it("remembers that a record was emptied although an older save of it arrives after that", async () => {
    const first = start();
    const release = gateway.holdWrites();
    first.set(NOTE, "on its way");
    await timers.tickAsync(100);
    first.set(NOTE, undefined);
    release();
    // It arrives, what is known is written down, and the process ends before the clear is sent.
    const write = sinon.stub(gateway, "write").returns(new Promise(() => {}));
    await timers.tickAsync(3_000);
    write.restore();
    const next = start();
    const found = (await next.find(NOTE))!;
    expect([found.value, next.isCleared(NOTE, found)]).to.deep.equal(["on its way", true]);
  });

  it("does not send what the local store held when something newer was saved while it was compared", async () => {
    await saved(start(), "before");
    const next = start();
    let answer!: (stored: Awaited<ReturnType<FakeGateway["read"]>>) => void;
    const read = sinon.stub(gateway, "read").returns(new Promise((resolve) => (answer = resolve)));
    next.compare(NOTE, "held at the first read");
    await timers.tickAsync(100);
    expect(read.callCount).to.equal(1);
    next.set(NOTE, "saved meanwhile");
    answer(gateway.model.read(NOTE_KEY));
    read.restore();
    await timers.tickAsync(400);
    expect(stored()).to.equal('"saved meanwhile"');
    expect(gateway.batches.flat().map(({ value }) => value)).not.to.include('"held at the first read"');
  });

  it("gives up an attempt that never ends, and ignores what comes of it later", async () => {
    const service = start();
    const release = gateway.holdWrites();
    service.set(NOTE, "one");
    await timers.tickAsync(300_100);
    expect(service.status).to.include({ state: "degraded", pending: 1, batches: 0 });
    release();
    await timers.tickAsync(1_000);
    expect(service.status).to.include({ state: "connected", pending: 0, batches: 1 });
  });

  for (const [title, page] of [
    ["is of another form", { store: 7, records: "x" }],
    [
      "holds entries that are none",
      { store: "abc", latest: 1, records: [1, ["k"], ["k", { version: 1 }]], owners: [[1]] },
    ],
    ["is null", null],
  ] as const)
    it(`does without a memento that ${title}`, async () => {
      await memento.update("redisMirrored.versions", page);
      await saved(start(), "value");
      expect(stored()).to.equal('"value"');
    });

  it("does without a memento that throws", async () => {
    const broken: Memento = {
      get: () => {
        throw new Error("broken");
      },
      update: () => Promise.reject(new ConnectionLostError("broken")),
    };
    await saved(start(broken), "value");
    expect(stored()).to.equal('"value"');
  });
});
