import type { Clock } from "#dist/sync/clock.js";

interface VirtualTimer {
  readonly atMs: number;
  readonly order: number;
  readonly owner: object;
  readonly callback: () => void;
  unref?(): void;
}

/** Time that passes only when it is told to, for any number of processes, each with a wall clock of its own. */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  readonly #timers = new Set<VirtualTimer>();
  readonly #dead = new WeakSet<object>();

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void, owner: object = this): VirtualTimer {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, owner, callback };
    this.#timers.add(timer);
    return timer;
  }

  /** The clock of one process. @param skewMs How far its wall clock is off. */
  clockOf(owner: object, skewMs: () => number): Clock {
    return {
      now: () => this.#nowMs,
      wallNow: () => 1_700_000_000_000 + this.#nowMs + skewMs(),
      setTimeout: (callback, delayMs) => {
        return this.after(this.#dead.has(owner) ? Infinity : delayMs, callback, owner);
      },
      clearTimeout: (timer) => void this.#timers.delete(timer as VirtualTimer),
    };
  }

  /** The process is gone, and what it meant to do with it. */
  kill(owner: object): void {
    this.#dead.add(owner);
    for (const timer of this.#timers) if (timer.owner === owner) this.#timers.delete(timer);
  }

  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): VirtualTimer | undefined {
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > endMs) continue;
      if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
        next = timer;
    }
    return next;
  }
}

/** Until every promise that can settle without time passing has. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
