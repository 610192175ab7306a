import { systemClock } from "#dist/sync/clock.js";

// In these tests the engine's time is what sinon says: the globals are looked up at each call.
Object.assign(systemClock, {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (callback: () => void, delayMs: number) => setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1)),
  clearTimeout: (timer: NodeJS.Timeout | undefined) => clearTimeout(timer),
});
