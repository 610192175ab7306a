import type { Author } from "./author.js";
import type { Clock } from "./clock.js";
import { bytesOf, type CollectionChange, NO_CHANGE, summarize } from "./collection-change.js";
import { takeCollection } from "./collection-snapshot.js";
import type { CollectionId, Collections } from "./collections.js";
import { isEmptyText } from "./found-empty.js";
import type { KeySpace, RecordId } from "./keys.js";
import type { Ledger } from "./ledger.js";
import { type Catalogue, isMerged, type RecordDefinition } from "./records.js";
import { takeSnapshot } from "./snapshot.js";
import type { Stamp } from "./version.js";
import type {
  PendingCollection,
  PendingDocument,
  PendingWrite,
  PreparedCollection,
  PreparedDocument,
  PreparedWrite,
} from "./writes.js";

export interface IntakeOptions {
  catalogue: Catalogue;
  keySpace: KeySpace;
  collections: Collections;
  ledger: Ledger;
  author: Author;
  clock: Clock;
  /** JSON cannot carry a value. */
  onRefused(id: { readonly userId: string; readonly record: RecordDefinition }, detail: string): void;
}

/** Where a save comes in: its value is taken down, then stamped, and what a crash must not leave in doubt is noted. */
export class Intake {
  readonly #catalogue: Catalogue;
  readonly #keySpace: KeySpace;
  readonly #collections: Collections;
  readonly #ledger: Ledger;
  readonly #author: Author;
  readonly #clock: Clock;
  readonly #onRefused: IntakeOptions["onRefused"];
  #sequence = 0;

  constructor({ catalogue, keySpace, collections, ledger, author, clock, onRefused }: IntakeOptions) {
    this.#catalogue = catalogue;
    this.#keySpace = keySpace;
    this.#collections = collections;
    this.#ledger = ledger;
    this.#author = author;
    this.#clock = clock;
    this.#onRefused = onRefused;
  }

  /** A value as it is now; `undefined` deletes the record. The answer is `undefined` where there is nothing to mirror. Does not throw. */
  prepare({ userId, record: name }: RecordId, given: unknown, target?: unknown): PreparedWrite | undefined {
    const record = this.#catalogue.find(name);
    if (record === undefined) return undefined;
    try {
      const value = given === undefined ? undefined : record.select(given);
      const redisKey = this.#keySpace.keyOf({ userId, record: name });
      if (isMerged(record)) return this.#prepareCollection({ redisKey, userId, record }, value, target);
      if (value === undefined) return { kind: "document", redisKey, userId, record, text: undefined, bytes: 0 };
      const snapshot = takeSnapshot(record, value);
      if ("text" in snapshot) {
        const { text } = snapshot;
        return { kind: "document", redisKey, userId, record, text, bytes: Buffer.byteLength(text) };
      }
      this.#onRefused({ userId, record }, snapshot.refusal);
    } catch {
      // A getter, a proxy or a record's own `recency` threw. What it said may quote the value.
      this.#onRefused({ userId, record }, "it could not be read");
    }
    return undefined;
  }

  #prepareCollection(id: CollectionId, value: unknown, target: unknown): PreparedCollection | undefined {
    const source = this.#collections.sourceOf(target);
    if (value === undefined) return { kind: "collection", ...id, snapshot: undefined, source, bytes: 0 };
    const snapshot = takeCollection(id.record, value, this.#collections.lastOf(id.redisKey, source));
    if (!("refusal" in snapshot)) return { kind: "collection", ...id, snapshot, source, bytes: 0 };
    this.#onRefused(id, snapshot.refusal);
    return undefined;
  }

  /**
   * A save that is made now; `undefined`: it has changed nothing.
   * @param stamp Of a document that was saved before: when that was.
   */
  take(write: PreparedWrite, stamp?: Stamp): PendingWrite | undefined {
    return write.kind === "collection" ? this.#takeCollection(write) : this.#takeDocument(write, stamp);
  }

  /**
   * The first save of a record, of another user, and each that empties it, are written down at once: a crash that keeps them from
   * arriving must not leave in doubt how old they are, nor have the next start undo what was emptied.
   */
  #takeDocument(write: PreparedDocument, stamp = this.#author.tick()): PendingDocument {
    const { redisKey, record, text } = write;
    const pending = this.toPending(write, stamp);
    const isOwnerNews = this.#ledger.own(record.name, redisKey);
    const isFirst = this.#ledger.get(redisKey) === undefined;
    const isClear = isEmptyText(text);
    if (isFirst) this.#ledger.saved(redisKey, this.#author.sign(stamp));
    if (isClear) this.#ledger.cleared(redisKey, this.#author.sign(stamp), text);
    if (isOwnerNews || isFirst || isClear) this.#ledger.saveNow(() => this.#author.latest);
    return pending;
  }

  /** A save that says nothing new but whose the local store is. */
  noteOwner({ record, redisKey }: PreparedWrite): void {
    if (this.#ledger.own(record.name, redisKey)) this.#ledger.saveNow(() => this.#author.latest);
  }

  /** Only what has changed, and each save that adds or deletes is written down: what is gone after a crash was deleted. */
  #takeCollection(write: PreparedCollection): PendingCollection | undefined {
    const { redisKey, record, snapshot } = write;
    const before = this.#collections.snapshotOf(redisKey);
    const change = this.#collections.save(write, snapshot, write.source);
    const { bytes, isOfOtherItems, isOfAllItems } = summarize(change ?? NO_CHANGE, before);
    const isEmpty = snapshot === undefined || snapshot.isEmpty;
    const isOwnerNews = this.#ledger.own(record.name, redisKey);
    if (isOwnerNews || isOfOtherItems || isEmpty) this.#ledger.saveNow(() => this.#author.latest);
    if (change === undefined) return undefined;
    // Nothing of it is left: it may be another user's list, or a mistake.
    return this.toPendingChange(write, change, { bytes, keepsPrevious: isEmpty || isOfAllItems });
  }

  /** Makes a value the current one, whatever is there; that is kept. */
  replace(write: PreparedWrite): PendingWrite {
    return write.kind === "collection"
      ? this.toPendingChange(write, this.#collections.replacement(write.snapshot), { keepsPrevious: true })
      : { ...this.toPending(write, this.#author.tick()), keepsPrevious: true };
  }

  /** A save that lost to this store itself, by a clock that ran ahead before a restart: it is made once more. */
  stampAnew(write: PendingDocument): PendingDocument {
    const { redisKey, text } = write;
    const stamp = this.#author.tick();
    if (isEmptyText(text)) {
      this.#ledger.cleared(redisKey, this.#author.sign(stamp), text);
      this.#ledger.saveNow(() => this.#author.latest);
    }
    return { ...write, stamp };
  }

  toPending({ redisKey, userId, record, text, bytes }: PreparedDocument, stamp: Stamp): PendingDocument {
    return {
      kind: "document",
      redisKey,
      userId,
      record,
      text,
      bytes,
      stamp,
      sequence: ++this.#sequence,
      keepsPrevious: isEmptyText(text),
      behindSinceMs: this.#clock.now(),
    };
  }

  toPendingChange(
    { redisKey, userId, record }: CollectionId,
    change: CollectionChange,
    { bytes = bytesOf(change), keepsPrevious = false } = {},
  ): PendingCollection {
    return {
      kind: "collection",
      redisKey,
      userId,
      record,
      change,
      bytes,
      sequence: ++this.#sequence,
      keepsPrevious,
      behindSinceMs: this.#clock.now(),
    };
  }
}
