import { EventEmitter } from "node:events";
import type { BreakerState } from "./circuit-breaker.js";
import type { RecordId } from "./keys.js";

/** How the mirror is. `degraded`: Redis cannot be used now, and local work goes on unaffected. */
export type MirrorState = "connected" | "connecting" | "degraded" | "disabled" | "misconfigured";

/** How the mirror is, and what it has done, at one moment. */
export interface MirrorStatus {
  readonly state: MirrorState;
  /** Why, in a sentence; for `degraded` and `misconfigured`, and where single records are refused. */
  readonly reason?: string;
  /** Since when it is in this state. */
  readonly since: Date;
  /** How many keys wait to be written. */
  readonly pending: number;
  /** How much they are, in UTF-8 bytes. */
  readonly pendingBytes: number;
  /** Saves taken since this engine was made. */
  readonly saves: number;
  /** Round trips that carried writes. */
  readonly batches: number;
  /** Values that arrived in Redis, and their bytes. */
  readonly sentKeys: number;
  /** As they went over the wire: of a secret the ciphertext, where the mirror compresses gzip. */
  readonly sentBytes: number;
  /** By how much compression has made these smaller; 0 without it. What is tiny it makes larger. */
  readonly savedBytes: number;
  /** Whether writing goes on, is paused after repeated failures, or is tried once more. */
  readonly breaker: BreakerState["kind"];
  /** What is not as safe as it could be, a sentence each; absent where there is nothing. */
  readonly warnings?: readonly string[];
}

/** What a mirror has done that has not begun. */
export const NOTHING_DONE = {
  pending: 0,
  pendingBytes: 0,
  saves: 0,
  batches: 0,
  sentKeys: 0,
  sentBytes: 0,
  savedBytes: 0,
  breaker: "closed",
} as const satisfies Partial<MirrorStatus>;

/** Why a save will not reach Redis. */
export type DropReason =
  /** JSON cannot carry the value. */
  | "not-json"
  /** Larger than all that may wait. */
  | "too-large"
  /** Something had to give way, and this had waited longest. */
  | "overflow"
  /** The key to encrypt it with could not be had. */
  | "not-encrypted"
  /** The engine was closed before, or with it still waiting. */
  | "closed"
  /** Another instance saved the record later; this save is among the kept versions. */
  | "superseded"
  /** A selector of the host's threw. */
  | "selector";

/** A round trip that carries writes: the same object at its start and at its end. */
export interface Batch {
  /** How many records it carries something of. */
  readonly keys: number;
}

/** A save of another instance's met one of this one's. */
export interface Conflict {
  readonly record: string;
  /**
   * `superseded`: the other one is later, and stays. `kept`: this one is in its place, and the other one, which nobody here
   * had seen, among the kept versions.
   */
  readonly outcome: "superseded" | "kept";
  /** Of a collection: how many of its items. Of a document 1. */
  readonly items: number;
}

/** What became of a batch. */
export interface BatchOutcome {
  /** From handing it over to the last answer, ms. */
  readonly durationMs: number;
  /**
   * What is in Redis now: each record, and for how long Redis had been behind, ms: since the earliest of the saves that this
   * write stands for.
   */
  readonly arrived: readonly { readonly record: string; readonly lagMs: number }[];
  /** How much of it arrived, as it went over the wire. */
  readonly bytes: number;
  readonly conflicts: readonly Conflict[];
  /** Where nothing arrived because of an error: its `code`. */
  readonly code?: string;
}

/**
 * What became of a restore. `absent`: the mirror has nothing of it. `unreadable`: what it has counts as absent. `timed-out`:
 * there was no answer within the read deadline. `unavailable`: Redis cannot be used. `refused`: the host's `adopt` threw, or
 * did not settle. `overtaken`: the host has saved the record meanwhile, or somebody else has signed in.
 */
export type RestoreOutcome =
  "restored" | "absent" | "unreadable" | "timed-out" | "unavailable" | "refused" | "overtaken";

/** What the mirror tells. None of it holds a value, and none is called `error`: Node throws when nobody listens to that. */
export interface MirrorEvents {
  /** The state has changed: connected, degraded, … */
  status: [status: MirrorStatus];
  /** A save was taken. Told within the call that saves: whoever listens is to be quick. */
  saved: [save: RecordId];
  /** A batch goes out. */
  batchStarted: [batch: Batch];
  /** The batch has been answered, or the connection failed. */
  batchEnded: [batch: Batch, outcome: BatchOutcome];
  /** A batch is in Redis. */
  flushed: [batch: { keys: number; bytes: number }];
  /** A batch or a connection failed; its writes wait again. */
  failed: [failure: { reason: string; code: string; keys: number }];
  /** A save will not reach Redis; `detail` says why in words, and holds no part of the value. */
  dropped: [drop: { userId: string | undefined; record: string; reason: DropReason; detail: string }];
  /** Redis takes other records and refuses this one, which waits and is tried again. */
  held: [write: RecordId & { reason: string }];
  /** The local store has none of a record, and the mirror is asked. Not told where asking was just in vain. */
  restoreStarted: [restore: RecordId];
  /** The restore that was started with the same object is over, `durationMs` later. */
  restoreEnded: [restore: RecordId, end: { outcome: RestoreOutcome; durationMs: number }];
  /** The local store had none of a record, and has adopted the mirror's. */
  restored: [record: RecordId];
  /**
   * A mirrored value counts as absent: it cannot be decrypted, parsed or adopted, or does not pass the record's schema. Of a
   * collection that may be some of its items: as many as `items` says.
   */
  unreadable: [value: RecordId & { detail: string; items?: number }];
  /** Writing pauses, is tried again, or goes on. */
  breaker: [transition: { from: BreakerState["kind"]; to: BreakerState["kind"]; reason: string | undefined }];
  /** A clock is more than a day ahead of this one's: what `writer` saved by it counts as older than everything. */
  skew: [clock: { writer: string; aheadMs: number }];
  /** Another instance changed a record, which can be taken over with `adoptRemote`. Only where sharing is live. */
  remoteChange: [record: RecordId];
  /** Redis does not allow to listen for what others change: it is heard of minutes later. */
  unheard: [refusal: { reason: string }];
  /**
   * Somebody else is signed in from now on, or with `undefined` nobody: by `setUser` or by the settings. Of what a function of
   * the host's answers nobody tells. An engine without a mirror has no user, and does not tell of it.
   */
  user: [user: { userId: string | undefined }];
  /** It is closed, and tells nothing any more. */
  closed: [];
}

/** What is called with an event. What it throws does not reach the mirror. */
export type MirrorListener<Event extends keyof MirrorEvents> = (...args: MirrorEvents[Event]) => void;

/** An emitter whose listeners cannot hurt the one who emits. */
export class MirrorEmitter {
  readonly #emitter = new EventEmitter();

  on<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): void {
    this.#emitter.on(event, listener as (...args: unknown[]) => void);
  }

  off<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): void {
    this.#emitter.off(event, listener as (...args: unknown[]) => void);
  }

  /** Whether anybody listens: what is told within a save is not even put together for nobody. */
  isHeard(event: keyof MirrorEvents): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  emit<Event extends keyof MirrorEvents>(event: Event, ...args: MirrorEvents[Event]): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        // An async listener's failure would otherwise surface as an unhandledRejection, which ends the process.
        const answer: unknown = listener(...args);
        if (answer instanceof Promise) answer.catch(() => {});
      } catch {
        // A listener is a guest in a save; what it throws must not reach the host that saves.
      }
    }
  }
}
