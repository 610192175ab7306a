import type { Author } from "./author.js";
import { type CollectionChange, type ItemChange, NO_CHANGE } from "./collection-change.js";
import {
  type CollectionSnapshot,
  type ItemSnapshot,
  NO_ITEMS,
  takeCollection,
  takeWholeCollection,
} from "./collection-snapshot.js";
import { compareItems } from "./compare-items.js";
import { IndexReader } from "./index-reader.js";
import { JoinedCollection } from "./joined-collection.js";
import { KnownItems } from "./known-items.js";
import type { Ledger } from "./ledger.js";
import { LocalStores, type LocalStoresOptions } from "./local-stores.js";
import type { RecordDefinition } from "./records.js";
import { findRemoteItems, type RemoteItem, type TakenItem, takeRemoteItems } from "./remote-items.js";
import type { RedisGateway, StoredCollection, StoredIndex } from "./redis-gateway.js";
import { type Source, sourceOf } from "./sources.js";
import type { Version } from "./version.js";
import { type BufferLimits, WriteBuffer } from "./write-buffer.js";

/** Whose which collection. */
export interface CollectionId {
  readonly redisKey: string;
  readonly userId: string;
  readonly record: RecordDefinition;
}

/** What the local store was last found to hold of a collection, or several of them together. */
interface LocalCollection extends CollectionId {
  readonly bytes: number;
  readonly snapshot: CollectionSnapshot;
}

/** The restores of a collection that are under way. */
interface Adoptions {
  times: number;
  /** What the local store was known to hold before the first of them. */
  readonly before: LocalCollection | undefined;
  /** What it holds when the latest of them has succeeded. */
  restored: LocalCollection | undefined;
  /** The versions that these items have in the mirror. */
  versions: ReadonlyMap<string, Version>;
}

/** What the mirror has of a collection, and what it lacks. */
export interface CollectionComparison {
  readonly change: CollectionChange;
  readonly stored: StoredIndex;
}

/** What others have changed of a collection. */
export interface RemoteCollection {
  readonly stored: StoredIndex;
  readonly items: ReadonlyMap<string, RemoteItem>;
}

export interface CollectionsOptions {
  gateway: RedisGateway;
  ledger: Ledger;
  author: Author;
  limits: BufferLimits;
}

/**
 * The collections whose items are merged with those of other instances: what the local store was last found to hold of
 * each, against which the next save is compared, so that only what changed is sent.
 */
export class Collections {
  readonly #indexes: IndexReader;
  readonly #ledger: Ledger;
  readonly #author: Author;
  readonly #locals: WriteBuffer<LocalCollection>;
  readonly #limits: BufferLimits;
  readonly #stores = new Map<string, LocalStores>();
  /** The mirror's index as it was when it was last compared. */
  readonly #fingerprints = new Map<string, string | undefined>();
  /** What is being restored into the local store: the host will save it, and that is no news. */
  readonly #adopting = new Map<string, Adoptions>();
  /** What was taken over of others, by id: a save that shows it so has not changed it. */
  readonly #taken = new Map<string, Map<string, TakenItem>>();
  /** Whose taken items the host is saving. */
  readonly #takingOver = new Set<string>();

  constructor({ gateway, ledger, author, limits }: CollectionsOptions) {
    this.#indexes = new IndexReader(gateway, author);
    this.#ledger = ledger;
    this.#author = author;
    this.#locals = new WriteBuffer(limits);
    this.#limits = limits;
  }

  /** All whose local store is known. */
  keys(): string[] {
    return this.#locals.all().map(({ redisKey }) => redisKey);
  }

  idOf(redisKey: string): CollectionId | undefined {
    return this.#locals.get(redisKey);
  }

  snapshotOf(redisKey: string): CollectionSnapshot | undefined {
    return this.#locals.get(redisKey)?.snapshot;
  }

  // ── Which of several local stores ────────────────────────────────────────────────────────────────────────────────

  /** @param target The host's object whose list it is; `undefined`: the list was handed to the engine. */
  sourceOf(target: unknown): Source {
    return sourceOf(target);
  }

  /** Against which the next list of a store is taken down. */
  lastOf(redisKey: string, source: Source): CollectionSnapshot | undefined {
    return this.#stores.get(redisKey)?.lastOf(source) ?? this.snapshotOf(redisKey);
  }

  /** Whether a store has neither been read nor saved. */
  isNewSource(redisKey: string, source: Source): boolean {
    return this.#stores.get(redisKey)?.isNew(source) ?? true;
  }

  /** Whether another store has saved: then what this one is read to hold says nothing of what they hold together. */
  isBesideOthers(redisKey: string, source: Source): boolean {
    return this.isHeld(redisKey) && this.#stores.get(redisKey)?.isBeside(source) === true;
  }

  /** With what a store was read to hold, its first save is compared. */
  readSource({ redisKey }: CollectionId, snapshot: CollectionSnapshot, source: Source): void {
    this.#storesOf(redisKey).read(source, snapshot);
  }

  #storesOf(redisKey: string): LocalStores {
    const stores = this.#stores.get(redisKey) ?? new LocalStores();
    this.#stores.set(redisKey, stores);
    if (this.#stores.size > 2 * this.#limits.maxKeys)
      for (const key of this.#stores.keys()) if (key !== redisKey && !this.isHeld(key)) this.#stores.delete(key);
    return stores;
  }

  #optionsOf({ redisKey, record: { limit } }: CollectionId): LocalStoresOptions {
    return { known: this.#ledger.itemsOf(redisKey), author: this.#author, limit };
  }

  // ── A save ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What a save has changed; `undefined`: nothing. A `snapshot` of `undefined` deletes the record. */
  save(id: CollectionId, list: CollectionSnapshot | undefined, source: Source): CollectionChange | undefined {
    const before = this.snapshotOf(id.redisKey);
    const stores = this.#storesOf(id.redisKey);
    if (list === undefined) stores.clear(source, before);
    const now = list === undefined ? undefined : stores.save(source, before, list, this.#optionsOf(id));
    const change = this.#change(id, before, now);
    const isEmptied = now === undefined || (now.isEmpty && (now === list || change !== undefined));
    if (isEmptied) this.#noteEmptied(id.redisKey, change?.cleared);
    return change;
  }

  #change(
    id: CollectionId,
    before: CollectionSnapshot | undefined,
    snapshot: CollectionSnapshot | undefined,
  ): CollectionChange | undefined {
    this.#hold(id, snapshot ?? NO_ITEMS);
    if (snapshot === undefined) return { ...NO_CHANGE, cleared: this.#author.next() };
    const adoptions = this.#adopting.get(id.redisKey);
    if (adoptions !== undefined && before !== undefined) return this.#adopted(id.redisKey, before, snapshot, adoptions);
    if (before === undefined) return this.#saveFirst(id, snapshot);
    const items = this.#difference(id, before, snapshot);
    return items.size === 0 ? undefined : { ...NO_CHANGE, items };
  }

  #difference({ redisKey, record }: CollectionId, before: CollectionSnapshot, now: CollectionSnapshot) {
    const items = new Map<string, ItemChange>();
    if (before === now) return items;
    const known = this.#ledger.itemsOf(redisKey);
    let version: Version | undefined;
    const changed = now.changedSince(before);
    if (changed !== undefined) {
      for (const item of changed) {
        if (this.#isTaken(redisKey, item.id, item)) continue;
        addChange(items, known, item, (version ??= this.#author.next()));
      }
      return items;
    }
    for (const [id, item] of now.items) {
      const earlier = before.items.get(id);
      if (earlier === item || this.#isTaken(redisKey, id, item)) continue;
      const oldVersion = earlier === undefined ? this.#oldVersionOf(item, known, before, record.limit) : undefined;
      addChange(items, known, item, oldVersion ?? (version ??= this.#author.next()));
    }
    // It may not have been compared with the mirror yet, and is to be known when it is deleted.
    for (const item of before.items.values())
      if (now.isBeyond(item.id) && known.versionOf(item.id) === undefined)
        known.hold(item, this.#author.signAt(item.recency));
    const ids = new Set([...before.items.keys(), ...known.ids]);
    const deleted = [...ids].filter((id) => !now.items.has(id) && !this.#isNotDeleted(redisKey, id, now));
    this.#addDeletions(items, known, deleted, now, record.limit, () => (version ??= this.#author.next()));
    return items;
  }

  /** Whether a save shows an item as it was taken over of another instance. */
  #isTaken(redisKey: string, id: string, item: ItemSnapshot | undefined): boolean {
    const taken = this.#taken.get(redisKey);
    const change = taken?.get(id);
    if (change === undefined) return false;
    taken!.delete(id);
    if (change.text !== item?.text) return false;
    const known = this.#ledger.itemsOf(redisKey);
    if (item === undefined) known.release(id);
    else known.hold(item, change.version);
    return true;
  }

  /** Whether an item that a save does not show was deleted by another instance, or is left out by a host that takes it over. */
  #isNotDeleted(redisKey: string, id: string, now: CollectionSnapshot): boolean {
    if (now.isBeyond(id)) return false;
    const isLeftOut = this.#takingOver.has(redisKey) && this.#taken.get(redisKey)?.get(id)?.text !== undefined;
    if (isLeftOut) this.#ledger.itemsOf(redisKey).release(id);
    return isLeftOut || this.#isTaken(redisKey, id, undefined);
  }

  /** Nothing is known to compare it with but what is remembered from before: that says what was deleted. */
  #saveFirst({ redisKey, record }: CollectionId, now: CollectionSnapshot): CollectionChange {
    const items = new Map<string, ItemChange>();
    const known = this.#ledger.itemsOf(redisKey);
    const version = this.#author.next();
    for (const item of now.items.values()) items.set(item.id, { version, seen: known.versionOf(item.id), item });
    const absent = [...known.ids].filter((id) => !now.items.has(id));
    this.#addDeletions(items, known, absent, now, record.limit, () => version);
    return { ...NO_CHANGE, items, wholeSince: version };
  }

  /** @param ids Of what the newest items are without now. */
  #addDeletions(
    items: Map<string, ItemChange>,
    known: KnownItems,
    ids: Iterable<string>,
    now: CollectionSnapshot,
    limit: number,
    version: () => Version,
  ): void {
    for (const id of ids) {
      if (now.isBeyond(id)) known.putAside(id, limit);
      else {
        items.set(id, { version: version(), seen: known.versionOf(id), item: undefined });
        known.delete(id, version());
      }
    }
  }

  /** Of an item that has only moved up into what is mirrored, because others above it are gone; `undefined`: it is new. */
  #oldVersionOf(item: ItemSnapshot, known: KnownItems, before: CollectionSnapshot, limit: number): Version | undefined {
    const version = known.versionOf(item.id);
    // Changed while it was beyond what is mirrored, too.
    if (version !== undefined) return known.isUnchanged(item) ? version : undefined;
    const oldest = before.items.size < limit ? undefined : [...before.items.values()].at(-1);
    return oldest !== undefined && item.recency <= oldest.recency ? this.#author.signAt(item.recency) : undefined;
  }

  /**
   * Of an emptied collection there are two notes, since they answer two questions and end at two times. The ledger's entry:
   * whether this store is empty because it was emptied, so that nothing is restored into it; until a later version is seen.
   * `KnownItems.cleared`: whether the record was deleted for everybody, so that a server that does not know of it is told
   * once more; for as long as its items are remembered.
   * @param cleared `undefined`: a list without items was saved, which deletes no more than what this store had.
   */
  #noteEmptied(redisKey: string, cleared: Version | undefined): void {
    if (cleared !== undefined) this.#ledger.itemsOf(redisKey).clear(cleared);
    this.#ledger.cleared(redisKey, cleared ?? this.#author.latest, cleared === undefined ? "[]" : undefined);
  }

  /**
   * What the host has changed of what was restored. What it left out it has not deleted: it may be about to save it, if
   * it takes the items over one by one.
   */
  #adopted(
    redisKey: string,
    before: CollectionSnapshot,
    now: CollectionSnapshot,
    { restored, versions }: Adoptions,
  ): CollectionChange | undefined {
    const known = this.#ledger.itemsOf(redisKey);
    // Beside others, what none of the newest lists shows may be beyond them.
    if (!(now instanceof JoinedCollection)) this.#releaseOthers(known, now);
    const items = new Map<string, ItemChange>();
    let version: Version | undefined;
    for (const item of now.items.values()) {
      if (before.items.get(item.id) === item) continue;
      const versionThere = versions.get(item.id);
      if (versionThere !== undefined && restored?.snapshot.items.get(item.id)?.text === item.text)
        known.hold(item, versionThere);
      else addChange(items, known, item, (version ??= this.#author.next()));
    }
    return items.size === 0 ? undefined : { ...NO_CHANGE, items };
  }

  #releaseOthers(known: KnownItems, { items }: CollectionSnapshot): void {
    for (const id of known.ids) if (!items.has(id)) known.release(id);
  }

  /** Changes once more what somebody with a clock ahead seems to have changed later: it was this store, before a restart. */
  changeAnew(redisKey: string, change: CollectionChange, ids: readonly string[]): CollectionChange {
    const known = this.#ledger.itemsOf(redisKey);
    const version = this.#author.next();
    const items = new Map<string, ItemChange>();
    for (const id of ids) {
      const earlier = change.items.get(id);
      if (earlier === undefined) continue;
      items.set(id, { ...earlier, version });
      if (earlier.item === undefined) known.delete(id, version);
      else if (known.versionOf(id) === earlier.version) known.hold(earlier.item, version);
    }
    return { ...NO_CHANGE, items };
  }

  // ── The local store was read ─────────────────────────────────────────────────────────────────────────────────────

  /** From here on the next save is compared with it. */
  read(id: CollectionId, snapshot: CollectionSnapshot | undefined): void {
    // A local store that holds nothing may have been lost: what it lacks was not deleted.
    if (snapshot === undefined || snapshot.isEmpty) this.#ledger.itemsOf(id.redisKey).releaseAll();
    this.#hold(id, snapshot ?? NO_ITEMS);
  }

  /** Whether the local store's copy has been read or saved. */
  isHeld(redisKey: string): boolean {
    return this.#locals.get(redisKey) !== undefined;
  }

  /** Whether anything is remembered of its items, from before a restart too. */
  isKnown(redisKey: string): boolean {
    return this.#ledger.knowsItemsOf(redisKey);
  }

  /**
   * Compares with the mirror what the local store holds. The answer is what the mirror lacks.
   * @param savedAt When it was saved; `undefined`: it was only read.
   * @throws what the gateway's reading does.
   */
  async compare({ redisKey, record }: CollectionId, savedAt?: Version): Promise<CollectionComparison> {
    const stored = await this.#indexes.read(redisKey);
    const tombstones = await this.#indexes.readTombstones(redisKey, this.#idsOf(redisKey), stored);
    const known = this.#ledger.itemsOf(redisKey);
    const isForeign = stored.version === undefined && stored.hasValue;
    const isUnknown = this.#idsOf(redisKey).some((id) => stored.items.has(id) && known.versionOf(id) === undefined);
    const array = isForeign || isUnknown ? await this.#indexes.readArray(redisKey, record) : undefined;
    // It may have been saved while the mirror was read.
    const local = this.#locals.get(redisKey)?.snapshot;
    if (local === undefined) return { change: NO_CHANGE, stored };
    this.#author.observe(stored.version);
    const texts = new Map([...(array?.items.values() ?? [])].map(({ id, text }) => [id, text]));
    const cleared = this.#clearOf(redisKey, stored);
    const items = compareItems({
      local,
      known,
      stored: cleared === undefined ? stored : clearedBy(cleared, stored),
      tombstones,
      texts,
      limit: record.limit,
      savedAt,
      author: this.#author,
    });
    // An array of which there are no notes: somebody else's, or they were evicted. Its items are as old as they say.
    if (isForeign) for (const item of array?.items.values() ?? []) this.#addForeign(items, item);
    return { change: { items, cleared, wholeSince: undefined }, stored };
  }

  /** What a comparison has shown to be lacking is being sent: until the index is another one, there is nothing to compare. */
  compared(redisKey: string, { fingerprint }: StoredIndex): void {
    this.#fingerprints.set(redisKey, fingerprint);
  }

  // ── What others have changed ─────────────────────────────────────────────────────────────────────────────────────

  /** Compares with the mirror what is known of its items. @throws what the gateway's reading does. */
  async findRemote(id: CollectionId): Promise<RemoteCollection> {
    return this.#withRemoteItems(id, await this.#indexes.read(id.redisKey));
  }

  /** The same, with the items themselves. @throws what the gateway's reading does. */
  async readRemote(id: CollectionId): Promise<RemoteCollection & { readonly stored: StoredCollection }> {
    return this.#withRemoteItems(id, await this.#indexes.readWithItems(id.redisKey));
  }

  /** What the host's list becomes with what others have changed, for the host to save; `undefined`: it stays. */
  take(
    { redisKey, record }: CollectionId,
    { items }: RemoteCollection,
    value: unknown,
    local: readonly unknown[],
  ): readonly unknown[] | undefined {
    const array = takeWholeCollection(record, value);
    if ("refusal" in array) return undefined;
    const known = this.#ledger.itemsOf(redisKey);
    const taking = takeRemoteItems({ record, local, remote: items, array, known });
    if (taking === undefined) return undefined;
    this.#taken.set(redisKey, new Map(taking.taken));
    this.#takingOver.add(redisKey);
    return taking.list;
  }

  /** The host has saved what it took over, or has not. What it has saved without our knowledge, its next save shows. */
  takenOver(redisKey: string): void {
    this.#takingOver.delete(redisKey);
  }

  async #withRemoteItems<Stored extends StoredIndex>(
    { redisKey, record }: CollectionId,
    stored: Stored,
  ): Promise<RemoteCollection & { readonly stored: Stored }> {
    this.#author.observe(stored.version);
    const known = this.#ledger.knowsItemsOf(redisKey) ? this.#ledger.itemsOf(redisKey) : new KnownItems();
    const tombstones = await this.#indexes.readTombstones(redisKey, [...known.ids], stored);
    const items = findRemoteItems({ stored, known, tombstones, limit: record.limit, author: this.#author });
    return { stored, items };
  }

  /** Whether the mirror's index is another one than was compared. */
  isChanged(redisKey: string, fingerprint: string | undefined): boolean {
    return !this.#fingerprints.has(redisKey) || this.#fingerprints.get(redisKey) !== fingerprint;
  }

  /** A change has arrived, or was given up: what the index looks like now, the next comparison tells. */
  outdate(redisKey: string): void {
    this.#fingerprints.delete(redisKey);
  }

  #idsOf(redisKey: string): string[] {
    return [...(this.#locals.get(redisKey)?.snapshot.items.keys() ?? [])];
  }

  #addForeign(items: Map<string, ItemChange>, item: ItemSnapshot): void {
    if (items.has(item.id)) return;
    items.set(item.id, { version: this.#author.signAt(item.recency), seen: undefined, item });
  }

  /** A deletion of the whole record that the mirror does not know of: it did not arrive, or was lost. */
  #clearOf(redisKey: string, stored: StoredIndex): Version | undefined {
    const { cleared } = this.#ledger.itemsOf(redisKey);
    return cleared !== undefined && (stored.cleared ?? "") < cleared ? cleared : undefined;
  }

  // ── Restoring ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is in the mirror although it was deleted here: the news of that is still to come, or was lost. */
  deletionsIn(redisKey: string, stored: StoredIndex): CollectionChange[] {
    if (!this.#ledger.knowsItemsOf(redisKey)) return [];
    const { deleted, cleared = "" } = this.#ledger.itemsOf(redisKey);
    const items = [...stored.items].flatMap(([id, { version: there }]): [string, ItemChange][] => {
      const version = deleted.get(id) ?? cleared;
      return there < version || there <= cleared ? [[id, { version, seen: undefined, item: undefined }]] : [];
    });
    return items.length === 0 ? [] : [{ ...NO_CHANGE, items: new Map(items) }];
  }

  /** The local store is about to take over what was found; the answer takes that back. */
  adopt(id: CollectionId, value: unknown, stored: StoredIndex, source: Source): () => void {
    const { redisKey, record } = id;
    const before = this.#locals.get(redisKey);
    const snapshot = takeCollection(record, value, undefined);
    const adoptions = this.#adopting.get(redisKey) ?? { times: 0, before, restored: undefined, versions: new Map() };
    adoptions.times++;
    this.#adopting.set(redisKey, adoptions);
    if ("refusal" in snapshot) return () => {};
    const known = this.#ledger.itemsOf(redisKey);
    const stores = this.#storesOf(redisKey);
    const versions = new Map<string, Version>();
    for (const { id: itemId, recency } of snapshot.items.values())
      versions.set(itemId, stored.items.get(itemId)?.version ?? this.#author.signAt(recency));
    const isLater = (itemId: string) => versions.get(itemId)! > (known.versionOf(itemId) ?? "");
    const together = stores.adopt(source, before?.snapshot, snapshot, { limit: record.limit, isLater });
    const isAlone = together === snapshot;
    if (isAlone) this.#releaseOthers(known, snapshot);
    // Another store may have changed one since.
    for (const item of snapshot.items.values())
      if (together.items.get(item.id) === item) known.hold(item, versions.get(item.id)!);
    adoptions.versions = versions;
    this.#hold(id, together);
    adoptions.restored = this.#locals.get(redisKey);
    return () => {
      // It was saved since, perhaps by another restore that has succeeded.
      if (this.#locals.get(redisKey) !== adoptions.restored) return;
      stores.takeBack(snapshot, adoptions.before?.snapshot);
      if (isAlone) known.releaseAll();
      else
        for (const item of snapshot.items.keys()) if (!adoptions.before!.snapshot.items.has(item)) known.release(item);
      if (adoptions.before === undefined) this.#locals.remove(redisKey);
      else this.#locals.put(adoptions.before);
    };
  }

  adoptionOver(redisKey: string): void {
    const adoptions = this.#adopting.get(redisKey);
    if (adoptions === undefined) return;
    adoptions.times--;
    if (adoptions.times === 0) this.#adopting.delete(redisKey);
  }

  /** Makes a list the current one, whatever is there. */
  replacement(snapshot: CollectionSnapshot = NO_ITEMS): CollectionChange {
    const cleared = this.#author.next();
    const version = this.#author.next();
    const items = [...snapshot.items].map(([id, item]) => [id, { version, seen: undefined, item }] as const);
    return { items: new Map(items), cleared, wholeSince: undefined };
  }

  #hold(id: CollectionId, snapshot: CollectionSnapshot): void {
    const { redisKey, userId, record } = id;
    const bytes = snapshot.bytes + (this.#stores.get(redisKey)?.bytesBeside(snapshot) ?? 0);
    for (const evicted of this.#locals.put({ redisKey, userId, record, bytes, snapshot })) {
      this.#fingerprints.delete(evicted.redisKey);
      this.#stores.delete(evicted.redisKey);
      this.#ledger.forgetTextsOf(evicted.redisKey);
    }
  }
}

/** The local store holds an item in this version from now on. */
function addChange(items: Map<string, ItemChange>, known: KnownItems, item: ItemSnapshot, version: Version): void {
  items.set(item.id, { version, seen: known.versionOf(item.id), item });
  known.hold(item, version);
}

/** What will be there once a clear has arrived. */
function clearedBy(cleared: Version, stored: StoredIndex): StoredIndex {
  return { ...stored, cleared, items: new Map([...stored.items].filter(([, { version }]) => version > cleared)) };
}
