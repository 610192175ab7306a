import type { Author } from "./author.js";
import type { CircuitBreaker } from "./circuit-breaker.js";
import { type Clock, withDeadline } from "./clock.js";
import type { Codec } from "./codec.js";
import type { Collections } from "./collections.js";
import type { StoredBody } from "./compression.js";
import { ConnectionLostError, KeyRingError, UnreadableValueError } from "./errors.js";
import type { KeySpace, RecordId } from "./keys.js";
import { overlay } from "./overlay.js";
import { type Catalogue, isMerged, type RecordDefinition } from "./records.js";
import type { RedisGateway, StoredCollection } from "./redis-gateway.js";
import type { ReplayGuard } from "./replay-guard.js";
import type { UnsentWrites } from "./unsent-writes.js";
import type { Version } from "./version.js";

/** Why nothing was found. */
export type Miss = "absent" | "unreadable" | "timed-out" | "unavailable";

/** Nobody waits for the answer any more; it may still come. */
class ReadExpiredError extends ConnectionLostError {}

/** What `find` found. */
export interface FoundValue {
  readonly value: unknown;
  /** `undefined`: a save of this process that is still on its way. */
  readonly version: Version | undefined;
  /** As it lies in Redis. */
  readonly stored: StoredBody | undefined;
  /** Of a collection whose items are merged: what is there. */
  readonly collection?: StoredCollection | undefined;
  /** How many of its items are not in `value`, because they do not pass the record's schema. Default: none. */
  readonly leftOut?: number;
}

export interface RecordReaderOptions {
  gateway: RedisGateway;
  catalogue: Catalogue;
  keySpace: KeySpace;
  codec: Codec;
  replayGuard: ReplayGuard;
  collections: Collections;
  unsent: UnsentWrites;
  author: Author;
  breaker: CircuitBreaker;
  clock: Clock;
  readTimeoutMs: number;
  /** This process has to do with a record. */
  onAsked(redisKey: string, id: RecordId): void;
  onAnswered(): void;
  /** What is there cannot be read. */
  onUnreadable(id: RecordId, detail: string): void;
  /** Redis did not answer, or not in time. */
  onLost(): void;
}

/** Reads records for somebody who waits for them: within the read deadline, or not at all. */
export class RecordReader {
  readonly #options: RecordReaderOptions;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /** What the mirror holds of a record, this process's own latest save included. Does not reject. */
  async find(id: RecordId): Promise<FoundValue | undefined> {
    const found = await this.lookUp(id);
    return typeof found === "string" ? undefined : found;
  }

  /** As `find`, and says why there is nothing. Does not reject. */
  async lookUp(id: RecordId): Promise<FoundValue | Miss> {
    const { catalogue, keySpace, unsent, onAsked } = this.#options;
    const record = catalogue.find(id.record);
    if (record === undefined) return "absent";
    try {
      const redisKey = keySpace.keyOf(id);
      onAsked(redisKey, id);
      const write = unsent.of(redisKey);
      if (write?.kind === "document")
        return write.text === undefined
          ? "absent"
          : { value: JSON.parse(write.text), version: undefined, stored: undefined };
      return await this.withinDeadline(this.#read(record, redisKey));
    } catch (error) {
      return this.failed(id, error);
    }
  }

  /** Of a collection, with what of this process is still on its way. */
  async #read(record: RecordDefinition, redisKey: string): Promise<FoundValue | Miss> {
    const { gateway, collections, codec, replayGuard, unsent, author, onAnswered } = this.#options;
    if (!(await this.connect())) return "unavailable";
    const collection = isMerged(record) ? await gateway.readCollection(redisKey) : undefined;
    const found = collection ?? (await gateway.read(redisKey));
    author.observe(found.version);
    onAnswered();
    const stored = found.value;
    const version = replayGuard.expectFresh(record, redisKey, found);
    const changes =
      collection === undefined ? [] : [...collections.deletionsIn(redisKey, collection), ...unsent.changesOf(redisKey)];
    if (stored === undefined && changes.length === 0) return "absent";
    const { value, leftOut } =
      stored === undefined ? { value: [], leftOut: 0 } : await codec.accept(record, redisKey, stored, version);
    if (stored !== undefined) replayGuard.noteOpened(record, redisKey, stored);
    return { value: overlay(record, value, changes), version, stored, collection, ...(leftOut > 0 && { leftOut }) };
  }

  /** A refusal to write does not keep from reading, but where nobody is to be found there is no point in knocking. */
  async connect(): Promise<boolean> {
    const { gateway, breaker } = this.#options;
    if (breaker.state.kind === "open" && !gateway.isConnected) return false;
    await gateway.connect();
    return true;
  }

  /** Somebody waits for this: the process lives until there is an answer, or the deadline. @throws ConnectionLostError */
  withinDeadline<T>(reading: Promise<T>): Promise<T> {
    const { readTimeoutMs, clock } = this.#options;
    return withDeadline(reading, {
      deadlineMs: readTimeoutMs,
      onExpired: () => new ReadExpiredError(`No answer within ${readTimeoutMs} ms.`),
      clock,
      isHoldingProcess: true,
    });
  }

  failed(id: RecordId, error: unknown): Miss {
    const { onUnreadable, onLost } = this.#options;
    if (error instanceof UnreadableValueError || error instanceof KeyRingError) {
      onUnreadable(id, error.message);
      return "unreadable";
    }
    // One owner decides what a failing connection means; this only makes it look.
    onLost();
    return error instanceof ReadExpiredError ? "timed-out" : "unavailable";
  }
}
