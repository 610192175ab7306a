/** The engine's times. Milliseconds, but for `ttlSeconds` and `failureThreshold`, which is a number. */
export interface SyncTimings {
  /** How long writes gather before they go out together, from the first of them. Default 100. */
  batchWindowMs: number;
  /** How long a read may take, whatever Redis does. Default 500. */
  readTimeoutMs: number;
  /** So many failures in a row pause writing. Default 5. */
  failureThreshold: number;
  /** For how long. Default 60,000. */
  pauseMs: number;
  /** How often a lost connection is tried during the pause. Default 5,000. */
  healthCheckMs: number;
  /** How often what is in Redis is compared with what this process knows to have been there, and its life renewed. Default 300,000. */
  reconcileMs: number;
  /** How long Redis keeps what is not written again, seconds. Default 604,800: 7 days. */
  ttlSeconds: number;
  /** How long `flush` and `close` may take unless they are told. Default 800. */
  closeTimeoutMs: number;
}

export const DEFAULT_TIMINGS: SyncTimings = {
  batchWindowMs: 100,
  readTimeoutMs: 500,
  failureThreshold: 5,
  pauseMs: 60_000,
  healthCheckMs: 5_000,
  reconcileMs: 300_000,
  ttlSeconds: 7 * 24 * 60 * 60,
  closeTimeoutMs: 800,
};
