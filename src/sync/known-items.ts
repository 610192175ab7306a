import type { ItemSnapshot } from "./collection-snapshot.js";
import { digestOf } from "./digest.js";
import { parseVersion, type Version } from "./version.js";
import { setLast } from "./set-last.js";

/** How many deletions are remembered: should a server come back in an older state, they are made again. */
const MAX_DELETED = 1_000;

/** So many items are known beyond those that the mirror's array shows, for each of these. */
const ASIDE_FACTOR = 4;

/** An item of the local store: under which version it is in the mirror, or is to be. */
interface KnownItem {
  readonly version: Version;
  /** As it was then; after a restart only its digest is known. */
  readonly item: ItemSnapshot | undefined;
  /** Made when it is first asked for: not in a save. */
  digest: string | undefined;
}

/** As it is written down. */
export interface KnownItemsPage {
  readonly items: readonly (readonly [id: string, version: Version, digest: string])[];
  readonly deleted: readonly (readonly [id: string, version: Version])[];
  readonly cleared?: Version | undefined;
}

/** What this instance knows of the items of one collection: those of its local store, and those it has deleted. */
export class KnownItems {
  readonly #items = new Map<string, KnownItem>();
  readonly #deleted = new Map<string, Version>();
  #cleared: Version | undefined;

  static from(page: KnownItemsPage): KnownItems {
    const known = new KnownItems();
    for (const [id, version, digest] of page.items) known.#items.set(id, { version, item: undefined, digest });
    for (const [id, version] of page.deleted) known.#deleted.set(id, version);
    known.#cleared = page.cleared;
    return known;
  }

  get ids(): Iterable<string> {
    return this.#items.keys();
  }

  /** What was deleted here, and when. */
  get deleted(): ReadonlyMap<string, Version> {
    return this.#deleted;
  }

  /** When the record was last deleted here, which is to be made again as a deletion is. Not the ledger's note: see there. */
  get cleared(): Version | undefined {
    return this.#cleared;
  }

  versionOf(id: string): Version | undefined {
    return this.#items.get(id)?.version;
  }

  /** Whether the item is as it was at its version. */
  isUnchanged(item: ItemSnapshot): boolean {
    const known = this.#items.get(item.id);
    return known !== undefined && (known.item === item || digestOfKnown(known) === digestOf(item.text));
  }

  hold(item: ItemSnapshot, version: Version): void {
    this.#items.set(item.id, { version, item, digest: undefined });
    this.#deleted.delete(item.id);
  }

  delete(id: string, version: Version): void {
    this.#items.delete(id);
    setLast(this.#deleted, id, version, MAX_DELETED);
  }

  /** The local store holds it beyond those that are mirrored: its text is not needed any more. */
  putAside(id: string, limit: number): void {
    const known = this.#items.get(id);
    if (known?.item === undefined) return;
    this.#items.delete(id);
    this.#items.set(id, { version: known.version, item: undefined, digest: digestOfKnown(known) });
    if (this.#items.size <= ASIDE_FACTOR * limit) return;
    for (const [oldest, { item }] of this.#items) if (item === undefined) return void this.#items.delete(oldest);
  }

  /** Their texts are not needed: what they are compared with is not held any more. */
  forgetTexts(): void {
    for (const [id, known] of this.#items)
      this.#items.set(id, { version: known.version, item: undefined, digest: digestOfKnown(known) });
  }

  /** Nothing is known of it any more. */
  release(id: string): void {
    this.#items.delete(id);
  }

  releaseAll(): void {
    this.#items.clear();
  }

  clear(version: Version): void {
    this.releaseAll();
    this.#cleared = version;
  }

  toPage(): KnownItemsPage {
    return {
      items: [...this.#items].map(([id, known]) => [id, known.version, digestOfKnown(known)] as const),
      deleted: [...this.#deleted],
      ...(this.#cleared !== undefined && { cleared: this.#cleared }),
    };
  }
}

function digestOfKnown(known: KnownItem): string {
  return (known.digest ??= digestOf(known.item!.text));
}

/** Of what was written down: it is a file that anything may have happened to. */
export function isKnownItems(value: unknown): value is KnownItemsPage {
  const page = value as Partial<Record<keyof KnownItemsPage, unknown>> | null | undefined;
  return areNotes(page?.items, 3) && areNotes(page?.deleted, 2) && isVersionIfAny(page?.cleared);
}

function isVersionIfAny(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && parseVersion(value) !== undefined);
}

/** Each an id, a version and perhaps more text. */
function areNotes(value: unknown, length: number): boolean {
  const isNote = (note: unknown) =>
    Array.isArray(note) &&
    note.length === length &&
    note.every((part) => typeof part === "string") &&
    parseVersion(note[1]) !== undefined;
  return Array.isArray(value) && value.length <= 10_000 && value.every(isNote);
}
