import type { Clock, Timer } from "./clock.js";
import { digestOf } from "./digest.js";
import { KnownItems, type KnownItemsPage, isKnownItems } from "./known-items.js";
import type { Memento } from "./memento.js";
import { parseVersion, type Version } from "./version.js";
import { setLast } from "./set-last.js";

/** What this instance knows of one record in the mirror. */
export interface LedgerEntry {
  /** The newest version that it has seen: written itself, or read. Empty: none yet. */
  readonly version: Version;
  /** Its first save of the record, while no save has arrived. */
  readonly firstSave?: Version;
  /** Of the value at that version; `undefined` for secrets, of which not even that leaves the process. */
  readonly digest?: string;
  /** The same of a secret. Not written down. */
  readonly secretDigest?: string;
  /** Whether only a part of what lies there was seen: then it is to be kept when it is overwritten. */
  readonly isPartial?: boolean;
  /**
   * A save that emptied or deleted the record, as JSON; until a later version is seen, what it emptied stays gone. Of a
   * collection `KnownItems.cleared` is another note, for another question: `Collections` makes both, and says which is which.
   */
  readonly cleared?: { readonly version: Version; readonly text: string | null };
}

/** What lies in the memento. Read with suspicion: it is a file that anything may have happened to. */
interface Page {
  readonly store: string;
  readonly latest: Version;
  readonly records: [redisKey: string, entry: LedgerEntry][];
  readonly owners: [record: string, redisKey: string][];
  readonly sealed: string[];
  readonly collections: [redisKey: string, items: KnownItemsPage][];
}

const MEMENTO_KEY = "redisMirrored.versions";

/** In memory, and beside the local store. */
const MAX_ENTRIES = 10_000;
const MAX_KEPT_ENTRIES = 1_000;
const MAX_KEPT_COLLECTIONS = 16;

/** How long what was learnt of versions may wait to be written down. */
export const LEDGER_DELAY_MS = 2_000;

/** Which versions this instance has seen, across restarts where there is a memento. */
export class Ledger {
  readonly #memento: Memento;
  readonly #clock: Clock;
  readonly #entries: Map<string, LedgerEntry>;
  /** The latest of them, which are written down. */
  readonly #newest: Map<string, LedgerEntry>;
  readonly #owners: Map<string, string>;
  readonly #collections = new Map<string, KnownItems>();
  readonly #sealed: Map<string, true>;
  /** Names the local store in the versions of what is saved from it. */
  readonly store: string;
  /** The latest version that was given or seen before. */
  readonly latest: Version | undefined;
  #isChanged = false;
  #latestWritten: Version | undefined;
  #timer: Timer | undefined;
  #isAboutToSave = false;
  #isClosed = false;
  #isHandedOver = false;

  /** @param randomId Makes the name of a store that has none yet. */
  constructor(memento: Memento, clock: Clock, randomId: () => string) {
    this.#memento = memento;
    this.#clock = clock;
    const page = readPage(memento);
    this.store = page?.store ?? randomId();
    this.latest = page?.latest;
    this.#entries = new Map(page?.records);
    this.#newest = new Map(page?.records);
    this.#owners = new Map(page?.owners);
    this.#sealed = new Map(page?.sealed.map((redisKey) => [redisKey, true]));
    for (const [redisKey, items] of page?.collections ?? []) this.#collections.set(redisKey, KnownItems.from(items));
  }

  get(redisKey: string): LedgerEntry | undefined {
    return this.#entries.get(redisKey);
  }

  /** The records that were seen at some time. */
  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /** What is known of a collection's items, to be read and written. */
  itemsOf(redisKey: string): KnownItems {
    const known = this.#collections.get(redisKey) ?? new KnownItems();
    setLast(this.#collections, redisKey, known, MAX_ENTRIES);
    return known;
  }

  knowsItemsOf(redisKey: string): boolean {
    return this.#collections.has(redisKey);
  }

  forgetTextsOf(redisKey: string): void {
    this.#collections.get(redisKey)?.forgetTexts();
  }

  /** Whether an encrypted value of a record was seen or saved, which since then has not been saved in plain from here. */
  isSealed(redisKey: string): boolean {
    return this.#sealed.has(redisKey);
  }

  /** The answer is whether that is news. */
  seal(redisKey: string): boolean {
    const isNews = !this.#sealed.has(redisKey);
    setLast(this.#sealed, redisKey, true, MAX_ENTRIES);
    this.#isChanged ||= isNews;
    return isNews;
  }

  /** @param text `undefined`: nothing is there, or it does not matter what. */
  saw(redisKey: string, version: Version, text: string | undefined, isSecret = false, isPartial = false): void {
    const cleared = this.#entries.get(redisKey)?.cleared;
    const isStillCleared = cleared !== undefined && version <= cleared.version;
    if (!isSecret) this.#sealed.delete(redisKey);
    this.#put(redisKey, {
      version,
      ...(text !== undefined && { [isSecret ? "secretDigest" : "digest"]: digestOf(text) }),
      ...(isPartial && { isPartial }),
      ...(isStillCleared && { cleared }),
    });
  }

  /** Whether a local value is what it was at the version that is known, as far as that is known. */
  isUnchanged(redisKey: string, text: string): boolean {
    const { digest, secretDigest, cleared } = this.#entries.get(redisKey) ?? {};
    const known = digest ?? secretDigest;
    return known === undefined ? cleared?.text === text : known === digestOf(text);
  }

  /** The first save of a record of which nothing is known. */
  saved(redisKey: string, version: Version): void {
    this.#put(redisKey, { version: "", firstSave: version });
  }

  /** A save that emptied or deleted the record was made, and may not have arrived yet. */
  cleared(redisKey: string, version: Version, text: string | undefined): void {
    this.#put(redisKey, {
      ...(this.#entries.get(redisKey) ?? { version: "" }),
      cleared: { version, text: text ?? null },
    });
  }

  /** Puts back what was known before. */
  restore(redisKey: string, entry: LedgerEntry | undefined): void {
    if (entry !== undefined) this.#put(redisKey, entry);
    else {
      this.#newest.delete(redisKey);
      this.#isChanged = this.#entries.delete(redisKey) || this.#isChanged;
    }
  }

  /** Whose the local store's copy of a record is: the last under whose name it was saved here. */
  ownerOf(record: string): string | undefined {
    return this.#owners.get(record);
  }

  /** The answer is whether that was news. */
  own(record: string, redisKey: string): boolean {
    if (this.#owners.get(record) === redisKey) return false;
    this.#owners.set(record, redisKey);
    this.#isChanged = true;
    return true;
  }

  /** Writes it down within two seconds, if there is news. @param latest The latest version that was given or seen. */
  saveSoon(latest: () => Version): void {
    const isNews = this.#isChanged || latest() !== this.#latestWritten;
    if (!isNews || this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#clock.setTimeout(() => void this.#save(latest()), LEDGER_DELAY_MS);
    this.#timer.unref?.();
  }

  /** Writes it down at once, but for what else happens in this turn of the event loop: many first saves are one writing. */
  saveNow(latest: () => Version): void {
    if (this.#isAboutToSave) return;
    this.#isAboutToSave = true;
    queueMicrotask(() => {
      this.#isAboutToSave = false;
      void this.#save(latest());
    });
  }

  /** Does not reject: a memento that fails costs a few kept values, not a save. */
  async #save(latest: Version): Promise<void> {
    this.#cancelTimer();
    if (this.#isHandedOver) return;
    this.#isChanged = false;
    this.#latestWritten = latest;
    const page: Page = {
      store: this.store,
      latest,
      records: [...this.#newest].map(([redisKey, { secretDigest: _unwritten, ...entry }]) => [redisKey, entry]),
      owners: [...this.#owners],
      sealed: [...this.#sealed.keys()].slice(-MAX_KEPT_ENTRIES),
      collections: this.#collectionPages(),
    };
    try {
      await this.#memento.update(MEMENTO_KEY, page);
    } catch {
      this.#isChanged = true;
    }
  }

  #collectionPages(): Page["collections"] {
    const latest = [...this.#collections].slice(-MAX_KEPT_COLLECTIONS);
    return latest.map(([redisKey, known]) => [redisKey, known.toPage()]);
  }

  /** Writes it down for the last time. */
  close(latest: Version): void {
    this.#isClosed = true;
    void this.#save(latest);
  }

  /** Another ledger of the same store goes on from here: what this one still learns must not be written over it. */
  handOver(latest: Version): void {
    this.close(latest);
    this.#isHandedOver = true;
  }

  #cancelTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #put(redisKey: string, entry: LedgerEntry): void {
    setLast(this.#entries, redisKey, entry, MAX_ENTRIES);
    setLast(this.#newest, redisKey, entry, MAX_KEPT_ENTRIES);
    this.#isChanged = true;
  }
}

function readPage(memento: Memento): Page | undefined {
  try {
    const page = memento.get(MEMENTO_KEY) as Partial<Page> | undefined;
    if (typeof page?.store !== "string" || !/^[0-9a-z]+$/.test(page.store)) return undefined;
    return {
      store: page.store,
      latest: typeof page.latest === "string" ? page.latest : "",
      records: pairsOf(page.records).filter((pair): pair is Page["records"][number] => isEntry(pair[1])),
      owners: pairsOf(page.owners).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
      sealed: Array.isArray(page.sealed) ? page.sealed.filter((redisKey) => typeof redisKey === "string") : [],
      collections: pairsOf(page.collections).filter((pair): pair is Page["collections"][number] =>
        isKnownItems(pair[1]),
      ),
    };
  } catch {
    return undefined;
  }
}

function pairsOf(value: unknown): [string, unknown][] {
  const isPair = (pair: unknown): pair is [string, unknown] => Array.isArray(pair) && typeof pair[0] === "string";
  return Array.isArray(value) ? value.filter(isPair) : [];
}

function isEntry(value: unknown): value is LedgerEntry {
  const entry = value as Partial<LedgerEntry> | null;
  if (typeof entry?.version !== "string" || !["string", "undefined"].includes(typeof entry.digest)) return false;
  if (entry.firstSave !== undefined && parseVersion(entry.firstSave) === undefined) return false;
  if (entry.cleared === undefined) return true;
  const { version, text } = entry.cleared ?? {};
  return parseVersion(version) !== undefined && (text === null || typeof text === "string");
}
