import type { Clock, Timer } from "./clock.js";
import type { SyncTimings } from "./timings.js";

/** So often within the time of a health check everything may be compared because of a new connection. */
const WHOLE_AT_ONCE = 3;

/** When everything is compared: on a new connection, from time to time, and where somebody asks for it. */
export class ReconcileSchedule {
  readonly #clock: Clock;
  readonly #timings: Pick<SyncTimings, "reconcileMs" | "healthCheckMs">;
  readonly #onDue: () => void;
  /** The connection on which everything was last compared, and when that was, the latest times first. */
  #connection = 0;
  #doneAtMs: readonly number[] = [];
  #isTimeOver = false;
  /** How often everything was asked to be compared, and as of which of these it was. */
  #demands = 0;
  #answered = 0;
  #timer: Timer | undefined;

  /** @param onDue Called when it is due although nobody has asked for it. */
  constructor(clock: Clock, timings: Pick<SyncTimings, "reconcileMs" | "healthCheckMs">, onDue: () => void) {
    this.#clock = clock;
    this.#timings = timings;
    this.#onDue = onDue;
  }

  get isDue(): boolean {
    return this.#isTimeOver || this.#demands > this.#answered;
  }

  /** What has been asked for until now; `done` is told of it. */
  get demands(): number {
    return this.#demands;
  }

  demand(): void {
    this.#demands++;
  }

  isDueOn(connection: number): boolean {
    return this.isDue || this.#isNewsOfServer(connection);
  }

  done(connection: number, demands: number): void {
    this.#answered = demands;
    this.#doneAtMs = [this.#clock.now(), ...this.#doneAtMs].slice(0, WHOLE_AT_ONCE);
    this.#setTimer(connection, this.#timings.reconcileMs);
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  /**
   * Behind a new connection may be a server that has lost what the one before had. One that keeps breaking is no reason
   * to ask for everything each time.
   */
  #isNewsOfServer(connection: number): boolean {
    if (connection === this.#connection) return false;
    const earlierMs = this.#doneAtMs[WHOLE_AT_ONCE - 1] ?? -Infinity;
    const restMs = earlierMs + this.#timings.healthCheckMs - this.#clock.now();
    if (restMs <= 0) return true;
    this.#setTimer(connection, restMs);
    return false;
  }

  /** When it is due next, unless a connection is made sooner. */
  #setTimer(connection: number, delayMs: number): void {
    this.#connection = connection;
    this.#isTimeOver = false;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#isTimeOver = true;
      this.#onDue();
    }, delayMs);
    this.#timer.unref?.();
  }
}
