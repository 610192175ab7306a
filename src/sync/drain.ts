import type { AskedInVain } from "./asked-in-vain.js";
import { type Attempt, CircuitBreaker } from "./circuit-breaker.js";
import type { Clock, Timer } from "./clock.js";
import type { Delivery } from "./delivery.js";
import { DrainTimer } from "./drain-timer.js";
import { ConnectionLostError, type MirrorError, RefusedError, toMirrorError } from "./errors.js";
import type { AwaitedWrite, FlushResult, FlushWaiters } from "./flush-waiters.js";
import type { Health } from "./health.js";
import type { HeldWrites } from "./held-writes.js";
import type { MirrorEmitter } from "./mirror-events.js";
import type { Reconciler } from "./reconciler.js";
import type { RedisGateway } from "./redis-gateway.js";
import type { SyncTimings } from "./timings.js";
import type { UnsentWrites } from "./unsent-writes.js";

/** After so long an attempt is given up, whatever holds it: longer than one takes on a link that is slow and works. */
const ATTEMPT_LEASE_MS = 300_000;

/** Not one save but all there is, for whoever waits for that. */
export const WHOLE: AwaitedWrite = { redisKey: "", sequence: 0 };

export interface DrainOptions {
  gateway: RedisGateway;
  delivery: Delivery;
  unsent: UnsentWrites;
  held: HeldWrites;
  reconciler: Reconciler;
  flushWaiters: FlushWaiters;
  askedInVain: AskedInVain;
  health: Health;
  breaker: CircuitBreaker;
  events: MirrorEmitter;
  timings: SyncTimings;
  clock: Clock;
  /** An attempt is over, whatever came of it. */
  onAttemptOver(): void;
}

export function makeBreaker(timings: SyncTimings, clock: Clock): CircuitBreaker {
  return new CircuitBreaker({ ...timings, leaseMs: ATTEMPT_LEASE_MS, clock });
}

/**
 * When what is pending goes to Redis: one attempt at a time, after the batch window, again after a failure, and not while
 * the breaker pauses. Failure ends here.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #timer: DrainTimer;
  /** The one that is under way. What comes of any other is of no interest. */
  #attempt: Attempt | undefined;
  #leaseTimer: Timer | undefined;
  #isDue = false;
  #isClosed = false;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#timer = new DrainTimer(options.clock, () => this.now());
  }

  /** There is something to send. A retry that is set for later stays there; and beside a look whether the connection is back there must be no other. */
  schedule(): void {
    const { breaker, timings } = this.#options;
    if (breaker.state.kind === "closed") this.#timer.setUnlessSet(timings.batchWindowMs);
  }

  /** Something is to be looked after, within `delayMs`; default the batch window. An attempt that is set already sees to it, also if that is later. */
  demand(delayMs = this.#options.timings.batchWindowMs): void {
    this.#timer.setUnlessSet(delayMs);
  }

  /** One batch at a time: what is saved while it is away gathers for the next. */
  now(): void {
    if (this.#attempt !== undefined) {
      this.#isDue = true;
      return;
    }
    this.#timer.cancel();
    const attempt = this.#options.breaker.tryAcquire();
    if (attempt !== undefined) this.#begin(attempt);
    else if (this.#isConnectionLost) void this.#checkHealth();
    // Timers may fire a millisecond early.
    else this.#timer.set(this.#retryDelayMs());
  }

  /** What is held apart is tried again. */
  releaseHeld(): void {
    if (this.#options.unsent.releaseHeld()) this.demand(0);
  }

  /** Settles when these are in Redis, when one will not be soon, or at the timeout. Does not reject. */
  waitFor(awaited: readonly AwaitedWrite[], timeoutMs: number): Promise<FlushResult> {
    const { breaker, health, flushWaiters } = this.#options;
    if (awaited.length === 0) return Promise.resolve({ flushed: true });
    if (breaker.remainingMs > 0)
      return Promise.resolve({ flushed: false, reason: health.reason ?? "writing is paused" });
    // The newest of a key is the last one: one that is pending is newer than the one on its way.
    const result = flushWaiters.wait(awaited, timeoutMs);
    this.now();
    return result;
  }

  /** Lets go of every timer. What comes of an attempt that is under way changes nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#timer.close();
    this.#options.clock.clearTimeout(this.#leaseTimer);
  }

  #begin(attempt: Attempt): void {
    const { clock, unsent, delivery } = this.#options;
    this.#attempt = attempt;
    unsent.takeBatch();
    this.#leaseTimer = clock.setTimeout(
      () => this.#conclude(attempt, new ConnectionLostError(`The attempt did not end within ${ATTEMPT_LEASE_MS} ms.`)),
      ATTEMPT_LEASE_MS,
    );
    this.#leaseTimer.unref?.();
    const isOver = () => this.#isOver(attempt);
    void delivery.deliver({ isOver, succeeded: () => this.#succeeded(attempt) }).then(
      (refusal) => this.#conclude(attempt, refusal),
      (error: unknown) => this.#conclude(attempt, toMirrorError(error)),
    );
  }

  #isOver(attempt: Attempt): boolean {
    return this.#attempt !== attempt || this.#isClosed;
  }

  #conclude(attempt: Attempt, failure: MirrorError | undefined): void {
    if (this.#isOver(attempt)) return;
    const { clock, delivery, unsent, onAttemptOver } = this.#options;
    clock.clearTimeout(this.#leaseTimer);
    // Of a connection that failed, and of an attempt that is given up.
    if (failure !== undefined) delivery.abandon(failure);
    const keys = unsent.batch.length;
    this.#attempt = undefined;
    // What may be refused for ever goes behind what else waits.
    if (failure instanceof RefusedError && failure.isOfOneKey) unsent.putBatchBehind();
    else unsent.putBatchBack();
    if (failure === undefined) this.#succeeded(attempt);
    else this.#failed(attempt, failure, keys);
    this.#setNext();
    onAttemptOver();
  }

  #succeeded(attempt: Attempt): void {
    attempt.succeeded();
    this.#options.askedInVain.noteAnswered();
    this.#options.health.set("connected");
  }

  #failed(attempt: Attempt, failure: MirrorError, keys: number): void {
    const { breaker, events, flushWaiters, health } = this.#options;
    events.emit("failed", { reason: failure.message, code: failure.code, keys });
    health.set("degraded", failure.message);
    attempt.failed(failure instanceof RefusedError ? "refused" : "lost");
    flushWaiters.settle(WHOLE, failure.message);
    // Whoever waits for a flush need not wait for the end of a pause.
    if (breaker.state.kind === "open") flushWaiters.settleAll({ flushed: false, reason: failure.message });
  }

  #setNext(): void {
    const { health, unsent, held, reconciler, flushWaiters } = this.#options;
    const isDue = this.#isDue;
    this.#isDue = false;
    if (health.state === "degraded") this.#timer.set(this.#retryDelayMs());
    // What came in while the batch was away, or did not fit into it. A window that is still open has its timer.
    else if (unsent.hasPending && (isDue || !this.#timer.isSet)) this.#timer.set(0);
    else if (reconciler.isDue) this.demand();
    else if (!unsent.hasPending) flushWaiters.settle(WHOLE, held.reason);
  }

  /** Closed: doubling from one window. Open: until the pause is over, or sooner to see whether a lost connection is back. */
  #retryDelayMs(): number {
    const { breaker, timings } = this.#options;
    const { batchWindowMs, healthCheckMs } = timings;
    if (breaker.state.kind === "closed")
      return Math.min(batchWindowMs * 2 ** Math.max(0, breaker.state.failures - 1), healthCheckMs);
    return this.#isConnectionLost ? Math.min(healthCheckMs, breaker.remainingMs) : breaker.remainingMs;
  }

  /** Whether writing is paused because nobody is to be found. */
  get #isConnectionLost(): boolean {
    const { state } = this.#options.breaker;
    return state.kind === "open" && state.cause === "lost";
  }

  /** During the pause nothing is written, but a connection that can be made again ends it. */
  async #checkHealth(): Promise<void> {
    const { gateway, breaker } = this.#options;
    try {
      await gateway.connect();
      await gateway.ping();
    } catch {
      // Still gone. The transition was told when the pause began.
      this.#timer.set(this.#retryDelayMs());
      return;
    }
    // A server that answers a ping may still not take a write: one attempt decides, not five.
    if (!this.#isClosed && breaker.state.kind === "open") this.#begin(breaker.probe());
  }
}
