import { type Clock, systemClock } from "#dist/sync/clock.js";

const TIMES = 10;

/** On which everything takes ten times as long, so that whoever waits for seconds gives up after tenths of them. */
export const IMPATIENT: Clock = {
  now: () => systemClock.now() * TIMES,
  wallNow: () => systemClock.wallNow(),
  setTimeout: (callback, delayMs) => systemClock.setTimeout(callback, delayMs / TIMES),
  clearTimeout: (timer) => systemClock.clearTimeout(timer),
};
