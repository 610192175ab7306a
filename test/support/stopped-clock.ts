import type { Clock } from "#dist/sync/clock.js";

/** A clock on which no time passes until the test says that all deadlines have. */
export class StoppedClock implements Clock {
  readonly #deadlines = new Map<object, { callback: () => void; delayMs: number }>();

  get delaysMs(): number[] {
    return [...this.#deadlines.values()].map(({ delayMs }) => delayMs);
  }

  now(): number {
    return 0;
  }

  wallNow(): number {
    return 0;
  }

  setTimeout(callback: () => void, delayMs: number): object {
    const timer = {};
    this.#deadlines.set(timer, { callback, delayMs });
    return timer;
  }

  clearTimeout(timer: object): void {
    this.#deadlines.delete(timer);
  }

  expire(): void {
    for (const { callback } of this.#deadlines.values()) callback();
  }
}
