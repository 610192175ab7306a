import type { Clock, Timer } from "./clock.js";
import { type MirrorError, RefusedError } from "./errors.js";
import type { SyncTimings } from "./timings.js";
import { type BufferLimits, WriteBuffer } from "./write-buffer.js";
import type { PendingWrite } from "./writes.js";

export interface HeldWritesOptions {
  limits: BufferLimits;
  timings: Pick<SyncTimings, "pauseMs" | "healthCheckMs">;
  clock: Clock;
  /** It is time to try them again. */
  onDue: () => void;
}

/**
 * What Redis refused while it took other records: because of an access list, or of a cluster that lacks a node. It waits
 * apart, so as not to hold up the others, and says nothing about the server.
 */
export class HeldWrites {
  readonly #options: HeldWritesOptions;
  readonly #writes: WriteBuffer<PendingWrite>;
  /** The records of which that is known, until one of their writes arrives. */
  readonly #known = new Set<string>();
  #reason = "";
  #timer: Timer | undefined;

  constructor(options: HeldWritesOptions) {
    this.#options = options;
    this.#writes = new WriteBuffer(options.limits);
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

  /** Whether it has been refused alone before: refused once more, it still says nothing about the server. */
  isKnown(redisKey: string): boolean {
    return this.#known.has(redisKey);
  }

  /** Until the pause is over, or the time between two looks for a lost connection. The answer is what had to give way. */
  hold(write: PendingWrite, error: MirrorError): PendingWrite[] {
    const { limits, timings, clock, onDue } = this.#options;
    if (this.#known.size >= limits.maxKeys) this.#known.clear();
    this.#known.add(write.redisKey);
    this.#reason = error.message;
    this.#timer ??= clock.setTimeout(onDue, error instanceof RefusedError ? timings.pauseMs : timings.healthCheckMs);
    this.#timer.unref?.();
    return this.#writes.put(write);
  }

  /** A later save of the record takes its place. */
  remove(redisKey: string): void {
    this.#writes.remove(redisKey);
  }

  /** One of the record's writes has arrived. */
  forget(redisKey: string): void {
    this.#known.delete(redisKey);
  }

  takeAll(): PendingWrite[] {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#writes.take({ maxKeys: Infinity, maxBytes: Infinity });
  }
}
