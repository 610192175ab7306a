import type { MirrorError } from "./errors.js";
import type { Version } from "./version.js";

/** One save as it goes over the wire. */
export interface WireWrite {
  /** Where the value lies; its bookkeeping lies beside it, under names that derive from this one. */
  readonly redisKey: string;
  /** `undefined` deletes. */
  readonly value: string | undefined;
  readonly ttlSeconds: number;
  readonly version: Version;
  /** The newest version of the record that this instance has seen. What is later than that is not lost when it is overwritten. */
  readonly seen: Version | undefined;
  /** Whether the previous value is kept even if it was seen: an emptied record may be a mistake. */
  readonly keepsPrevious: boolean;
}

/** What became of one write. */
export type WireOutcome =
  /** It is in Redis, now or since an earlier try. */
  | { readonly kind: "applied" }
  /** A later version is there, which stays. */
  | { readonly kind: "superseded"; readonly by: Version }
  | { readonly kind: "failed"; readonly error: MirrorError };

/** What lies in Redis under a record's name. */
export interface StoredValue {
  readonly value: string | undefined;
  /** `undefined`: nothing of the mirror's was ever there, or its bookkeeping is lost. */
  readonly version: Version | undefined;
  /** Whether it is gone because somebody deleted it, not because Redis lost it. */
  readonly isDeleted: boolean;
}

/** What is there of a record, without its value. */
export interface StoredState extends Omit<StoredValue, "value"> {
  readonly hasValue: boolean;
}

/** A value that was overwritten and kept. */
export interface KeptValue {
  readonly version: Version;
  /** Of what lies in Redis: of a secret, the ciphertext's. */
  readonly bytes: number;
}

/**
 * Redis as the engine needs it. Every call settles within a deadline of the gateway's own, whatever the server does;
 * a call that expires ends the connection.
 */
export interface RedisGateway {
  /** Counts the connections made so far: after each of them the server may be another one, or have lost its data. */
  readonly connections: number;
  readonly isConnected: boolean;

  /** Called when an established connection ends without having been asked to. */
  onConnectionLost: (() => void) | undefined;

  /** Connects unless connected. @throws ConnectionLostError @throws RefusedError (`WRONGPASS`, `NOAUTH`, …) */
  connect(): Promise<void>;

  /**
   * Sends all of it in one round trip. Each write has its own outcome, and may be sent again until it has one: what is
   * there in a later version stays, so neither order nor repetition matters.
   * @throws ConnectionLostError: any of them may have arrived.
   */
  write(batch: readonly WireWrite[]): Promise<WireOutcome[]>;

  /**
   * @param maxBytes More than that is not read. Default: what the mirror can have written.
   * @throws ConnectionLostError @throws RefusedError @throws NotServedError @throws UnreadableValueError if it is larger.
   */
  read(redisKey: string, maxBytes?: number): Promise<StoredValue>;

  /**
   * Lets records live for another `ttlSeconds`, and says what is there of them; `undefined` where that is refused, or its
   * part of a cluster cannot be asked. @throws ConnectionLostError where there is nobody to ask.
   */
  renew(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<(StoredState | undefined)[]>;

  /** The values of a record that were overwritten and kept. @throws ConnectionLostError @throws RefusedError */
  listKept(redisKey: string): Promise<KeptValue[]>;

  /** @throws ConnectionLostError @throws RefusedError */
  readKept(redisKey: string, version: Version): Promise<string | undefined>;

  /** @throws ConnectionLostError @throws RefusedError */
  ping(): Promise<void>;

  /** Lets go of the connection at once and for good: whatever is or will be asked of the gateway rejects. */
  close(): void;
}
