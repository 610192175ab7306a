import { expect } from "chai";
import { digestOf } from "#dist/sync/digest.js";
import { Ledger, type LedgerEntry } from "#dist/sync/ledger.js";
import { type Memento, MemoryMemento } from "#dist/sync/memento.js";
import type { Version } from "#dist/sync/version.js";
import { StoppedClock } from "../support/stopped-clock.js";

const MEMENTO_KEY = "redisMirrored.versions";
const KEY = "roo:alice:notes";
const OTHER_KEY = "roo:bob:notes";
const at = (second: number) => `17000000000${String(second).padStart(2, "0")}-0000-a`;

/** A memento in which somebody has left this. */
function mementoWith(page: unknown): Memento {
  const memento = new MemoryMemento();
  void memento.update(MEMENTO_KEY, page);
  return memento;
}

const read = (page: unknown) => new Ledger(mementoWith(page), new StoppedClock(), () => "fresh");

async function written(ledger: Ledger, latest: Version): Promise<void> {
  ledger.saveNow(() => latest);
  await new Promise(setImmediate);
}

describe("the ledger", () => {
  let memento: MemoryMemento;
  let clock: StoppedClock;
  let ledger: Ledger;
  beforeEach(() => {
    memento = new MemoryMemento();
    clock = new StoppedClock();
    ledger = new Ledger(memento, clock, () => "store1");
  });

  const restarted = () => new Ledger(memento, clock, () => "store2");

  /** Whether it has something to write down, which it has by two seconds later. @param latest As it was written down last. */
  async function hasNews(latest?: Version): Promise<boolean> {
    ledger.saveSoon(() => latest!);
    const delaysMs = clock.delaysMs;
    clock.expire();
    await new Promise(setImmediate);
    if (delaysMs.length > 0) expect(delaysMs).to.deep.equal([2_000]);
    return delaysMs.length > 0;
  }

  it("knows a new store by a name that is made for it, and nothing else of it", async () => {
    expect(ledger.store).to.equal("store1");
    expect([ledger.latest, ledger.get(KEY), ledger.ownerOf("notes"), await hasNews()]).to.deep.equal([
      undefined,
      undefined,
      undefined,
      false,
    ]);
  });

  it("has after a restart of which records an encrypted value was seen, until one is seen in plain", async () => {
    expect([ledger.seal(KEY), ledger.seal(KEY), ledger.seal(OTHER_KEY)]).to.deep.equal([true, false, true]);
    ledger.saw(KEY, at(1), "text", true);
    ledger.saw(OTHER_KEY, at(1), "text", false);
    await written(ledger, at(1));
    expect([KEY, OTHER_KEY].map((key) => restarted().isSealed(key))).to.deep.equal([true, false]);
  });

  it("writes down the latest thousand records of which an encrypted value was seen, and takes no other notes for some", async () => {
    for (let index = 0; index < 1_001; index++) ledger.seal(`roo:alice:${index}`);
    await written(ledger, at(1));
    expect([0, 1, 1_000].map((index) => restarted().isSealed(`roo:alice:${index}`))).to.deep.equal([false, true, true]);
    expect(read({ store: "a", sealed: [KEY, 1, null] }).isSealed(KEY)).to.equal(true);
    expect(read({ store: "a", sealed: KEY }).isSealed(KEY)).to.equal(false);
  });

  it("has after a restart what was written down before", async () => {
    ledger.saw(KEY, at(1), "text");
    ledger.own("notes", KEY);
    await written(ledger, at(9));
    const next = restarted();
    expect([next.store, next.latest, next.ownerOf("notes")]).to.deep.equal(["store1", at(9), KEY]);
    expect(next.get(KEY)).to.deep.equal({ version: at(1), digest: digestOf("text") });
  });

  it("holds of a value a short digest, the same in every version of this package", () => {
    expect(digestOf("text")).to.equal("mC2ePrmW9VnmM_TR");
  });

  it("holds of a secret only its version", () => {
    ledger.saw(KEY, at(1), undefined);
    expect(ledger.get(KEY)).to.deep.equal({ version: at(1) });
  });

  it("holds of a first save its version, until a save has arrived", () => {
    ledger.saved(KEY, at(1));
    expect(ledger.get(KEY)).to.deep.equal({ version: "", firstSave: at(1) });
    ledger.saw(KEY, at(2), undefined);
    expect(ledger.get(KEY)).to.deep.equal({ version: at(2) });
  });

  it("knows that a record was emptied, until a later version of it is seen", () => {
    ledger.saw(KEY, at(1), "text");
    ledger.cleared(KEY, at(5), "[]");
    const cleared = { version: at(5), text: "[]" };
    expect(ledger.get(KEY)).to.deep.equal({ version: at(1), digest: digestOf("text"), cleared });
    for (const second of [4, 5]) {
      ledger.saw(KEY, at(second), undefined);
      expect(ledger.get(KEY)).to.deep.equal({ version: at(second), cleared });
    }
    ledger.saw(KEY, at(6), undefined);
    expect(ledger.get(KEY)).to.deep.equal({ version: at(6) });
  });

  it("knows also of a record that it has never seen that it was deleted", () => {
    ledger.cleared(KEY, at(5), undefined);
    expect(ledger.get(KEY)).to.deep.equal({ version: "", cleared: { version: at(5), text: null } });
  });

  it("takes back what turned out not to be so", async () => {
    ledger.saw(KEY, at(1), "text");
    const before = ledger.get(KEY);
    ledger.saw(KEY, at(2), "later");
    ledger.restore(KEY, before);
    expect(ledger.get(KEY)).to.deep.equal(before);
    await written(ledger, at(2));
    ledger.restore(KEY, undefined);
    expect([...ledger.keys()]).to.deep.equal([]);
    ledger.restore(KEY, undefined);
    expect([ledger.get(KEY), await hasNews(at(2))]).to.deep.equal([undefined, true]);
    expect(restarted().get(KEY)).to.equal(undefined);
    ledger.restore(KEY, undefined);
    expect(await hasNews(at(2))).to.equal(false);
  });

  it("tells which records it has seen", () => {
    ledger.saw(KEY, at(1), undefined);
    ledger.saw(OTHER_KEY, at(1), undefined);
    expect([...ledger.keys()]).to.deep.equal([KEY, OTHER_KEY]);
  });

  it("tells whose the local copy of a record is, and whether that is news", async () => {
    expect(ledger.own("notes", KEY)).to.equal(true);
    expect([ledger.ownerOf("notes"), await hasNews()]).to.deep.equal([KEY, true]);
    expect([ledger.own("notes", KEY), await hasNews()]).to.deep.equal([false, false]);
    expect([ledger.own("notes", OTHER_KEY), ledger.ownerOf("notes")]).to.deep.equal([true, OTHER_KEY]);
  });

  describe("is written down", () => {
    it("when something has changed, and has then nothing more to write", async () => {
      ledger.saw(KEY, at(1), undefined);
      expect([await hasNews(), await hasNews()]).to.deep.equal([true, false]);
    });

    it("by one timer, however often there is news before it ends", () => {
      for (const second of [1, 2]) {
        ledger.saw(KEY, at(second), undefined);
        ledger.saveSoon(() => at(second));
      }
      expect(clock.delaysMs).to.deep.equal([2_000]);
    });

    it("also when only the clock of its versions has gone on", async () => {
      expect([await hasNews(at(1)), await hasNews(at(1)), await hasNews(at(2))]).to.deep.equal([true, false, true]);
      expect(restarted().latest).to.equal(at(2));
    });

    it("once for all that happens in one turn of the event loop, with the latest of it", async () => {
      let writings = 0;
      const counting = { get: () => undefined, update: async () => void writings++ };
      const busy = new Ledger(counting, clock, () => "a");
      for (let index = 0; index < 100; index++) {
        busy.saw(`roo:alice:${index}`, at(1), undefined);
        busy.saveNow(() => at(1));
      }
      await Promise.resolve();
      expect(writings).to.equal(1);
      busy.saveNow(() => at(2));
      await Promise.resolve();
      expect(writings).to.equal(2);
    });

    it("for the last time when it is closed, and holds no timer then", async () => {
      ledger.saw(KEY, at(1), undefined);
      ledger.saveSoon(() => at(1));
      ledger.close(at(1));
      expect(restarted().get(KEY)).to.deep.equal({ version: at(1) });
      ledger.saw(KEY, at(2), undefined);
      ledger.saveSoon(() => at(2));
      expect(clock.delaysMs).to.deep.equal([]);
    });

    it("without what is learnt in the meantime, which waits for the next time", async () => {
      ledger.saveNow(() => at(1));
      await Promise.resolve();
      ledger.saw(KEY, at(2), undefined);
      expect(restarted().get(KEY)).to.equal(undefined);
      expect(await hasNews(at(1))).to.equal(true);
      expect(restarted().get(KEY)).to.deep.equal({ version: at(2) });
    });

    it("again after a memento that failed, which hurts nobody", async () => {
      let isFull = true;
      const update = (key: string, value: unknown) =>
        isFull ? Promise.reject(new Error("full")) : memento.update(key, value);
      ledger = new Ledger({ get: () => undefined, update }, clock, () => "a");
      ledger.saw(KEY, at(1), undefined);
      await written(ledger, at(1));
      isFull = false;
      expect([await hasNews(at(1)), await hasNews(at(1))]).to.deep.equal([true, false]);
      expect(restarted().get(KEY)).to.deep.equal({ version: at(1) });
    });

    it("as far as the 1,000 records that were seen last", async () => {
      for (let index = 0; index <= 1_000; index++) ledger.saw(`roo:alice:${index}`, at(1), undefined);
      ledger.saw("roo:alice:1", at(2), undefined);
      await written(ledger, at(1));
      const kept = [...restarted().keys()];
      expect(kept).to.have.lengthOf(1_000);
      expect([kept.includes("roo:alice:0"), kept.at(-1)]).to.deep.equal([false, "roo:alice:1"]);
    });
  });

  it("forgets beyond 10,000 records the one that was seen longest ago", () => {
    const knows = (index: number) => ledger.get(`roo:alice:${index}`) !== undefined;
    for (let index = 0; index < 10_000; index++) ledger.saw(`roo:alice:${index}`, at(1), undefined);
    expect([knows(0), knows(9_999)]).to.deep.equal([true, true]);
    ledger.saw("roo:alice:10000", at(1), undefined);
    expect([knows(0), knows(1), knows(10_000)]).to.deep.equal([false, true, true]);
  });

  for (const page of [null, 5, "text", [], {}, { store: 5 }, { store: "" }, { store: "-a" }, { store: "a-" }])
    it(`begins anew with a memento that holds ${JSON.stringify(page)}`, () => {
      const { store, latest } = read(page);
      expect({ store, latest }).to.deep.equal({ store: "fresh", latest: undefined });
    });

  it("begins anew with a memento that throws", () => {
    const throwing: Memento = {
      get: () => {
        throw new Error("broken");
      },
      update: () => Promise.resolve(),
    };
    expect(new Ledger(throwing, clock, () => "fresh").store).to.equal("fresh");
  });

  it("of a spoilt memento takes what is whole", () => {
    const whole: [string, LedgerEntry][] = [
      ["secret", { version: at(1) }],
      ["plain", { version: at(1), digest: "digest" }],
      ["first", { version: "", firstSave: at(1) }],
      ["deleted", { version: at(1), cleared: { version: at(2), text: null } }],
      ["emptied", { version: at(1), cleared: { version: at(2), text: "[]" } }],
    ];
    const spoilt = [
      null,
      "as",
      [5, { version: at(1) }],
      ["no entry"],
      ["null", null],
      ["no version", { digest: "digest" }],
      ["digest", { version: at(1), digest: 5 }],
      ["first save", { version: at(1), firstSave: "yesterday" }],
      ["null for cleared", { version: at(1), cleared: null }],
      ["cleared some time", { version: at(1), cleared: { version: "yesterday", text: null } }],
      ["cleared to something else", { version: at(1), cleared: { version: at(2), text: 42 } }],
    ];
    const ledger = read({
      store: "kept1",
      latest: at(3),
      records: [...whole, ...spoilt],
      owners: [["notes", KEY], ["no owner"], ["odd", 5], "ab", null],
    });
    expect([ledger.store, ledger.latest]).to.deep.equal(["kept1", at(3)]);
    expect([...ledger.keys()].map((key) => [key, ledger.get(key)])).to.deep.equal(whole);
    expect([ledger.ownerOf("notes"), ledger.ownerOf("no owner"), ledger.ownerOf("odd")]).to.deep.equal([
      KEY,
      undefined,
      undefined,
    ]);
  });

  it("of a spoilt memento takes the name of the store, although all else is gone", () => {
    const ledger = read({ store: "kept1", latest: 5, records: {}, owners: "none" });
    expect([ledger.store, ledger.latest, [...ledger.keys()]]).to.deep.equal(["kept1", "", []]);
  });
});
