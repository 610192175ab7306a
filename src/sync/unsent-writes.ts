import { asItIs, type CollectionChange } from "./collection-change.js";
import type { HeldWrites } from "./held-writes.js";
import type { WriteBuffer } from "./write-buffer.js";
import type { PendingWrite } from "./writes.js";

/** What this process has saved and Redis has not, as far as is known: pending, in a batch, or held apart. */
export class UnsentWrites {
  readonly #pending: WriteBuffer<PendingWrite>;
  readonly #held: HeldWrites;
  /** What is on its way: not pending any more, and not yet in Redis. */
  batch: readonly PendingWrite[] = [];

  constructor(pending: WriteBuffer<PendingWrite>, held: HeldWrites) {
    this.#pending = pending;
    this.#held = held;
  }

  get keys(): number {
    return this.#pending.keys + this.batch.length + this.#held.keys;
  }

  get bytes(): number {
    return this.#pending.bytes + this.batch.reduce((sum, write) => sum + write.bytes, 0) + this.#held.bytes;
  }

  /** The latest save of a record. */
  of(redisKey: string): PendingWrite | undefined {
    return this.#pending.get(redisKey) ?? this.#held.get(redisKey) ?? this.#inBatch(redisKey);
  }

  /** The latest save of each record. */
  all(): PendingWrite[] {
    const keys = [...this.batch, ...this.#held.all(), ...this.#pending.all()].map(({ redisKey }) => redisKey);
    return [...new Set(keys)].map((redisKey) => this.of(redisKey)!);
  }

  /** All of it, in the order in which it was saved. */
  allOf(redisKey: string): PendingWrite[] {
    const all = [this.#inBatch(redisKey), this.#held.get(redisKey), this.#pending.get(redisKey)];
    return all.filter((write) => write !== undefined);
  }

  /** Of a collection, in the same order; as they are now, whatever is saved meanwhile. */
  changesOf(redisKey: string): CollectionChange[] {
    return this.allOf(redisKey).flatMap((write) => (write.kind === "collection" ? [asItIs(write.change)] : []));
  }

  #inBatch(redisKey: string): PendingWrite | undefined {
    return this.batch.find((write) => write.redisKey === redisKey);
  }
}
