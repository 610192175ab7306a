import { type Clock, systemClock } from "./clock.js";
import { setLast } from "./set-last.js";

/** How long somebody whose store is empty each time is answered without asking the mirror again. */
const NOT_ASKED_AGAIN_MS = 30_000;

/** More than a process has records; beyond it the one that was asked for first is asked for again. */
const MAX_RECORDS = 1_000;

/**
 * For which records the mirror was just asked in vain: it had nothing, or did not answer. A host reads what is empty as
 * often as anything else, often under a lock, and would wait for the same answer each time.
 */
export class AskedInVain {
  readonly #clock: Clock;
  readonly #absentAt = new Map<string, number>();
  #silentAt: number | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  noteAbsent(redisKey: string): void {
    setLast(this.#absentAt, redisKey, this.#clock.now(), MAX_RECORDS);
  }

  noteSilent(): void {
    this.#silentAt = this.#clock.now();
  }

  /** Somebody is there after all. */
  noteAnswered(): void {
    this.#silentAt = undefined;
  }

  /** The record was saved, or brought back: it may be there by now. */
  forget(redisKey: string): void {
    this.#absentAt.delete(redisKey);
  }

  /** Of all of them: what could not be read may be readable now. */
  forgetAll(): void {
    this.#absentAt.clear();
    this.#silentAt = undefined;
  }

  includes(redisKey: string): boolean {
    return this.#isRecent(this.#absentAt.get(redisKey)) || this.#isRecent(this.#silentAt);
  }

  #isRecent(atMs: number | undefined): boolean {
    return atMs !== undefined && this.#clock.now() - atMs < NOT_ASKED_AGAIN_MS;
  }
}
