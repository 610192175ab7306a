import { type CollectionChange, GatheredChange } from "./collection-change.js";
import type { CollectionSnapshot } from "./collection-snapshot.js";
import type { StoredBody } from "./compression.js";
import type { MirrorError } from "./errors.js";
import type { RecordDefinition } from "./records.js";
import type { Source } from "./sources.js";
import type { Stamp, Version } from "./version.js";
import type { BufferLimits } from "./write-buffer.js";

interface Write {
  readonly redisKey: string;
  readonly userId: string;
  readonly record: RecordDefinition;
}

/** A document whose value has been taken down and which is not yet handed in. */
export interface PreparedDocument extends Write {
  readonly kind: "document";
  /** The value as JSON; `undefined` deletes the key. */
  readonly text: string | undefined;
  readonly bytes: number;
}

/** The same of a collection whose items are mirrored each for itself. */
export interface PreparedCollection extends Write {
  readonly kind: "collection";
  /** `undefined` deletes the record. */
  readonly snapshot: CollectionSnapshot | undefined;
  /** Whose list it is. */
  readonly source: Source;
  /** Shared with what is held of the local store, and counted there. */
  readonly bytes: 0;
}

/** A save whose value has been taken down and which is not yet handed in. */
export type PreparedWrite = PreparedDocument | PreparedCollection;

/** What was taken down, as JSON has it. */
export function valueOf(write: PreparedWrite): unknown {
  if (write.kind === "document") return write.text === undefined ? undefined : JSON.parse(write.text);
  return [...(write.snapshot?.items.values() ?? [])].map(({ text }) => JSON.parse(text) as unknown);
}

interface Pending {
  readonly bytes: number;
  /** The order of the saves in this process: tells a save from a later one of the same key. */
  readonly sequence: number;
  /** Whether what it overwrites is kept even if it was seen. */
  readonly keepsPrevious: boolean;
  /** Since when Redis has been behind, on the engine's clock: when the earliest save was made for which this one stands. */
  behindSinceMs: number;
}

export interface PendingDocument extends PreparedDocument, Pending {
  /** When it was made. */
  readonly stamp: Stamp;
}

export interface PendingCollection extends Write, Pending {
  readonly kind: "collection";
  readonly change: CollectionChange;
}

/** A save that is to be in Redis and is not, as far as this process knows. */
export type PendingWrite = PendingDocument | PendingCollection;

/** A write that did not come through, and why. */
export interface Refusal {
  readonly write: PendingWrite;
  readonly error: MirrorError;
}

/** Of a document the later save counts; of a collection the changes of both, which gather in the older one's. */
export function combineWrites(older: PendingWrite, newer: PendingWrite): PendingWrite {
  newer.behindSinceMs = older.behindSinceMs;
  if (older.kind === "document" || newer.kind === "document") return newer;
  const change = older.change instanceof GatheredChange ? older.change : new GatheredChange(older.change);
  change.add(newer.change);
  return {
    ...newer,
    change,
    bytes: change.bytes,
    sequence: Math.max(older.sequence, newer.sequence),
    keepsPrevious: older.keepsPrevious || newer.keepsPrevious,
  };
}

/** What this process knows to be in Redis, as it went over the wire: of a secret only the ciphertext is kept. */
export interface ArrivedWrite {
  readonly redisKey: string;
  readonly bytes: number;
  /** `undefined`: deleted. */
  readonly value: StoredBody | undefined;
  readonly version: Version;
  readonly ttlSeconds: number;
}

/** What may wait for Redis, and as much again is remembered of what arrived, to give it back to a restarted server. */
export const DEFAULT_LIMITS: BufferLimits = { maxKeys: 10_000, maxBytes: 16 * 2 ** 20 };

/** What is larger in Redis is not read to be compared: it would keep the saves waiting. The next save of it decides. */
export const COMPARED_BYTES = 2 * 2 ** 20;

/** What goes out in one round trip: enough for every history of a window, and no more than a slow link can carry in time. */
export const BATCH_LIMITS: BufferLimits = { maxKeys: 1_000, maxBytes: 2 ** 20 };
