import { expect } from "chai";
import sinon from "sinon";
import { Author } from "#dist/sync/author.js";
import type { Clock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { Collections } from "#dist/sync/collections.js";
import { digestOf } from "#dist/sync/digest.js";
import { Encoder } from "#dist/sync/encoder.js";
import { ConnectionLostError, RefusedError } from "#dist/sync/errors.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { Ledger } from "#dist/sync/ledger.js";
import { MemoryMemento } from "#dist/sync/memento.js";
import { Reconciler, type ReconcilePlan } from "#dist/sync/reconciler.js";
import { Catalogue } from "#dist/sync/records.js";
import { ReplayGuard } from "#dist/sync/replay-guard.js";
import { formatVersion, type Stamp } from "#dist/sync/version.js";
import { DEFAULT_LIMITS, type PreparedWrite } from "#dist/sync/writes.js";
import { VirtualTime } from "../simulation/virtual-time.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const NOTE = "roo:alice:customInstructions";
const OTHER_NOTE = "roo:bob:customInstructions";
const NOW_MS = 1_700_000_000_000;
const CATALOGUE = new Catalogue();
const TTL_SECONDS = 60;
const RECONCILE_MS = 300_000;
const HEALTH_CHECK_MS = 5_000;

/** A version of another store, made so long after the test began. */
const byAnother = (ms: number) => formatVersion({ ms: NOW_MS + ms, counter: 0 }, "theirs");
const bySelf = (ms: number) => formatVersion({ ms: NOW_MS + ms, counter: 0 }, "oursbefore");

/** What the local store was found to hold. */
function localOf(redisKey: string, text: string | undefined): PreparedWrite {
  const [, userId, name] = redisKey.split(":");
  const bytes = Buffer.byteLength(text ?? "");
  return { kind: "document", redisKey, userId: userId!, record: CATALOGUE.find(name!)!, text, bytes };
}

function keysOf({ parts }: ReconcilePlan): string[] {
  return [...parts].flat();
}

describe("Reconciler", () => {
  let time: VirtualTime;
  let skewMs: number;
  let clock: Clock;
  let gateway: FakeGateway;
  let memento: MemoryMemento;
  let ledger: Ledger;
  let reconciler: Reconciler;
  let unsent: Set<string>;
  let enqueued: { write: PreparedWrite; stamp: Stamp }[];
  let unreadable: string[];
  let dues: number;
  beforeEach(async () => {
    time = new VirtualTime();
    skewMs = 0;
    clock = time.clockOf({}, () => skewMs);
    gateway = new FakeGateway();
    await gateway.connect();
    memento = new MemoryMemento();
    unsent = new Set();
    enqueued = [];
    unreadable = [];
    dues = 0;
    start();
  });

  function start(limits = DEFAULT_LIMITS): void {
    ledger = new Ledger(memento, clock, () => "ours");
    const author = new Author(ledger.store, "now", () => clock.wallNow());
    reconciler = new Reconciler({
      gateway,
      encoder: new Encoder(new Codec(new FixedKeyRing(parseKeys(KEY))), clock),
      replayGuard: new ReplayGuard(ledger, author),
      ledger,
      author,
      collections: new Collections({ gateway, ledger, author, limits }),
      clock,
      limits,
      timings: { reconcileMs: RECONCILE_MS, healthCheckMs: HEALTH_CHECK_MS },
      repairs: {
        isUnsent: (redisKey) => unsent.has(redisKey),
        enqueue: (write, stamp) => void enqueued.push({ write, stamp }),
        unreadable: ({ redisKey }) => void unreadable.push(redisKey),
        onDue: () => void dues++,
        sendChanges: async () => undefined,
        recordOf: (redisKey) => CATALOGUE.find(redisKey.split(":").at(-1)!),
        found: () => {},
        followed: () => [],
        ttlSecondsOf: () => TTL_SECONDS,
      },
    });
  }

  const stored = (redisKey = NOTE) => gateway.model.read(redisKey).value;
  const written = () => gateway.batches.map((batch) => batch.map(({ redisKey }) => redisKey));

  function put(redisKey: string, value: string | undefined, version: string): void {
    const write = { redisKey, value, version, ttlSeconds: TTL_SECONDS, seen: undefined, keepsPrevious: false };
    expect(gateway.model.put(write)).to.have.property("kind", "applied");
  }

  /** This process sent it, and Redis took it. */
  function arrive(redisKey: string, value: string | undefined, version = bySelf(0)): void {
    put(redisKey, value, version);
    reconciler.remember({ redisKey, value, version, ttlSeconds: TTL_SECONDS });
  }

  function planned(connection = 1, sending: { redisKey: string }[] = []): ReconcilePlan {
    const plan = reconciler.plan(connection, sending);
    if (plan === undefined) throw new Error("expected something to be due");
    return plan;
  }

  const look = (connection = 1, isOver = () => false) => reconciler.run(planned(connection), isOver);

  async function compare(redisKey: string, text: string | undefined): Promise<void> {
    reconciler.add(localOf(redisKey, text));
    await look();
  }

  describe("when it is due", () => {
    it("compares everything once for a connection, and again when the time has come", async () => {
      arrive(NOTE, "value");
      expect(planned().isWhole).to.equal(true);
      await look();
      expect([reconciler.isDue, reconciler.plan(1, [])]).to.deep.equal([false, undefined]);
      await time.advance(RECONCILE_MS - 1);
      expect([dues, reconciler.isDue]).to.deep.equal([0, false]);
      await time.advance(1);
      expect([dues, reconciler.isDue, planned().isWhole]).to.deep.equal([1, true, true]);
    });

    it("counts the time anew from the latest connection", async () => {
      arrive(NOTE, "value");
      await look(1);
      await time.advance(RECONCILE_MS - 1);
      await look(2);
      await time.advance(RECONCILE_MS - 1);
      expect(dues).to.equal(0);
      await time.advance(1);
      expect(dues).to.equal(1);
    });

    it("does not put off everything because something new is compared", async () => {
      arrive(NOTE, "value");
      await look();
      await time.advance(RECONCILE_MS - 1);
      reconciler.add(localOf(OTHER_NOTE, '"local"'));
      const plan = planned();
      expect([plan.isWhole, keysOf(plan)]).to.deep.equal([false, [OTHER_NOTE]]);
      await reconciler.run(plan, () => false);
      await time.advance(1);
      expect([dues, planned().isWhole]).to.deep.equal([1, true]);
    });

    it("compares everything again where the attempt was given up", async () => {
      reconciler.add(localOf(NOTE, '"local"'));
      await look(1, () => gateway.reads > 0);
      expect(planned().isWhole).to.equal(true);
    });

    it("is done with a connection on which there is nothing to ask for", async () => {
      expect(reconciler.plan(1, [])).to.equal(undefined);
      await time.advance(1);
      arrive(NOTE, "value");
      expect(reconciler.plan(1, [])).to.equal(undefined);
    });

    it("compares everything for a fourth connection when five seconds are over since the first", async () => {
      arrive(NOTE, "value");
      for (const connection of [1, 2, 3]) await look(connection);
      await time.advance(HEALTH_CHECK_MS);
      expect(planned(4).isWhole).to.equal(true);
      await look(4);
      // The second and the third are as long ago.
      expect(planned(5).isWhole).to.equal(true);
    });

    it("makes up for a fourth connection within five seconds when these are over", async () => {
      arrive(NOTE, "value");
      for (const connection of [1, 2, 3]) await look(connection);
      await time.advance(HEALTH_CHECK_MS - 1);
      expect([reconciler.plan(4, []), dues]).to.deep.equal([undefined, 0]);
      await time.advance(1);
      expect([dues, planned(4).isWhole]).to.deep.equal([1, true]);
    });

    it("leaves no timer that does something when it is closed", async () => {
      sinon.stub(gateway, "read").rejects(new ConnectionLostError("The node is gone."));
      await compare(NOTE, '"local"');
      reconciler.close();
      await time.advance(2 * RECONCILE_MS);
      expect(dues).to.equal(0);
    });
  });

  describe("what is asked for", () => {
    it("is, of a user that is being saved for, also what was known of him before", async () => {
      for (const redisKey of ["roo:ann:customInstructions", "roo:ann:provider", "roo:anx:customInstructions"])
        ledger.saw(redisKey, bySelf(0), undefined);
      const plan = planned(1, [{ redisKey: "roo:ann:taskHistory" }]);
      expect(keysOf(plan)).to.have.members(["roo:ann:customInstructions", "roo:ann:provider"]);
    });

    it("goes out a thousand at a time", async () => {
      for (let user = 0; user < 2_000; user++) arrive(`roo:user${user}:customInstructions`, "value");
      await look();
      expect(gateway.renewals.map(({ length }) => length)).to.deep.equal([1_000, 1_000]);
    });

    it("is sixteen first reads at once, and the others with the next attempt", async () => {
      const keys = Array.from({ length: 17 }, (_user, index) => `roo:user${index}:customInstructions`);
      for (const redisKey of keys) reconciler.add(localOf(redisKey, '"local"'));
      put(keys[16]!, '"of another"', byAnother(0));
      await look();
      expect([gateway.reads, reconciler.isDue]).to.deep.equal([16, true]);
      // It waits, and another read of it need not be compared as well.
      expect(reconciler.isNew(keys[16]!)).to.equal(false);
      expect(keysOf(planned())).to.deep.equal([keys[16]]);
      await look();
      expect([gateway.reads, reconciler.isDue]).to.deep.equal([17, false]);
    });

    it("is not a first read that a save has overtaken", () => {
      reconciler.add(localOf(NOTE, '"local"'));
      reconciler.overtake(NOTE);
      expect(reconciler.isDue).to.equal(false);
    });
  });

  describe("a first read", () => {
    it("is not one of a record that this process has sent", () => {
      expect(reconciler.isNew(NOTE)).to.equal(true);
      arrive(NOTE, "value");
      expect(reconciler.isNew(NOTE)).to.equal(false);
    });

    it("is forgotten where too many were compared since", async () => {
      start({ maxKeys: 2, maxBytes: 1_000 });
      const keys = ["roo:a:customInstructions", "roo:b:customInstructions", "roo:c:customInstructions"];
      const areNew = () => keys.map((redisKey) => reconciler.isNew(redisKey));
      for (const redisKey of keys) put(redisKey, '"of another"', byAnother(0));
      await compare(keys[0]!, '"local"');
      await compare(keys[1]!, '"local"');
      expect(areNew()).to.deep.equal([false, false, true]);
      await compare(keys[2]!, '"local"');
      expect(areNew()).to.deep.equal([true, false, false]);
    });

    it("is one again when something else was found to be there", async () => {
      put(NOTE, '"of another"', byAnother(0));
      await compare(NOTE, '"a default"');
      await look(2);
      expect(reconciler.isNew(NOTE)).to.equal(false);
      put(NOTE, '"of another, later"', byAnother(1));
      await look(3);
      expect(reconciler.isNew(NOTE)).to.equal(true);
    });
  });

  describe("what this process sent", () => {
    it("is sent again where it is lost, as it was", async () => {
      arrive(NOTE, "value", bySelf(7));
      gateway.model.flushAll();
      expect(await look()).to.equal(undefined);
      expect(gateway.batches).to.deep.equal([
        [
          {
            redisKey: NOTE,
            value: "value",
            version: bySelf(7),
            ttlSeconds: TTL_SECONDS,
            seen: bySelf(7),
            keepsPrevious: false,
          },
        ],
      ]);
    });

    it("is sent again where only its value was evicted", async () => {
      arrive(NOTE, "value");
      gateway.store.delete(NOTE);
      await look();
      expect(stored()).to.equal("value");
    });

    it("is not sent again where it is there: a value, a deletion, or what came after it", async () => {
      arrive(NOTE, "value");
      arrive(OTHER_NOTE, undefined);
      const deletedSince = "roo:carol:customInstructions";
      arrive(deletedSince, "value");
      put(deletedSince, undefined, byAnother(1));
      await look();
      expect(written()).to.deep.equal([]);
    });

    it("is not sent again where it cannot be asked for", async () => {
      arrive(NOTE, "value");
      sinon.stub(gateway, "renew").resolves([undefined] as never);
      expect(await look()).to.equal(undefined);
      expect(written()).to.deep.equal([]);
    });

    it("is not sent again where a later save is on its way, or something else is to be there", async () => {
      arrive(NOTE, "value");
      arrive(OTHER_NOTE, "value");
      gateway.model.flushAll();
      unsent.add(NOTE);
      reconciler.forget(OTHER_NOTE);
      await look(1);
      expect(written()).to.deep.equal([]);
    });

    it("counts a deletion as nothing against what may be remembered", async () => {
      start({ maxKeys: 2, maxBytes: 10 });
      arrive(NOTE, "ten bytes.");
      arrive(OTHER_NOTE, undefined);
      gateway.model.flushAll();
      await look();
      expect(written()).to.deep.equal([[NOTE, OTHER_NOTE]]);
    });

    const LARGE = "x".repeat(2 ** 20);

    it("goes out a mebibyte at a time", async () => {
      arrive(NOTE, LARGE);
      arrive(OTHER_NOTE, LARGE);
      gateway.model.flushAll();
      await look();
      expect(written()).to.deep.equal([[NOTE], [OTHER_NOTE]]);
    });

    it("is not sent any more once the attempt is given up", async () => {
      arrive(NOTE, LARGE);
      arrive(OTHER_NOTE, LARGE);
      gateway.model.flushAll();
      await look(1, () => gateway.renewals.length > 0);
      expect(written()).to.deep.equal([]);
      gateway.alwaysRefuse("OOM");
      expect(await look(1, () => gateway.batches.length > 0)).to.equal(undefined);
      expect(written()).to.deep.equal([[NOTE]]);
    });

    it("may be refused, which ends the attempt", async () => {
      arrive(NOTE, "value");
      arrive(OTHER_NOTE, "value");
      gateway.model.flushAll();
      gateway.alwaysRefuse("OOM");
      reconciler.add(localOf("roo:carol:customInstructions", '"local"'));
      expect(await look()).to.be.instanceOf(RefusedError);
      expect([gateway.reads, planned().isWhole]).to.deep.equal([0, true]);
    });

    for (const refusedKey of [NOTE, OTHER_NOTE])
      it(`does not end the attempt where ${refusedKey} alone is refused`, async () => {
        arrive(NOTE, "value");
        arrive(OTHER_NOTE, "value");
        gateway.model.flushAll();
        sinon
          .stub(gateway, "write")
          .callsFake(async (batch) =>
            batch.map((write) =>
              write.redisKey === refusedKey
                ? { kind: "failed", error: new RefusedError("NOPERM") }
                : gateway.model.put(write),
            ),
          );
        expect(await look()).to.equal(undefined);
        expect([...gateway.store.keys()]).to.deep.equal([NOTE, OTHER_NOTE].filter((key) => key !== refusedKey));
        expect(reconciler.plan(1, [])).to.equal(undefined);
      });
  });

  describe("what the local store holds", () => {
    it("lives on where it is there, and is sent again where it is lost after that", async () => {
      put(NOTE, '"same"', byAnother(0));
      await compare(NOTE, '"same"');
      expect(enqueued).to.deep.equal([]);
      gateway.model.flushAll();
      await look(2);
      expect(gateway.model.read(NOTE)).to.deep.equal({ value: '"same"', version: byAnother(0), isDeleted: false });
    });

    it("is saved anew where it is there without a version", async () => {
      ledger.saw(NOTE, byAnother(0), '"same"');
      gateway.store.set(NOTE, '"same"');
      await time.advance(1_000);
      await compare(NOTE, '"same"');
      expect(enqueued).to.deep.equal([{ write: localOf(NOTE, '"same"'), stamp: { ms: NOW_MS + 1_000, counter: 0 } }]);
    });

    it("is saved as old as it is where Redis has lost it", async () => {
      ledger.saw(NOTE, byAnother(7), '"unchanged"');
      await time.advance(1_000);
      await compare(NOTE, '"unchanged"');
      expect(enqueued.map(({ stamp }) => stamp.ms)).to.deep.equal([NOW_MS + 7]);
    });

    it("is saved anew where Redis has lost what it was before", async () => {
      ledger.saw(NOTE, byAnother(7), '"before"');
      await time.advance(1_000);
      await compare(NOTE, '"changed"');
      expect(enqueued.map(({ stamp }) => stamp.ms)).to.deep.equal([NOW_MS + 1_000]);
    });

    it("stays away where another instance has deleted the record since", async () => {
      ledger.saw(NOTE, byAnother(0), '"unchanged"');
      put(NOTE, undefined, byAnother(1));
      await compare(NOTE, '"unchanged"');
      expect(enqueued).to.deep.equal([]);
    });

    it("goes beside what another instance has saved since, if it has changed", async () => {
      ledger.saw(NOTE, byAnother(0), '"before"');
      put(NOTE, '"of another"', byAnother(1));
      await compare(NOTE, '"changed"');
      expect(enqueued.map(({ stamp }) => stamp)).to.deep.equal([{ ms: NOW_MS, counter: 1 }]);
    });

    it("is not saved where nobody knows whether it has changed since another instance saved", async () => {
      const provider = "roo:alice:provider";
      ledger.saw(provider, byAnother(0), undefined);
      const codec = new Codec(new FixedKeyRing(parseKeys(KEY)));
      const theirs = await codec.encode(CATALOGUE.find("provider")!, provider, '{"apiKey":"theirs"}', byAnother(1));
      put(provider, String(theirs), byAnother(1));
      await compare(provider, '{"apiKey":"ours"}');
      expect([enqueued, unreadable]).to.deep.equal([[], []]);
    });

    it("is not saved over what another instance has saved, where nothing is known of the record", async () => {
      put(NOTE, '"of another"', byAnother(0));
      await compare(NOTE, '"a default"');
      expect(enqueued).to.deep.equal([]);
    });

    for (const [title, seen, there, stamps] of [
      ["saved anew where nothing is there", '"local"', undefined, [NOW_MS]],
      ["left alone where something is", '"before"', '"of another"', []],
    ] as const)
      it(`is, with bookkeeping that knows a value and no version, ${title}`, async () => {
        const records = [[NOTE, { version: "", digest: digestOf(seen) }]];
        await memento.update("redisMirrored.versions", { store: "ours", latest: "", records, owners: [] });
        start();
        if (there !== undefined) put(NOTE, there, byAnother(0));
        await compare(NOTE, '"local"');
        expect(enqueued.map(({ stamp }) => stamp.ms)).to.deep.equal(stamps);
      });

    it("is not saved over what cannot be read, and that is told", async () => {
      const provider = "roo:alice:provider";
      ledger.saw(provider, bySelf(0), undefined);
      put(provider, "no ciphertext", bySelf(0));
      await compare(provider, "{}");
      expect([enqueued, unreadable]).to.deep.equal([[], [provider]]);
    });
  });

  describe("where the local store holds nothing", () => {
    const clearedAs = (text: string | undefined) => {
      ledger.saw(NOTE, bySelf(0), '"before"');
      ledger.cleared(NOTE, bySelf(5), text);
    };

    it("does nothing unless that was somebody's wish", async () => {
      await compare(NOTE, undefined);
      ledger.saw(OTHER_NOTE, bySelf(0), '"before"');
      put(OTHER_NOTE, '"before"', bySelf(0));
      await compare(OTHER_NOTE, undefined);
      expect(enqueued).to.deep.equal([]);
    });

    for (const [text, bytes] of [
      [undefined, 0],
      ["[]", 2],
    ] as const) {
      it(`repeats a clear to \`${text}\` that did not arrive, as old as it is`, async () => {
        clearedAs(text);
        put(NOTE, '"before"', bySelf(0));
        await compare(NOTE, undefined);
        const write = { ...localOf(NOTE, undefined), text, bytes };
        expect(enqueued.map((each) => [each.write, each.stamp.ms])).to.deep.equal([[write, NOW_MS + 5]]);
      });
    }

    it("repeats it also where nothing is there", async () => {
      clearedAs(undefined);
      await compare(NOTE, undefined);
      expect(enqueued.map(({ stamp }) => stamp.ms)).to.deep.equal([NOW_MS + 5]);
    });

    it("does not repeat a clear that has arrived", async () => {
      clearedAs(undefined);
      put(NOTE, undefined, bySelf(5));
      await compare(NOTE, undefined);
      expect(enqueued).to.deep.equal([]);
    });

    it("does not repeat a clear after which somebody has saved the record", async () => {
      clearedAs(undefined);
      put(NOTE, '"of another"', byAnother(6));
      await compare(NOTE, undefined);
      expect(enqueued).to.deep.equal([]);
    });

    it("clears anew what this store had saved by a clock that ran ahead", async () => {
      clearedAs(undefined);
      put(NOTE, '"before"', bySelf(60_000));
      await compare(NOTE, undefined);
      const areLater = enqueued.map(({ stamp }) => formatVersion(stamp, "ours") > bySelf(60_000));
      expect(areLater).to.deep.equal([true]);
    });
  });

  describe("what cannot be read", () => {
    it("ends the attempt where the connection is lost, and is read with the next", async () => {
      sinon.stub(gateway, "read").callsFake(async () => {
        gateway.isConnected = false;
        throw new ConnectionLostError("gone");
      });
      reconciler.add(localOf(NOTE, '"local"'));
      const failure = await look().catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(ConnectionLostError);
      expect([reconciler.isDue, planned().locals.length]).to.deep.equal([true, 1]);
    });

    it("waits for a health check where only its node is gone, and nothing local is asked for until then", async () => {
      sinon.stub(gateway, "read").rejects(new ConnectionLostError("The node is gone."));
      for (const redisKey of [NOTE, OTHER_NOTE]) reconciler.add(localOf(redisKey, '"local"'));
      await look();
      expect([reconciler.isDue, reconciler.plan(1, [])]).to.deep.equal([false, undefined]);
      expect(planned(2)).to.deep.include({ isWhole: true, locals: [] });
      await time.advance(HEALTH_CHECK_MS - 1);
      expect(dues).to.equal(0);
      await time.advance(1);
      expect([dues, reconciler.isDue, planned().locals.length]).to.deep.equal([1, true, 2]);
    });

    it("is told once where Redis refuses it alone", async () => {
      sinon.stub(gateway, "read").rejects(new RefusedError("NOPERM"));
      await compare(NOTE, '"local"');
      expect([unreadable, reconciler.isDue, reconciler.isNew(NOTE)]).to.deep.equal([[NOTE], false, false]);
    });

    it("is of no interest where a save has overtaken it, or the attempt was given up", async () => {
      const read = sinon.stub(gateway, "read").callsFake(async () => {
        reconciler.overtake(NOTE);
        throw new RefusedError("NOPERM");
      });
      await compare(NOTE, '"local"');
      read.callsFake(async () => {
        reconciler.overtake(NOTE);
        throw new ConnectionLostError("The node is gone.");
      });
      await compare(NOTE, '"local"');
      read.rejects(new RefusedError("NOPERM"));
      reconciler.add(localOf(OTHER_NOTE, '"local"'));
      await look(1, () => read.callCount > 2);
      expect([unreadable, reconciler.isDue]).to.deep.equal([[], true]);
    });
  });
});
