import type { Clock, Timer } from "./clock.js";

/** When the next batch is due: there is one timer for it, and it does not hold the process. */
export class DrainTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Unless it is set: a window is counted from its first write, so steady writes cannot put it off. */
  setUnlessSet(delayMs: number): void {
    if (!this.isSet) this.set(delayMs);
  }

  /** In the place of what was set. */
  set(delayMs: number): void {
    if (this.#isClosed) return;
    this.cancel();
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#onDue();
    }, delayMs);
    this.#timer.unref?.();
  }

  cancel(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.cancel();
  }
}
