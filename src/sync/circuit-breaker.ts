import type { Clock } from "./clock.js";

/** Why an attempt failed: the connection is gone, or Redis answered and refused. */
export type FailureKind = "lost" | "refused";

export type BreakerState =
  /** Attempts go through; `failures` of them in a row have failed. */
  | { readonly kind: "closed"; readonly failures: number }
  /** Nothing goes through until `untilMs` on the engine's clock. */
  | { readonly kind: "open"; readonly untilMs: number; readonly cause: FailureKind }
  /** The pause is over and one attempt, the probe, decides. */
  | { readonly kind: "half-open" };

export interface BreakerOptions {
  failureThreshold: number;
  pauseMs: number;
  clock: Clock;
}

const CLOSED: BreakerState = { kind: "closed", failures: 0 };

/** Stops writing after so many consecutive failures, and after a pause lets one attempt find out. */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = CLOSED;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** How long until the next attempt is allowed, ms; 0 if it is now. */
  get remainingMs(): number {
    return this.#state.kind === "open" ? Math.max(0, this.#state.untilMs - this.#options.clock.now()) : 0;
  }

  /** Asks for an attempt, whose outcome must then be told. The attempts come one at a time. */
  tryAcquire(): boolean {
    if (this.#state.kind !== "open") return true;
    if (this.remainingMs > 0) return false;
    this.#state = { kind: "half-open" };
    return true;
  }

  /** Ends the pause early: there is a sign of life, and the next attempt decides. */
  probe(): void {
    if (this.#state.kind === "open") this.#state = { kind: "half-open" };
  }

  succeeded(): void {
    this.#state = CLOSED;
  }

  failed(cause: FailureKind): void {
    const failures = this.#state.kind === "closed" ? this.#state.failures + 1 : this.#options.failureThreshold;
    this.#state =
      failures < this.#options.failureThreshold
        ? { kind: "closed", failures }
        : { kind: "open", untilMs: this.#options.clock.now() + this.#options.pauseMs, cause };
  }
}
