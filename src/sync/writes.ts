import type { RecordDefinition } from "./records.js";
import type { Stamp, Version } from "./version.js";
import type { BufferLimits } from "./write-buffer.js";

/** A save whose value has been taken down and which is not yet handed in. */
export interface PreparedWrite {
  readonly redisKey: string;
  readonly userId: string;
  readonly record: RecordDefinition;
  /** The value as JSON; `undefined` deletes the key. */
  readonly text: string | undefined;
  readonly bytes: number;
}

/** A save that is to be in Redis and is not, as far as this process knows. */
export interface PendingWrite extends PreparedWrite {
  /** The order of the saves in this process: tells a save from a later one of the same key. */
  readonly sequence: number;
  /** When it was made. */
  readonly stamp: Stamp;
  /** Whether what it overwrites is kept even if it was seen. */
  readonly keepsPrevious: boolean;
}

/** What this process knows to be in Redis, as it went over the wire: of a secret only the ciphertext is kept. */
export interface ArrivedWrite {
  readonly redisKey: string;
  readonly bytes: number;
  /** `undefined`: deleted. */
  readonly value: string | undefined;
  readonly version: Version;
  readonly ttlSeconds: number;
}

/** What may wait for Redis, and as much again is remembered of what arrived, to give it back to a restarted server. */
export const DEFAULT_LIMITS: BufferLimits = { maxKeys: 10_000, maxBytes: 16 * 2 ** 20 };

/** What goes out in one round trip: enough for every history of a window, and no more than a slow link can carry in time. */
export const BATCH_LIMITS: BufferLimits = { maxKeys: 1_000, maxBytes: 2 ** 20 };
