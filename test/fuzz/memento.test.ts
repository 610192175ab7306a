import { expect } from "chai";
import fc from "fast-check";
import { Author } from "#dist/sync/author.js";
import { findRemoteItems } from "#dist/sync/remote-items.js";
import { Ledger } from "#dist/sync/ledger.js";
import { MemoryMemento } from "#dist/sync/memento.js";
import { MAX_SKEW_MS, parseVersion } from "#dist/sync/version.js";
import { StoppedClock } from "../support/stopped-clock.js";
import { fuzz } from "./fuzz.js";
import { anyJson, anyVersion } from "./hostile.js";

const MEMENTO_KEY = "redisMirrored.versions";
const NOW_MS = 1_800_000_000_000;

/** What the mirror writes down, with anything in the place of any part. */
function anyPage(): fc.Arbitrary<fc.JsonValue> {
  const or = (arbitrary: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 5, arbitrary }, { weight: 1, arbitrary: anyJson });
  const id = fc.constantFrom("roo:alice:taskHistory", "a", "__proto__", "constructor", "");
  const version = or(anyVersion);
  const many = (arbitrary: fc.Arbitrary<unknown>) => or(fc.array(arbitrary, { maxLength: 4 }));
  const part = (names: Record<string, fc.Arbitrary<unknown>>) => or(fc.record(names, { requiredKeys: [] }));
  const entry = part({
    version,
    firstSave: version,
    digest: or(fc.string()),
    cleared: part({ version, text: or(fc.constantFrom("[]", null)) }),
  });
  const items = part({
    items: many(or(fc.tuple(or(id), version, or(fc.string())))),
    deleted: many(or(fc.tuple(or(id), version))),
    cleared: version,
  });
  return part({
    store: or(fc.constantFrom("store1", "a", "", "-", "A")),
    latest: version,
    records: many(or(fc.tuple(or(id), entry))),
    owners: many(or(fc.tuple(or(id), or(id)))),
    sealed: many(or(id)),
    collections: many(or(fc.tuple(or(id), items))),
  }).map((page) => JSON.parse(JSON.stringify(page)) as fc.JsonValue);
}

describe("what a memento holds, whatever it is", () => {
  it("is taken as far as it is whole, and written down again so", () =>
    fuzz("memento", anyPage(), async (page) => {
      const memento = new MemoryMemento();
      await memento.update(MEMENTO_KEY, page);
      const ledger = new Ledger(memento, new StoppedClock(), () => "fresh");
      expect(ledger.store).to.match(/^[0-9a-z]+$/);
      const author = new Author(ledger.store, "p", () => NOW_MS);
      author.startAfter(ledger.latest, 1_000);
      for (const redisKey of ledger.keys()) {
        author.observe(ledger.get(redisKey)!.version);
        expect(ledger.isUnchanged(redisKey, "text")).to.be.a("boolean");
      }
      for (const redisKey of ["a", "__proto__", "roo:alice:taskHistory"]) {
        const known = ledger.itemsOf(redisKey);
        const stored = {
          version: undefined,
          fingerprint: undefined,
          cleared: undefined,
          items: new Map(),
          hasValue: false,
        };
        findRemoteItems({ stored, known, tombstones: new Map(), limit: 50, author });
      }
      // Whatever it claims to have seen, the next save is one that others believe.
      const next = parseVersion(author.next());
      expect(next?.ms).to.be.within(NOW_MS, NOW_MS + MAX_SKEW_MS);
      ledger.saveNow(() => author.next());
      await new Promise(setImmediate);
      const again = new Ledger(memento, new StoppedClock(), () => "another");
      expect(again.store).to.equal(ledger.store);
      expect([...again.keys()]).to.deep.equal([...ledger.keys()]);
    }));
});
