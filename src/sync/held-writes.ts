import type { Clock, Timer } from "./clock.js";
import { type MirrorError, RefusedError, UnknownKeyError } from "./errors.js";
import type { SyncTimings } from "./timings.js";
import { type BufferLimits, WriteBuffer } from "./write-buffer.js";
import { combineWrites, type PendingWrite } from "./writes.js";

export interface HeldWritesOptions {
  limits: BufferLimits;
  timings: Pick<SyncTimings, "pauseMs" | "healthCheckMs">;
  clock: Clock;
  /** It is time to try them again. */
  onDue: () => void;
}

/**
 * What Redis refused while it took other records: because of an access list, or of a cluster that lacks a node; and what
 * would overwrite something that nobody here can read. It waits apart, so as not to hold up the others, and says nothing about the server.
 */
export class HeldWrites {
  readonly #options: HeldWritesOptions;
  readonly #writes: WriteBuffer<PendingWrite>;
  /** The records of which that is known, until one of their writes arrives. */
  readonly #known = new Set<string>();
  /** Refused in a batch of which nothing arrived: whether that is about them, the next batch tells. */
  readonly #suspects = new Set<string>();
  #reason = "";
  #timer: Timer | undefined;
  #dueMs = Infinity;

  constructor(options: HeldWritesOptions) {
    this.#options = options;
    this.#writes = new WriteBuffer(options.limits, combineWrites);
  }

  get keys(): number {
    return this.#writes.keys;
  }

  get bytes(): number {
    return this.#writes.bytes;
  }

  /** Why the last of them is held; `undefined` where none is. */
  get reason(): string | undefined {
    return this.#writes.keys > 0 ? this.#reason : undefined;
  }

  get(redisKey: string): PendingWrite | undefined {
    return this.#writes.get(redisKey);
  }

  /** Whether it has been refused while others arrived: refused once more, it still says nothing about the server. */
  isKnown(redisKey: string): boolean {
    return this.#known.has(redisKey);
  }

  suspect(redisKey: string): void {
    add(this.#suspects, redisKey, this.#options.limits.maxKeys);
  }

  /** Other writes have arrived: those that were refused before were refused alone. */
  confirmSuspects(): void {
    for (const redisKey of this.#suspects) add(this.#known, redisKey, this.#options.limits.maxKeys);
    this.#suspects.clear();
  }

  /** Until the pause is over, or the time between two looks for a lost connection. The answer is what had to give way. */
  hold(write: PendingWrite, error: MirrorError): PendingWrite[] {
    const { limits, timings } = this.#options;
    add(this.#known, write.redisKey, limits.maxKeys);
    this.#reason = error.message;
    const isForPeople = error instanceof RefusedError || error instanceof UnknownKeyError;
    this.#setTimer(isForPeople ? timings.pauseMs : timings.healthCheckMs);
    return this.#writes.put(write);
  }

  /** A later save of a record that is held takes the place of the one before. The answer is what had to give way. */
  put(write: PendingWrite): PendingWrite[] {
    return this.#writes.put(write);
  }

  /** One of the record's writes has arrived. */
  forget(redisKey: string): void {
    this.#known.delete(redisKey);
    this.#suspects.delete(redisKey);
  }

  all(): PendingWrite[] {
    return this.#writes.all();
  }

  takeAll(): PendingWrite[] {
    this.#cancelTimer();
    this.#dueMs = Infinity;
    return this.#writes.take({ maxKeys: Infinity, maxBytes: Infinity });
  }

  /** The one that is due first takes the others along: a further refusal costs little. */
  #setTimer(delayMs: number): void {
    const { clock, onDue } = this.#options;
    const dueMs = clock.now() + delayMs;
    if (dueMs >= this.#dueMs) return;
    this.#cancelTimer();
    this.#dueMs = dueMs;
    this.#timer = clock.setTimeout(onDue, delayMs);
    this.#timer.unref?.();
  }

  #cancelTimer(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** The one that was added longest ago gives way. */
function add(keys: Set<string>, redisKey: string, limit: number): void {
  keys.delete(redisKey);
  keys.add(redisKey);
  if (keys.size > limit) keys.delete(keys.values().next().value!);
}
