/** A running timer; `unref` lets the process end before it fires. */
export interface Timer {
  unref?(): unknown;
}

/** Time as the engine sees it: a parameter, so that tests and simulations can turn it by hand. */
export interface Clock {
  /** Milliseconds on a clock that only moves forward. Its zero means nothing. */
  now(): number;
  /** Milliseconds since 1970, as the machine believes; may jump. */
  wallNow(): number;
  setTimeout(callback: () => void, delayMs: number): Timer;
  /** @param timer `undefined`: none was set. */
  clearTimeout(timer: Timer | undefined): void;
}

// As they are when this is loaded: a host's specs put fakes in their place, and wind them until nothing is left to do.
// What goes on beside the host must neither stand still with them nor run for ever.
const { setTimeout, clearTimeout, Date, performance } = globalThis;
const { now } = Date;
const millisecondsNow = performance.now.bind(performance);

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => millisecondsNow(),
  wallNow: () => now(),
  // Beyond its range Node waits 1 ms, not for ever.
  setTimeout: (callback, delayMs) => setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};

export interface DeadlineOptions {
  deadlineMs: number;
  /** Builds the error to reject with; also the place to let go of what the work holds. */
  onExpired: () => Error;
  clock: Clock;
  /**
   * Whether the timer keeps the process alive. Only where a caller is waiting for the answer:
   * everything else here is unreferenced, and a process with nothing else to do would end before it.
   */
  isHoldingProcess?: boolean;
}

/**
 * Waits for `work`, but no longer than the deadline. The work itself cannot be stopped from here:
 * what it does later is ignored, its late failure included.
 */
export function withDeadline<T>(work: Promise<T>, options: DeadlineOptions): Promise<T> {
  const { deadlineMs, onExpired, clock, isHoldingProcess = false } = options;
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(onExpired()), deadlineMs);
    if (!isHoldingProcess) timer.unref?.();
    work.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}
