import type { StoredBody } from "./compression.js";
import type { MirrorError } from "./errors.js";
import type { Version } from "./version.js";

/** One save as it goes over the wire. */
export interface WireWrite {
  /** Where the value lies; its bookkeeping lies beside it, under names that derive from this one. */
  readonly redisKey: string;
  /** `undefined` deletes. */
  readonly value: StoredBody | undefined;
  readonly ttlSeconds: number;
  readonly version: Version;
  /** The newest version of the record that this instance has seen. What is later than that is not lost when it is overwritten. */
  readonly seen: Version | undefined;
  /** Whether the previous value is kept even if it was seen: an emptied record may be a mistake. */
  readonly keepsPrevious: boolean;
  /**
   * Whether of what it overwrites only a JWE is kept: plain text there is a secret that lies open. What lies open beside
   * it, from a time when the record was not encrypted, goes. Default false.
   */
  readonly isSecret?: boolean;
  /** Of a secret: with which keys this instance could read what is there. Default: with none. */
  readonly keyIds?: readonly string[];
  /** Of a secret: the header of a JWE that this instance can read although scripts do not see that. */
  readonly readableHeader?: string;
  /** Whether what is there goes also where this instance cannot read it. Default false: then it fails, by `UnknownKeyError`. */
  readonly overwritesUnreadable?: boolean;
}

/** What became of one write. */
export type WireOutcome =
  /** It is in Redis, now or since an earlier try. */
  | {
      readonly kind: "applied";
      /** Whether what it overwrote, which this instance had not seen, is among the kept versions now. Default false. */
      readonly hasKept?: boolean;
    }
  /** A later version is there, which stays. */
  | { readonly kind: "superseded"; readonly by: Version }
  | { readonly kind: "failed"; readonly error: MirrorError };

/** What lies in Redis under a record's name. */
export interface StoredValue {
  readonly value: StoredBody | undefined;
  /** `undefined`: nothing of the mirror's was ever there, or its bookkeeping is lost. */
  readonly version: Version | undefined;
  /** Whether it is gone because somebody deleted it, not because Redis lost it. */
  readonly isDeleted: boolean;
}

/** What is there of a record, without its value. */
export interface StoredState extends Omit<StoredValue, "value"> {
  readonly hasValue: boolean;
}

/** What happened to one item of a collection, as it goes over the wire. */
export interface WireItem {
  /** As `encodeId` gives it; not empty. */
  readonly id: string;
  readonly version: Version;
  /** The newest version of the collection that this instance has seen. What is later than that is not lost when it is overwritten. */
  readonly seen: Version | undefined;
  readonly recency: number;
  /** As it will stand in the array, or a gzip member of it. `undefined` deletes. */
  readonly body: StoredBody | undefined;
}

/** What happened to a collection. */
export interface CollectionWrite {
  /** Where the array lies; its items lie beside it, under a name that derives from this one. */
  readonly redisKey: string;
  /** The newest of it. */
  readonly version: Version;
  /** Each id at most once. */
  readonly items: readonly WireItem[];
  readonly ttlSeconds: number;
  /** How many of the newest items the array shows. */
  readonly limit: number;
  /** Whether everything older than `version` goes, which items have just that version come after it. */
  readonly isClear: boolean;
  /** Whether the previous array is kept even if it was seen. */
  readonly keepsPrevious: boolean;
  /** Whether an array that is encrypted there goes too. Default false: then it fails, by `UnknownKeyError`. */
  readonly overwritesUnreadable?: boolean;
}

/** Tells one state of a collection from another. */
export interface CollectionState {
  /** The newest that changed anything. `undefined`: nothing of the mirror's was ever there, or its bookkeeping is lost. */
  readonly version: Version | undefined;
  /** Of which items are there in which versions. */
  readonly fingerprint: string | undefined;
}

/** What became of one write to a collection. */
export type MergeOutcome =
  | {
      /** It is in Redis, now or since an earlier try, except for the items of which later versions are there, which stay. */
      readonly kind: "merged";
      readonly state: CollectionState;
      readonly superseded: ReadonlyMap<string, Version>;
    }
  | { readonly kind: "failed"; readonly error: MirrorError };

/** An item that lies in Redis, without its body. */
export interface StoredItem {
  readonly version: Version;
  readonly recency: number;
}

/** Which items of a collection live, in which versions. */
export interface StoredIndex extends CollectionState {
  /** Whether the array is there. */
  readonly hasValue: boolean;
  /** Everything older is gone; `undefined`: it was never cleared. */
  readonly cleared: Version | undefined;
  /** By id, newest first; those beyond the limit of the array among them. */
  readonly items: ReadonlyMap<string, StoredItem>;
}

/** What lies in Redis under a collection's name. */
export interface StoredCollection extends StoredIndex {
  /** The array. */
  readonly value: StoredBody | undefined;
}

/** A value that was overwritten and kept. */
export interface KeptValue {
  readonly version: Version;
  /** Of what lies in Redis: of a secret, the ciphertext's. */
  readonly bytes: number;
}

/** Who is told of what others change. */
export interface ChangeListener {
  /** A record has been changed. Only a hint: some of them get lost. */
  onHint(redisKey: string, writer: string): void;
  /** No hint will come any more. */
  onLost(): void;
}

/** A connection that hears who has changed what. */
export interface ChangeWatch {
  /** From here on hints come of all whose keys begin so. @throws ConnectionLostError @throws RefusedError */
  add(folder: string): Promise<void>;
  /** No hint comes from here on; `onLost` does not either. */
  close(): void;
}

/**
 * Redis as the engine needs it. Every call settles within a deadline of the gateway's own, whatever the server does;
 * a call that expires ends the connection.
 */
export interface RedisGateway {
  /** Counts the connections made so far: after each of them the server may be another one, or have lost its data. */
  readonly connections: number;
  readonly isConnected: boolean;

  /** Of the servers that it was sent to by others and talks to now, a sentence each: part of the status. Default: none. */
  readonly warnings?: readonly string[];

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

  /** As `write`, and in one round trip with it where both are asked for in the same turn. @throws ConnectionLostError */
  merge(batch: readonly CollectionWrite[]): Promise<MergeOutcome[]>;

  /** @throws ConnectionLostError @throws RefusedError @throws NotServedError */
  readIndex(redisKey: string): Promise<StoredIndex>;

  /**
   * The array is never older than what is said of its items.
   * @param maxBytes More than that is not read. Default: what the mirror can have written.
   * @throws ConnectionLostError @throws RefusedError @throws NotServedError @throws UnreadableValueError if it is larger.
   */
  readCollection(redisKey: string, maxBytes?: number): Promise<StoredCollection>;

  /**
   * When items were deleted, as far as is remembered. Only of those that are not there.
   * @throws ConnectionLostError @throws RefusedError @throws NotServedError
   */
  readTombstones(redisKey: string, ids: readonly string[]): Promise<(Version | undefined)[]>;

  /** As `renew`, for collections. */
  renewCollections(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<((CollectionState & { readonly hasValue: boolean }) | undefined)[]>;

  /** The values of a record that were overwritten and kept. @throws ConnectionLostError @throws RefusedError */
  listKept(redisKey: string): Promise<KeptValue[]>;

  /** @throws ConnectionLostError @throws RefusedError */
  readKept(redisKey: string, version: Version): Promise<StoredBody | undefined>;

  /** @throws ConnectionLostError @throws RefusedError */
  ping(): Promise<void>;

  /** On a connection of its own, which ends with the gateway. @throws ConnectionLostError @throws RefusedError */
  watch(listener: ChangeListener): Promise<ChangeWatch>;

  /** Lets go of the connections at once and for good: whatever is or will be asked of the gateway rejects. */
  close(): void;
}
