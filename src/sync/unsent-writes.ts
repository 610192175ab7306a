import { asItIs, type CollectionChange } from "./collection-change.js";
import type { MirrorError } from "./errors.js";
import type { HeldWrites } from "./held-writes.js";
import { type BufferLimits, WriteBuffer } from "./write-buffer.js";
import { BATCH_LIMITS, combineWrites, type PendingWrite } from "./writes.js";

const WITHOUT_LIMIT: BufferLimits = { maxKeys: Infinity, maxBytes: Infinity };

export interface UnsentWritesOptions {
  limits: BufferLimits;
  held: HeldWrites;
  /** There was too much to keep; `detail` says how much. */
  onGivenUp(write: PendingWrite, reason: "too-large" | "overflow", detail: string): void;
}

/** What this process has saved and Redis has not, as far as is known: pending, in a batch, or held apart. */
export class UnsentWrites {
  readonly #pending: WriteBuffer<PendingWrite>;
  readonly #held: HeldWrites;
  readonly #onGivenUp: UnsentWritesOptions["onGivenUp"];
  /** What is on its way: not pending any more, and not yet in Redis. */
  batch: readonly PendingWrite[] = [];

  constructor({ limits, held, onGivenUp }: UnsentWritesOptions) {
    this.#pending = new WriteBuffer(limits, combineWrites);
    this.#held = held;
    this.#onGivenUp = onGivenUp;
  }

  get keys(): number {
    return this.#pending.keys + this.batch.length + this.#held.keys;
  }

  get bytes(): number {
    return this.#pending.bytes + this.batch.reduce((sum, write) => sum + write.bytes, 0) + this.#held.bytes;
  }

  /** Whether there is something for the next batch. */
  get hasPending(): boolean {
    return this.#pending.keys > 0;
  }

  /** The latest save of a record. */
  of(redisKey: string): PendingWrite | undefined {
    return this.#pending.get(redisKey) ?? this.#held.get(redisKey) ?? this.#inBatch(redisKey);
  }

  /** In the order in which they were saved: of a record there may be several. */
  inOrder(): PendingWrite[] {
    return [...this.batch, ...this.#held.all(), ...this.#pending.all()];
  }

  /** The latest save of each record. */
  all(): PendingWrite[] {
    const keys = this.inOrder().map(({ redisKey }) => redisKey);
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

  /** A save waits for the next batch, or with those of its record that are held apart. */
  put(write: PendingWrite): void {
    // What is known to be refused is not sent once more only because it was saved once more.
    const buffer = this.#held.get(write.redisKey) === undefined ? this.#pending : this.#held;
    for (const evicted of buffer.put(write))
      this.#giveUp(evicted, evicted.redisKey === write.redisKey ? "too-large" : "overflow");
  }

  /** What waits becomes the batch, as much of it as goes out in one round trip. */
  takeBatch(): void {
    this.batch = this.#pending.take(BATCH_LIMITS);
  }

  /** What of the batch did not arrive waits again. What was saved meanwhile is newer and wins. */
  putBatchBack(): void {
    const batch = this.batch;
    this.batch = [];
    this.#putBack(batch);
  }

  /** The same, behind what else waits. */
  putBatchBehind(): void {
    const batch = this.batch;
    this.batch = [];
    this.#giveUpAll(this.#pending.addBehind(batch));
  }

  /** Takes a write out of the batch: nothing more is to be done for it. */
  takeFromBatch(write: PendingWrite): void {
    this.batch = this.batch.filter((other) => other !== write);
  }

  /**
   * A write was refused alone, and is held apart. Not where a later save of its record waits, which has its own turn: then the
   * answer is false.
   */
  hold(write: PendingWrite, error: MirrorError): boolean {
    if (this.#pending.get(write.redisKey) === undefined) {
      this.#giveUpAll(this.#held.hold(write, error));
      return true;
    }
    if (write.kind === "collection") this.#putBack([write]);
    return false;
  }

  /** What is held apart waits as the others do. The answer is whether there was any. */
  releaseHeld(): boolean {
    const released = this.#held.takeAll();
    this.#putBack(released);
    return released.length > 0;
  }

  /** Nothing is kept any more. The answer is what was, in the order in which it was saved. */
  takeAll(): PendingWrite[] {
    const all = [...this.batch, ...this.#held.takeAll(), ...this.#pending.take(WITHOUT_LIMIT)];
    this.batch = [];
    return all;
  }

  #inBatch(redisKey: string): PendingWrite | undefined {
    return this.batch.find((write) => write.redisKey === redisKey);
  }

  #putBack(batch: readonly PendingWrite[]): void {
    if (batch.length > 0) this.#giveUpAll(this.#pending.putBack(batch));
  }

  #giveUpAll(evicted: readonly PendingWrite[]): void {
    for (const write of evicted) this.#giveUp(write, "overflow");
  }

  #giveUp(write: PendingWrite, reason: "too-large" | "overflow"): void {
    const { keys, bytes } = this.#pending;
    this.#onGivenUp(write, reason, `${write.bytes} bytes, with ${keys} keys of ${bytes} bytes waiting`);
  }
}
