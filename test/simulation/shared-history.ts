import { defineRecord, RedisMirrored, RedisRestored } from "redis-mirrored";
import { installInterceptorSource } from "#dist/aspect/installed-interceptor.js";
import { NoopSyncInterceptor, type SyncInterceptor } from "#dist/aspect/join-point.js";

/** Small, so that lists are longer than what is mirrored of them. */
export const LIMIT = 5;
export const SHARED_RECORD = defineRecord({ name: "taskHistory", kind: "collection", limit: LIMIT });

export interface Item {
  readonly id: string;
  readonly ts: number;
  readonly text: string;
}

let current: SyncInterceptor = new NoopSyncInterceptor();

/** Has each store's calls go to its own interceptor. The answer ends that. */
export function installSharedStores(): () => void {
  return installInterceptorSource(() => current);
}

/** What the stores of one window have written. */
export class Disk {
  list: readonly Item[] = [];

  /** Writes what a store has changed of its list, and nothing else. */
  write(before: readonly Item[], now: readonly Item[]): void {
    const earlier = byIdOf(before);
    const later = byIdOf(now);
    const items = byIdOf(this.list);
    for (const id of earlier.keys()) if (!later.has(id)) items.delete(id);
    for (const [id, item] of later) if (earlier.get(id) !== item) items.set(id, item);
    this.list = [...items.values()];
  }
}

/** A store of a window of the host, with a list of its own: what others have written it knows when it looks. */
export class SharedStore {
  readonly disk: Disk;
  list: readonly Item[] = [];
  /** What it has told the mirror of. */
  shown: readonly Item[] = [];
  interceptor: SyncInterceptor = new NoopSyncInterceptor();

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** Looks what others have written; tells nobody. */
  refresh(): void {
    this.list = this.disk.list;
  }

  /** @param list `undefined` deletes the record. */
  save(list: readonly Item[] | undefined): Promise<void> {
    current = this.interceptor;
    return this.store(list);
  }

  read(): Promise<unknown> {
    current = this.interceptor;
    return this.load();
  }

  @RedisMirrored(SHARED_RECORD.name)
  async store(list: readonly Item[] | undefined): Promise<void> {
    if (list === undefined) this.disk.list = [];
    else this.disk.write(this.list, list);
    this.list = list ?? [];
    this.shown = this.list;
  }

  @RedisRestored(SHARED_RECORD.name, { adopt: (self: SharedStore, list) => self.save(list as readonly Item[]) })
  async load(): Promise<readonly Item[]> {
    return this.list;
  }
}

/** What became of an item; `undefined`: it was deleted. `by`: whose window it was. */
interface Change {
  readonly item: Item | undefined;
  readonly by: unknown;
}

/** Of each item the last change, and those of which it is in doubt whether they count: a crash leaves open when they were made. */
export class Changes {
  readonly #last = new Map<string, Change>();
  readonly #lastOfEach = new Map<string, Map<unknown, Change>>();
  readonly #doubtful = new Map<string, (Item | undefined)[]>();
  /** The windows that have crashed. */
  readonly #forgetful = new Set<unknown>();
  #clearedMs = -Infinity;

  /** What a save makes of a window's list. */
  saved(by: unknown, before: readonly Item[], now: readonly Item[]): void {
    const [earlier, later] = [byIdOf(before), byIdOf(now)];
    const mirrored = byIdOf(newestOf(now));
    for (const id of new Set([...earlier.keys(), ...later.keys()])) {
      const item = later.get(id);
      if (earlier.get(id) === item) continue;
      // Of what a window holds beyond its newest, changes are not mirrored; when it comes up among them, they may be.
      if (item === undefined || mirrored.has(id)) this.#add(id, { item, by });
      else this.#mayBe(id, item);
    }
  }

  /** A window has deleted the record: whatever was there is gone, for everybody. */
  cleared(by: unknown, atMs: number): void {
    this.#clearedMs = atMs;
    for (const id of this.#last.keys()) this.#add(id, { item: undefined, by });
  }

  #add(id: string, change: Change): void {
    const before = this.#last.get(id)?.item;
    // A change that makes it older may have it trimmed: then it is shown as it was, if another window holds it so.
    if (before !== undefined && change.item !== undefined && change.item.ts < before.ts) this.#mayBe(id, before);
    // Who remembers nothing of it has it as old as it says.
    const isAsOldAsItSays = this.#forgetful.has(change.by) && change.item !== undefined;
    if (isAsOldAsItSays && change.item.ts <= this.#clearedMs) this.#mayBe(id, undefined);
    this.#last.set(id, change);
    const ofEach = this.#lastOfEach.get(id) ?? new Map<unknown, Change>();
    this.#lastOfEach.set(id, ofEach.set(change.by, change));
  }

  doubt(by: unknown): void {
    this.#forgetful.add(by);
    for (const [id, ofEach] of this.#lastOfEach) {
      const change = ofEach.get(by);
      if (change !== undefined) this.#mayBe(id, change.item);
    }
  }

  #mayBe(id: string, item: Item | undefined): void {
    this.#doubtful.set(id, [...(this.#doubtful.get(id) ?? []), item]);
  }

  /** What the mirror may show of an item in the end. */
  possible(id: string): readonly (Item | undefined)[] {
    return [this.#last.get(id)?.item, ...(this.#doubtful.get(id) ?? [])];
  }
}

/**
 * What is wrong with the mirror's array, where everything has arrived; `undefined`: nothing.
 * @param lists What the windows' own stores hold and have shown.
 */
export function problemOf(
  array: string | null | undefined,
  lists: readonly (readonly Item[])[],
  changes: Changes,
): string | undefined {
  const shown = JSON.parse(array ?? "[]") as Item[];
  for (const item of shown) {
    const texts = changes.possible(item.id).map((possible) => possible?.text);
    if (!texts.includes(item.text)) return `${item.id} is ${item.text}, not ${texts.join(" or ") || "deleted"}`;
  }
  const byId = byIdOf(shown);
  // What at least one store holds among its newest, and nobody has deleted since.
  const held = new Map<string, Item>();
  for (const list of lists) {
    for (const { id } of list) {
      const possible = changes.possible(id);
      const item = byId.get(id) ?? (possible.includes(undefined) ? undefined : possible[0]);
      if (item !== undefined) held.set(id, item);
    }
  }
  const expected = [...new Map([...held, ...byId]).values()].sort(inOrder).slice(0, LIMIT);
  if (describe(shown) !== describe(expected)) return `it is ${describe(shown)}, not ${describe(expected)}`;
  return undefined;
}

function byIdOf(items: readonly Item[]): Map<string, Item> {
  return new Map(items.map((item) => [item.id, item]));
}

export function newestOf(list: readonly Item[]): readonly Item[] {
  return [...list].sort(inOrder).slice(0, LIMIT);
}

const inOrder = (a: Item, b: Item) => b.ts - a.ts || (a.id < b.id ? -1 : 1);
const describe = (items: readonly Item[]) => items.map(({ id, text }) => `${id} ${text}`).join(", ") || "nothing";
