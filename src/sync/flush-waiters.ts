import type { Clock } from "./clock.js";

/** Whether all that was saved before is in Redis; if not, why, in a sentence. */
export type FlushResult = { flushed: true } | { flushed: false; reason: string };

/** Which save of a record: its place in the order of all saves of this process. */
export interface AwaitedWrite {
  readonly redisKey: string;
  readonly sequence: number;
}

interface FlushWaiter {
  /** The saves that are waited for: the sequence of each key's newest at the time. */
  readonly awaited: Map<string, number>;
  readonly settle: (result: FlushResult) => void;
}

/** Those who wait for certain saves to be in Redis, each with a deadline. */
export class FlushWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Set<FlushWaiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Settles when all of them are in Redis, when one never will be, or at the timeout. Does not reject. */
  wait(writes: readonly AwaitedWrite[], timeoutMs: number): Promise<FlushResult> {
    return new Promise((resolve) => {
      const settle = (result: FlushResult) => {
        this.#clock.clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(result);
      };
      const awaited = new Map(writes.map(({ redisKey, sequence }) => [redisKey, sequence]));
      const waiter: FlushWaiter = { awaited, settle };
      // Not unreferenced: somebody waits for this answer, and the process must live to give it.
      const timer = this.#clock.setTimeout(
        () => settle({ flushed: false, reason: `not in Redis after ${timeoutMs} ms` }),
        timeoutMs,
      );
      this.#waiters.add(waiter);
    });
  }

  /** A save is in Redis, or with a `reason` will not be soon. */
  settle({ redisKey, sequence }: AwaitedWrite, reason?: string): void {
    for (const { awaited, settle } of this.#waiters) {
      const awaitedSequence = awaited.get(redisKey);
      if (awaitedSequence === undefined || awaitedSequence > sequence) continue;
      awaited.delete(redisKey);
      if (reason !== undefined) settle({ flushed: false, reason });
      else if (awaited.size === 0) settle({ flushed: true });
    }
  }

  settleAll(result: FlushResult): void {
    for (const { settle } of this.#waiters) settle(result);
  }
}
