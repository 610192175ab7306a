/** Counts the rejections that nobody has handled, by reason, in place of whoever listens to them. */
export class UnhandledRejections implements Disposable {
  readonly #others = process.listeners("unhandledRejection");
  readonly #counts = new Map<unknown, number>();

  constructor() {
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1));
  }

  /** How often it has surfaced, which is forgotten hereby. */
  take(reason: unknown): number {
    const count = this.#counts.get(reason) ?? 0;
    this.#counts.delete(reason);
    return count;
  }

  /** All that was not taken yet. */
  takeRest(): unknown[] {
    const rest = [...this.#counts].flatMap(([reason, count]) => Array.from({ length: count }, () => reason));
    this.#counts.clear();
    return rest;
  }

  [Symbol.dispose](): void {
    process.removeAllListeners("unhandledRejection");
    for (const listener of this.#others) process.on("unhandledRejection", listener);
  }
}
