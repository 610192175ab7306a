import type { CollectionSnapshot, ItemSnapshot } from "./collection-snapshot.js";
import type { WireItem } from "./redis-gateway.js";
import { type Version, writerOf } from "./version.js";

/** What became of one item. */
export interface ItemChange {
  readonly version: Version;
  /** The version of it that this instance had seen before. */
  readonly seen: Version | undefined;
  /** As it is now; `undefined`: deleted. */
  readonly item: ItemSnapshot | undefined;
}

/** What is to be changed of a collection in the mirror. */
export interface CollectionChange {
  readonly items: ReadonlyMap<string, ItemChange>;
  /** Everything up to this version goes; `undefined`: nothing does. */
  readonly cleared: Version | undefined;
  /**
   * When the first save was made of which the mirror must say what of it is to be sent, since nothing was known to compare
   * it with; `undefined`: all that has changed is known.
   */
  readonly wholeSince: Version | undefined;
}

export const NO_CHANGE: CollectionChange = { items: new Map(), cleared: undefined, wholeSince: undefined };

/** Both of them, in whatever order they were made: of each item the later change. */
export function combineChanges(one: CollectionChange, other: CollectionChange): CollectionChange {
  const gathered = new GatheredChange(one);
  gathered.add(other);
  return gathered;
}

/**
 * Changes that wait together, combined in place: each save adds a few to fifty that wait already. Whoever has looked at
 * the items keeps what there was then, and only after that the next change costs a copy of them.
 */
export class GatheredChange implements CollectionChange {
  #items: Map<string, ItemChange>;
  #areShared = false;
  #bytes: number;
  #cleared: Version | undefined;
  #wholeSince: Version | undefined;

  constructor(change: CollectionChange) {
    this.#items = new Map(change.items);
    this.#bytes = bytesOf(change);
    this.#cleared = change.cleared;
    this.#wholeSince = change.wholeSince;
  }

  get items(): ReadonlyMap<string, ItemChange> {
    this.#areShared = true;
    return this.#items;
  }

  /** As `bytesOf` counts. */
  get bytes(): number {
    return this.#bytes;
  }

  get cleared(): Version | undefined {
    return this.#cleared;
  }

  get wholeSince(): Version | undefined {
    return this.#wholeSince;
  }

  add({ items, cleared, wholeSince }: CollectionChange): void {
    if (this.#areShared) {
      this.#items = new Map(this.#items);
      this.#areShared = false;
    }
    for (const [id, change] of items) {
      const rival = this.#items.get(id);
      const combined = rival === undefined ? change : combineItems(rival, change);
      this.#items.set(id, combined);
      this.#bytes += weigh(id, combined) - (rival === undefined ? 0 : weigh(id, rival));
    }
    this.#cleared = later(this.#cleared, cleared);
    this.#wholeSince = earlier(this.#wholeSince, wholeSince);
    if (this.#cleared !== undefined) this.#removeUntil(this.#cleared);
  }

  #removeUntil(cleared: Version): void {
    for (const [id, change] of this.#items) {
      if (change.version > cleared) continue;
      this.#items.delete(id);
      this.#bytes -= weigh(id, change);
    }
  }
}

/** As it is now, whatever is added to it. */
export function asItIs({ items, cleared, wholeSince }: CollectionChange): CollectionChange {
  return { items, cleared, wholeSince };
}

/** Without what a comparison has to decide on. */
export function withoutWhole({ items, cleared, wholeSince }: CollectionChange): CollectionChange {
  const decided = [...items].filter(([, { version, item }]) => item === undefined || version !== wholeSince);
  return { items: new Map(decided), cleared, wholeSince };
}

/** What the earlier one had seen, was seen by the later one too: it was made here. */
function combineItems(one: ItemChange, other: ItemChange): ItemChange {
  const [earlier, latest] = one.version <= other.version ? [one, other] : [other, one];
  return { ...latest, seen: isSameWriter(latest.seen, latest.version) ? (earlier.seen ?? latest.seen) : latest.seen };
}

function later(one: Version | undefined, other: Version | undefined): Version | undefined {
  return (one ?? "") > (other ?? "") ? one : (other ?? one);
}

function earlier(one: Version | undefined, other: Version | undefined): Version | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

function isSameWriter(one: Version | undefined, other: Version): boolean {
  return one !== undefined && writerOf(one) === writerOf(other);
}

/** Against the limits of what may wait: at least something for each item. */
export function bytesOf({ items }: CollectionChange): number {
  let bytes = 0;
  for (const [id, change] of items) bytes += weigh(id, change);
  return bytes;
}

function weigh(id: string, { item }: ItemChange): number {
  return id.length + (item?.bytes ?? 0);
}

/** What is to be known of a save's change before it waits. */
export interface ChangeSummary {
  readonly bytes: number;
  /** Whether an item is there that was not, or is not there any more. */
  readonly isOfOtherItems: boolean;
  /** Whether nothing is left of what was there before. */
  readonly isOfAllItems: boolean;
}

/** @param before Against which the change was found; `undefined`: nothing was known. */
export function summarize({ items }: CollectionChange, before: CollectionSnapshot | undefined): ChangeSummary {
  let bytes = 0;
  let isOfOtherItems = false;
  let hasDeletions = false;
  let gone = 0;
  for (const [id, change] of items) {
    bytes += weigh(id, change);
    isOfOtherItems ||= change.seen === undefined || change.item === undefined;
    if (change.item !== undefined) continue;
    hasDeletions = true;
    if (before?.items.has(id) === true) gone++;
  }
  return { bytes, isOfOtherItems, isOfAllItems: hasDeletions && gone === before?.items.size };
}

export function toWireItems({ items }: CollectionChange): WireItem[] {
  return [...items].map(([id, { version, seen, item }]) => ({
    id,
    version,
    // What the same process wrote, it has seen.
    seen: isSameWriter(seen, version) ? undefined : seen,
    recency: item?.recency ?? 0,
    body: item?.text,
  }));
}
