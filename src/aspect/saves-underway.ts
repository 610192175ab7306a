import { type Clock, systemClock } from "../sync/clock.js";

/** A local write takes milliseconds. One that does not come to its end must not keep its record from being restored for ever. */
const LONGEST_MS = 10_000;

/** The records that calls are saving whose local write is not done yet. */
export class SavesUnderway {
  readonly #clock: Clock;
  readonly #calls = new Map<string, Set<{ readonly begunAt: number }>>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** The answer ends it; to end it twice does no harm. */
  begin(redisKey: string): () => void {
    const call = { begunAt: this.#clock.now() };
    const calls = this.#calls.get(redisKey) ?? new Set();
    this.#forgetLong(calls);
    this.#calls.set(redisKey, calls.add(call));
    return () => {
      calls.delete(call);
      if (calls.size === 0 && this.#calls.get(redisKey) === calls) this.#calls.delete(redisKey);
    };
  }

  has(redisKey: string): boolean {
    const calls = this.#calls.get(redisKey);
    if (calls === undefined) return false;
    this.#forgetLong(calls);
    if (calls.size === 0) this.#calls.delete(redisKey);
    return calls.size > 0;
  }

  #forgetLong(calls: Set<{ readonly begunAt: number }>): void {
    for (const call of calls) if (this.#clock.now() - call.begunAt >= LONGEST_MS) calls.delete(call);
  }
}
