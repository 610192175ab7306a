import type { CollectionSnapshot, ItemSnapshot } from "./collection-snapshot.js";

export interface JoinedItems {
  /** What the local stores hold together, by id, however many these are. */
  readonly together: ReadonlyMap<string, ItemSnapshot>;
  readonly limit: number;
  /** Whether the save that this is of has deleted it, as far as its list says. */
  isDeleted(id: string): boolean;
}

/** What several local stores of one process hold together of a collection: the newest of all of them. */
export class JoinedCollection implements CollectionSnapshot {
  readonly items: ReadonlyMap<string, ItemSnapshot>;
  readonly bytes: number;
  readonly #isDeleted: (id: string) => boolean;

  constructor({ together, limit, isDeleted }: JoinedItems) {
    const newest = [...together].sort(([, one], [, other]) => other.recency - one.recency).slice(0, limit);
    this.items = new Map(newest);
    this.bytes = newest.reduce((bytes, [, item]) => bytes + item.bytes, 0);
    this.#isDeleted = isDeleted;
  }

  get isEmpty(): boolean {
    return this.items.size === 0;
  }

  changedSince(): undefined {
    return undefined;
  }

  /** What no list shows any more because its store was forgotten was not deleted either. */
  isBeyond(id: string): boolean {
    return !this.items.has(id) && !this.#isDeleted(id);
  }
}
