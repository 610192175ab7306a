import type { Author } from "./author.js";
import { type CollectionSnapshot, type ItemSnapshot, NO_ITEMS } from "./collection-snapshot.js";
import { digestOf } from "./digest.js";
import { JoinedCollection } from "./joined-collection.js";
import type { KnownItems } from "./known-items.js";
import { setLast } from "./set-last.js";
import type { Source } from "./sources.js";

/** Of so many stores the latest list is remembered, and of as many that were only read. The rest count as new. */
export const MAX_STORES = 8;

/** Whose doing it is that a restored item gives way. */
const NOBODY: Source = -1;

/** So many states of items are remembered that another store may still show. */
const MAX_SUPERSEDED = 1_000;

export interface LocalStoresOptions {
  readonly known: KnownItems;
  readonly author: Author;
  readonly limit: number;
}

/** The list that a store's next one is compared with. */
interface Base {
  readonly list: CollectionSnapshot;
  /** Those that its own may not have been: it has deleted only what all of them show. */
  readonly others: readonly CollectionSnapshot[];
}

/**
 * The local stores of one collection that a process has several of: each an object of the host's with a list of its own,
 * which may be out of date. What one saves is compared with what that one has shown before. As long as there is but one,
 * its list is what is held, and nothing is done here.
 */
export class LocalStores {
  /** The only one that has saved. */
  #alone: Source | undefined;
  /** What they hold together, however many items these are; `undefined`: there is but one of them. */
  #together: Map<string, ItemSnapshot> | undefined;
  /** What each of them has shown last. */
  readonly #shown = new Map<Source, CollectionSnapshot>();
  /** What was only read: an object that loads may not be the one that saves. */
  readonly #readings = new Map<Source, CollectionSnapshot>();
  /** Whose loader was found to be whose. */
  readonly #saverOf = new Map<Source, Source>();
  /** The states of items that another one has taken the place of, and whose doing it was. */
  readonly #superseded = new Map<string, Source>();

  /** What is held beside `snapshot`, in bytes. */
  bytesBeside(snapshot: CollectionSnapshot): number {
    if (this.#together === undefined && this.#readings.size === 0) return 0;
    let bytes = 0;
    for (const list of [...this.#shown.values(), ...this.#readings.values()])
      if (list !== snapshot) bytes += list.bytes;
    return bytes;
  }

  /** The last list of a store; `undefined`: it has shown none, or it is the one that is held. */
  lastOf(source: Source): CollectionSnapshot | undefined {
    return this.#shown.get(source) ?? this.#readings.get(source);
  }

  // ── A store was read ─────────────────────────────────────────────────────────────────────────────────────────────

  isNew(source: Source): boolean {
    return this.#alone !== source && this.lastOf(source) === undefined && !this.#saverOf.has(source);
  }

  /** Whether others have saved. */
  isBeside(source: Source): boolean {
    if (this.#together !== undefined) return true;
    return this.#alone !== undefined && this.#alone !== (this.#saverOf.get(source) ?? source);
  }

  read(source: Source, list: CollectionSnapshot): void {
    if (this.isNew(source)) return setLast(this.#readings, source, list, MAX_STORES);
    const saver = this.#saverOf.get(source) ?? source;
    // It may have been lost: what it lacks was not deleted.
    if (list.isEmpty && this.#shown.has(saver)) this.#shown.set(saver, NO_ITEMS);
  }

  // ── A store was saved ────────────────────────────────────────────────────────────────────────────────────────────

  /** @param held What is known to be held. @returns What is held now. */
  save(
    source: Source,
    held: CollectionSnapshot | undefined,
    list: CollectionSnapshot,
    options: LocalStoresOptions,
  ): CollectionSnapshot {
    if (held === undefined || this.#alone === undefined) this.#beginWith(source, list);
    if (this.#isOnly(source)) {
      if (this.#readings.size > 0 && held !== undefined) this.#supersedeAlone(source, held, list);
      return list;
    }
    const together = this.#join(held!);
    const last = this.#shown.get(source);
    if (last === list) return held!;
    const base = last === undefined ? this.#baseOf(source, list) : { list: last, others: [] };
    setLast(this.#shown, source, list, MAX_STORES);
    for (const item of list.items.values()) this.#saveItem(source, item, base, together, options);
    const isDeleted = (id: string) => base !== undefined && hasDeleted(id, base, list);
    for (const id of together.keys()) if (isDeleted(id)) this.#supersede(source, together, id);
    return new JoinedCollection({ together: this.#bound(together, options), limit: options.limit, isDeleted });
  }

  /** Everything is deleted, for all of them. */
  clear(source: Source, held: CollectionSnapshot | undefined): void {
    if (held === undefined || this.#alone === undefined) this.#beginWith(source, NO_ITEMS);
    if (this.#isOnly(source)) {
      if (this.#readings.size > 0 && held !== undefined) this.#supersedeAlone(source, held, NO_ITEMS);
      return;
    }
    const together = this.#join(held!);
    for (const id of together.keys()) this.#supersede(source, together, id);
    setLast(this.#shown, source, NO_ITEMS, MAX_STORES);
  }

  /** What it has read is held already, and is what its first list is compared with. */
  #beginWith(source: Source, list: CollectionSnapshot): void {
    this.#alone = source;
    this.#claimReading(source, list);
  }

  #isOnly(source: Source): boolean {
    return this.#together === undefined && this.#alone === source;
  }

  #join(held: CollectionSnapshot): Map<string, ItemSnapshot> {
    if (this.#together === undefined) this.#shown.set(this.#alone!, held);
    return (this.#together ??= new Map(held.items));
  }

  #saveItem(
    source: Source,
    item: ItemSnapshot,
    base: Base | undefined,
    together: Map<string, ItemSnapshot>,
    options: LocalStoresOptions,
  ): void {
    const known = together.get(item.id);
    const last = base?.list.items.get(item.id);
    if (isSame(item, known)) return;
    if (isSame(item, last)) {
      if (known === undefined && this.#isBeyond(item.id)) together.set(item.id, item);
      return;
    }
    // Out of date: this store has read it meanwhile, and another one has changed it since.
    const isItsOwn = last !== undefined && isSame(last, known);
    if (!isItsOwn && (this.#superseded.get(stateOf(item)) ?? source) !== source) return;
    // In its first list it may be in a state from before anybody saved, and so may what moves up in one.
    const isOld = known === undefined ? isGone(item, options) : item.recency <= known.recency;
    if (isOld && (base === undefined || base.list.isBeyond(item.id))) return;
    this.#supersede(source, together, item.id);
    together.set(item.id, item);
  }

  #supersede(source: Source, together: Map<string, ItemSnapshot>, id: string): void {
    const item = together.get(id);
    if (item === undefined) return;
    together.delete(id);
    this.#noteSuperseded(source, item);
  }

  /** Somebody has read what is replaced here, and has not saved yet. */
  #supersedeAlone(source: Source, held: CollectionSnapshot, list: CollectionSnapshot): void {
    if (held === list) return;
    for (const [id, item] of held.items)
      if (!list.isBeyond(id) && !isSame(item, list.items.get(id))) this.#noteSuperseded(source, item);
  }

  #noteSuperseded(source: Source, item: ItemSnapshot): void {
    this.#superseded.set(stateOf(item), source);
    if (this.#superseded.size > MAX_SUPERSEDED) this.#superseded.delete(this.#superseded.keys().next().value!);
  }

  /** Whether it has only made room in what is mirrored. */
  #isBeyond(id: string): boolean {
    for (const list of this.#shown.values()) if (list.isBeyond(id)) return true;
    return false;
  }

  #bound(together: Map<string, ItemSnapshot>, { limit }: LocalStoresOptions): Map<string, ItemSnapshot> {
    if (together.size <= MAX_STORES * limit) return together;
    const oldest = [...together.values()].sort((one, other) => one.recency - other.recency);
    for (const { id } of oldest.slice(0, together.size - MAX_STORES * limit)) together.delete(id);
    return together;
  }

  // ── Who loads and who saves may be two ───────────────────────────────────────────────────────────────────────────

  /** What a store that saves for the first time has read, as far as can be told. */
  #baseOf(source: Source, list: CollectionSnapshot): Base | undefined {
    const others = this.#readings.has(source) ? [] : [...this.#readings.values()];
    const reading = this.#claimReading(source, list);
    return reading === undefined ? undefined : { list: reading, others };
  }

  /** Its own, or else of those that nobody has claimed the one that is most alike. */
  #claimReading(source: Source, list: CollectionSnapshot): CollectionSnapshot | undefined {
    const own = this.#readings.get(source);
    this.#readings.delete(source);
    if (own !== undefined) return own;
    let closest: { reader: Source; reading: CollectionSnapshot; distance: number } | undefined;
    for (const [reader, reading] of this.#readings) {
      const common = [...list.items.keys()].filter((id) => reading.items.has(id)).length;
      // With nothing in common, it may be of a store that was never read.
      if (this.#together !== undefined && common === 0 && !reading.isEmpty) continue;
      const distance = list.items.size + reading.items.size - 2 * common;
      if (closest === undefined || distance < closest.distance) closest = { reader, reading, distance };
    }
    if (closest === undefined) return undefined;
    this.#readings.delete(closest.reader);
    setLast(this.#saverOf, closest.reader, source, MAX_STORES);
    return closest.reading;
  }

  // ── Restoring ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * What is held when one of the stores takes over `restored`.
   * @param isLater Whether an item is later there than what is known of it here.
   */
  adopt(
    source: Source,
    held: CollectionSnapshot | undefined,
    restored: CollectionSnapshot,
    { limit, isLater }: { readonly limit: number; isLater(id: string): boolean },
  ): CollectionSnapshot {
    if (held === undefined || !this.isBeside(source)) return restored;
    const together = this.#join(held);
    for (const [id, item] of restored.items) {
      const known = together.get(id);
      if (isSame(item, known)) continue;
      if (known !== undefined && !isLater(id)) {
        // That store will show it so.
        this.#noteSuperseded(NOBODY, item);
        continue;
      }
      this.#supersede(source, together, id);
      together.set(id, item);
    }
    return new JoinedCollection({ together, limit, isDeleted: () => false });
  }

  /** It was not taken over. */
  takeBack(restored: CollectionSnapshot, held: CollectionSnapshot | undefined): void {
    for (const id of restored.items.keys()) if (held?.items.has(id) !== true) this.#together?.delete(id);
  }
}

function hasDeleted(id: string, { list: last, others }: Base, list: CollectionSnapshot): boolean {
  if (list.items.has(id) || list.isBeyond(id)) return false;
  const hadIt = (one: CollectionSnapshot) => one.items.has(id) || one.isBeyond(id);
  return hadIt(last) && others.every(hadIt);
}

/** Whether it was deleted here, and not worked on since. */
function isGone({ id, recency }: ItemSnapshot, { known, author }: LocalStoresOptions): boolean {
  const deleted = known.deleted.get(id) ?? known.cleared;
  return deleted !== undefined && author.signAt(recency) <= deleted;
}

function isSame(one: ItemSnapshot | undefined, other: ItemSnapshot | undefined): boolean {
  return one === other || (one !== undefined && one.recency === other?.recency && one.text === other.text);
}

function stateOf({ id, text }: ItemSnapshot): string {
  return `${id} ${digestOf(text)}`;
}
