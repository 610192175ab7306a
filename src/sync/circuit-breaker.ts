import type { Clock } from "./clock.js";

/** Why an attempt failed: the connection is gone, or Redis answered and refused. */
export type FailureKind = "lost" | "refused";

export type BreakerState =
  /** Attempts go through; `failures` of them in a row have failed. */
  | { readonly kind: "closed"; readonly failures: number }
  /** Nothing goes through until `untilMs` on the engine's clock. */
  | { readonly kind: "open"; readonly untilMs: number; readonly cause: FailureKind }
  /** One attempt, the probe, decides. Has it not settled by `leaseUntilMs`, another one may. */
  | { readonly kind: "half-open"; readonly leaseUntilMs: number };

export interface BreakerOptions {
  /** So many failures in a row open it. */
  failureThreshold: number;
  /** How long it stays open. */
  pauseMs: number;
  /** How long a probe may take before another one is let through. */
  leaseMs: number;
  clock: Clock;
}

/** Leave to try once. Its outcome is told to it, and counts only while nobody else's has decided in the meantime. */
export interface Attempt {
  succeeded(): void;
  failed(cause: FailureKind): void;
}

export type BreakerListener = (from: BreakerState, to: BreakerState) => void;

const CLOSED: BreakerState = { kind: "closed", failures: 0 };

/** Stops writing after so many consecutive failures, and after a pause lets one attempt find out. */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = CLOSED;
  /** Goes up with each transition: what was begun before it is out of date. */
  #era = 0;
  /** Told of each transition from one kind of state to another, or from one probe to the next. */
  onTransition: BreakerListener | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** How long until the next attempt is allowed, ms; 0 if it is now. */
  get remainingMs(): number {
    if (this.#state.kind === "closed") return 0;
    const untilMs = this.#state.kind === "open" ? this.#state.untilMs : this.#state.leaseUntilMs;
    return Math.max(0, untilMs - this.#options.clock.now());
  }

  /** Asks for an attempt; `undefined` during the pause, and while a probe is under way. */
  tryAcquire(): Attempt | undefined {
    if (this.#state.kind === "closed") return this.#attempt();
    return this.remainingMs > 0 ? undefined : this.probe();
  }

  /** An attempt although the pause is not over, because there was a sign of life; it decides as any other probe does. */
  probe(): Attempt {
    this.#enter({ kind: "half-open", leaseUntilMs: this.#options.clock.now() + this.#options.leaseMs });
    return this.#attempt();
  }

  #attempt(): Attempt {
    const era = this.#era;
    let isSettled = false;
    const settle = (decide: () => void) => {
      if (!isSettled && era === this.#era) decide();
      isSettled = true;
    };
    return {
      succeeded: () => settle(() => this.#succeeded()),
      failed: (cause) => settle(() => this.#failed(cause)),
    };
  }

  #succeeded(): void {
    if (this.#state.kind === "closed") this.#state = CLOSED;
    else this.#enter(CLOSED);
  }

  #failed(cause: FailureKind): void {
    const { failureThreshold, pauseMs, clock } = this.#options;
    const failures = this.#state.kind === "closed" ? this.#state.failures + 1 : failureThreshold;
    if (failures < failureThreshold) this.#state = { kind: "closed", failures };
    else this.#enter({ kind: "open", untilMs: clock.now() + pauseMs, cause });
  }

  #enter(state: BreakerState): void {
    const from = this.#state;
    this.#era++;
    this.#state = state;
    this.onTransition?.(from, state);
  }
}
