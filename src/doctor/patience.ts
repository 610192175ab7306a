import { type Clock, withDeadline } from "../sync/clock.js";
import { ConnectionLostError } from "../sync/errors.js";

/** How long one step may take: as long as the mirror itself waits for a connection, or an answer. */
export const STEP_MS = 2_000;

/** How long everything may take together, whatever does not answer. */
const TOTAL_MS = 10_000;

/** What is left of the time that the whole examination may take. */
export class Patience {
  readonly clock: Clock;
  readonly #endMs: number;
  #hasRunOut = false;

  constructor(clock: Clock, totalMs = TOTAL_MS) {
    this.clock = clock;
    this.#endMs = clock.now() + totalMs;
  }

  /** How long a step may take, ms: at least 1, so that one which needs no time succeeds also at the end. */
  upTo(stepMs: number): number {
    return Math.max(1, Math.min(stepMs, this.#endMs - this.clock.now()));
  }

  /** Whether no time is left. */
  get isOver(): boolean {
    // A timer may fire a moment early.
    return this.#hasRunOut || this.clock.now() >= this.#endMs;
  }

  /**
   * Waits for `work`, and keeps the process for so long: somebody wants to know.
   * @throws ConnectionLostError when a step's time is over.
   */
  within<T>(work: Promise<T>, stepMs = STEP_MS): Promise<T> {
    const deadlineMs = Math.round(this.upTo(stepMs));
    return withDeadline(work, {
      deadlineMs,
      onExpired: () => {
        if (deadlineMs >= stepMs) return new ConnectionLostError(`No answer within ${stepMs} ms.`);
        this.#hasRunOut = true;
        return new ConnectionLostError("The time for the whole examination was over.");
      },
      clock: this.clock,
      isHoldingProcess: true,
    });
  }
}
