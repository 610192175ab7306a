import { type Clock, systemClock } from "../sync/clock.js";

/** How long a loader that is empty at each call is answered without asking the mirror again. */
const NOT_ASKED_AGAIN_MS = 30_000;

/** More than a process has records; beyond it the one that was asked for first is asked for again. */
const MAX_RECORDS = 1_000;

/**
 * What the mirror was lately found not to have. A host reads what is empty as often as anything else, often under a
 * lock, and would wait for the same answer each time.
 */
export class AbsentRecords {
  readonly #clock: Clock;
  readonly #askedAt = new Map<string, number>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  note(redisKey: string): void {
    this.#askedAt.delete(redisKey);
    this.#askedAt.set(redisKey, this.#clock.now());
    if (this.#askedAt.size > MAX_RECORDS) this.#askedAt.delete(this.#askedAt.keys().next().value!);
  }

  isAbsent(redisKey: string): boolean {
    const askedAt = this.#askedAt.get(redisKey);
    return askedAt !== undefined && this.#clock.now() - askedAt < NOT_ASKED_AGAIN_MS;
  }
}
