/** Ctrl-C has ended a command: says what was done, and how to go on. Status 130. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly code = "INTERRUPTED";
}

/** As a shell says it of what a signal has ended: 128, and the number of the signal. */
export const INTERRUPTED_STATUS = 130;

/** Ctrl-C while a command works: the step in hand is finished, and the next is not begun. A second one ends it at once. */
export class Interruption implements Disposable {
  #isAsked = false;
  readonly #onSignal = () => {
    if (this.#isAsked) process.exit(INTERRUPTED_STATUS);
    this.#isAsked = true;
    console.error("Ending after what is in hand. Ctrl-C once more ends it at once.");
    this.#onAsked();
  };
  readonly #onAsked: () => void;

  constructor(onAsked: () => void = () => {}) {
    this.#onAsked = onAsked;
    process.on("SIGINT", this.#onSignal);
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#onSignal);
  }
}

/**
 * Ctrl-C where a command does not handle it itself: while it connects, or only looks. Ends the process at once.
 * @param report Says so; the answer is the exit status.
 */
export function endingAtOnce(report: () => number): Disposable {
  const onSignal = () => {
    // Whoever handles it listens too.
    if (process.listenerCount("SIGINT") === 1) process.exit(report());
  };
  process.on("SIGINT", onSignal);
  return { [Symbol.dispose]: () => void process.off("SIGINT", onSignal) };
}
