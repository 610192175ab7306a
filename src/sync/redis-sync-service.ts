import { randomBytes } from "node:crypto";
import { type Attempt, CircuitBreaker } from "./circuit-breaker.js";
import { type Clock, systemClock, type Timer, withDeadline } from "./clock.js";
import type { Codec } from "./codec.js";
import {
  ConnectionLostError,
  describeError,
  KeyRingError,
  MirrorError,
  RefusedError,
  UnreadableValueError,
  VersionNotFoundError,
} from "./errors.js";
import type { KeySpace, RecordId } from "./keys.js";
import { digestOf, Ledger } from "./ledger.js";
import { type Memento, MemoryMemento } from "./memento.js";
import {
  type DropReason,
  MirrorEmitter,
  type MirrorListener,
  type MirrorEvents,
  type MirrorState,
  type MirrorStatus,
} from "./mirror-events.js";
import type { Catalogue, RecordDefinition } from "./records.js";
import type { RedisGateway, StoredState, StoredValue, WireWrite } from "./redis-gateway.js";
import { takeSnapshot } from "./snapshot.js";
import { formatVersion, nextStamp, parseVersion, type Stamp, type Version, VersionClock } from "./version.js";
import { type BufferLimits, WriteBuffer } from "./write-buffer.js";

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

/** What may wait for Redis, and as much again is remembered of what arrived, to give it back to a restarted server. */
export const DEFAULT_LIMITS: BufferLimits = { maxKeys: 10_000, maxBytes: 16 * 2 ** 20 };

/** What goes out in one round trip: enough for every history of a window, and no more than a slow link can carry in time. */
const BATCH_LIMITS: BufferLimits = { maxKeys: 1_000, maxBytes: 2 ** 20 };

/** How long the key of a secret may take, from a keychain that may have to be unlocked. */
const KEY_DEADLINE_MS = 2_000;

/** After so long an attempt is given up, whatever holds it: longer than all deadlines of a gateway together. */
const ATTEMPT_LEASE_MS = 300_000;

/** How long somebody who asks for the history is kept waiting: connecting and a large value. */
const ANSWER_DEADLINE_MS = 10_000;

/** How long what was learnt of versions may wait to be written down. */
const LEDGER_DELAY_MS = 2_000;

/** How an empty value looks as JSON. */
const EMPTY_TEXTS = new Set<string | undefined>([undefined, "null", '""', "[]", "{}"]);

export interface RedisSyncServiceOptions {
  gateway: RedisGateway;
  catalogue: Catalogue;
  keySpace: KeySpace;
  codec: Codec;
  timings?: Partial<SyncTimings>;
  limits?: BufferLimits;
  clock?: Clock;
  /** What is known of versions across restarts. Default: forgotten with the process. */
  memento?: Memento;
  /** Makes the names of the store and of this process; letters and digits in lower case. */
  randomId?: () => string;
}

/** A save whose value has been taken down and which is not yet handed in. */
export interface PreparedWrite {
  readonly redisKey: string;
  readonly userId: string;
  readonly record: RecordDefinition;
  /** The value as JSON; `undefined` deletes the key. */
  readonly text: string | undefined;
  readonly bytes: number;
}

interface PendingWrite extends PreparedWrite {
  /** The order of the saves in this process: tells a save from a later one of the same key. */
  readonly sequence: number;
  /** When it was made. */
  readonly stamp: Stamp;
  /** Whether what it overwrites is kept even if it was seen. */
  readonly keepsPrevious: boolean;
}

/** What this process knows to be in Redis, as it went over the wire: of a secret only the ciphertext is kept. */
interface ArrivedWrite {
  readonly redisKey: string;
  readonly bytes: number;
  /** `undefined`: deleted. */
  readonly value: string | undefined;
  readonly version: Version;
  readonly ttlSeconds: number;
}

interface KnownRecord {
  readonly redisKey: string;
  readonly ttlSeconds: number;
}

/** What `find` found. */
export interface FoundValue {
  readonly value: unknown;
  /** `undefined`: a save of this process that is still on its way. */
  readonly version: Version | undefined;
  /** As it lies in Redis. */
  readonly stored: string | undefined;
}

/** One of the versions of a record that Redis holds. */
export interface RecordVersion {
  readonly version: Version;
  readonly savedAt: Date;
  /** Which process of which local store saved it. */
  readonly writer: string;
  /** As it lies in Redis. */
  readonly bytes: number;
  readonly isCurrent: boolean;
}

export type FlushResult = { flushed: true } | { flushed: false; reason: string };

interface FlushWaiter {
  /** The saves that are waited for: the sequence of each key's newest at the time. */
  readonly awaited: Map<string, number>;
  readonly settle: (result: FlushResult) => void;
}

/**
 * Gets saves to Redis eventually, and never hurts the one who saves: `set` and `delete` return at once and do not
 * throw, whatever Redis does. One save's path reads downwards: taken, pending, batch window, drain, Redis.
 */
export class RedisSyncService {
  readonly #gateway: RedisGateway;
  readonly #catalogue: Catalogue;
  readonly #keySpace: KeySpace;
  readonly #codec: Codec;
  readonly #timings: SyncTimings;
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #events = new MirrorEmitter();
  readonly #pending: WriteBuffer<PendingWrite>;
  readonly #arrived: WriteBuffer<ArrivedWrite>;
  readonly #flushWaiters = new Set<FlushWaiter>();
  readonly #counts = { saves: 0, batches: 0, sentKeys: 0, sentBytes: 0 };
  #health: { readonly state: MirrorState; readonly reason?: string; readonly since: Date } = {
    state: "connecting",
    since: new Date(),
  };
  /** What is on its way: not pending any more, and not yet in Redis. */
  #batch: readonly PendingWrite[] = [];
  /** The one that is under way. What comes of any other is of no interest. */
  #attempt: Attempt | undefined;
  #timer: Timer | undefined;
  #isDue = false;
  /** Lets go of a key store that is being asked. One is asked at a time. */
  #abandonEncoding: (() => void) | undefined;
  readonly #ledger: Ledger;
  readonly #versions: VersionClock;
  readonly #writer: string;
  /** What the local store was found to hold, to be compared with the mirror. */
  readonly #uncompared: WriteBuffer<PreparedWrite>;
  /** With which version that was done: once is enough while it is there, and it costs a reading of the value. */
  readonly #compared = new Map<string, Version | undefined>();
  readonly #limits: BufferLimits;
  /** The connection on which what is there was last compared with what should be. */
  #reconciledConnection = 0;
  #isReconcileDue = false;
  #reconcileTimer: Timer | undefined;
  #leaseTimer: Timer | undefined;
  #ledgerTimer: Timer | undefined;
  #latestWritten: Stamp | undefined;
  #sequence = 0;
  /** What is being restored into the local store, as JSON: the host will save it. */
  readonly #adopting = new Map<string, string>();
  #closing: Promise<FlushResult> | undefined;
  #isClosed = false;

  constructor({
    gateway,
    catalogue,
    keySpace,
    codec,
    timings,
    limits = DEFAULT_LIMITS,
    clock = systemClock,
    memento = new MemoryMemento(),
    randomId = () => randomBytes(4).toString("hex"),
  }: RedisSyncServiceOptions) {
    this.#gateway = gateway;
    this.#catalogue = catalogue;
    this.#keySpace = keySpace;
    this.#codec = codec;
    this.#timings = { ...DEFAULT_TIMINGS, ...timings };
    this.#clock = clock;
    this.#breaker = new CircuitBreaker({ ...this.#timings, leaseMs: ATTEMPT_LEASE_MS, clock });
    this.#breaker.onTransition = (from, to) =>
      this.#events.emit("breaker", { from: from.kind, to: to.kind, reason: this.#health.reason });
    this.#ledger = new Ledger(memento, randomId);
    // Two processes that share a store must not give one version to two saves.
    this.#writer = `${this.#ledger.store}${randomId()}`;
    this.#versions = new VersionClock(() => clock.wallNow());
    this.#versions.startAfter(this.#ledger.latest, LEDGER_DELAY_MS);
    this.#uncompared = new WriteBuffer(limits);
    this.#limits = limits;
    this.#pending = new WriteBuffer(limits);
    this.#arrived = new WriteBuffer(limits);
    gateway.onConnectionLost = () => this.#drainSoon(this.#timings.batchWindowMs);
  }

  get status(): MirrorStatus {
    const inFlight = this.#batch;
    return {
      ...this.#health,
      pending: this.#pending.keys + inFlight.length,
      pendingBytes: this.#pending.bytes + inFlight.reduce((sum, write) => sum + write.bytes, 0),
      ...this.#counts,
    };
  }

  keyOf(id: RecordId): string {
    return this.#keySpace.keyOf(id);
  }

  on<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): this {
    this.#events.on(event, listener);
    return this;
  }

  off<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): this {
    this.#events.off(event, listener);
    return this;
  }

  emit<Event extends keyof MirrorEvents>(event: Event, ...args: MirrorEvents[Event]): void {
    this.#events.emit(event, ...args);
  }

  // ── A save is taken ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Mirrors a value as it is now; `undefined` deletes it. A record that is not in the catalogue is passed over. Does not throw. */
  set(id: RecordId, value: unknown): void {
    const write = this.prepare(id, value);
    if (write !== undefined) this.submit(write);
  }

  delete(id: RecordId): void {
    this.set(id, undefined);
  }

  /**
   * The first half of `set`: takes the value down, for a save whose local write is still under way.
   * The answer is `undefined` where there is nothing to mirror.
   */
  prepare({ userId, record: name }: RecordId, value: unknown): PreparedWrite | undefined {
    const record = this.#catalogue.find(name);
    if (record === undefined) return undefined;
    try {
      const redisKey = this.#keySpace.keyOf({ userId, record: name });
      if (value === undefined) return { redisKey, userId, record, text: undefined, bytes: 0 };
      const snapshot = takeSnapshot(record, value);
      if ("text" in snapshot) {
        return { redisKey, userId, record, text: snapshot.text, bytes: Buffer.byteLength(snapshot.text) };
      }
      this.#drop({ userId, record }, "not-json", snapshot.refusal);
    } catch {
      // A getter, a proxy or a record's own `recency` threw. What it said may quote the value.
      this.#drop({ userId, record }, "not-json", "it could not be read");
    }
    return undefined;
  }

  /** The second half of `set`: the local write has succeeded. */
  submit(write: PreparedWrite): void {
    if (this.#closing !== undefined) return this.#drop(write, "closed", "the mirror was closed before");
    this.#counts.saves++;
    const adopted = this.#adopting.get(write.redisKey);
    this.#adopting.delete(write.redisKey);
    // What was restored is in the mirror already, and older than what anybody saves now.
    if (adopted !== undefined && adopted === write.text && this.#unsent(write.redisKey) === undefined) return;
    const pending = this.#toPending(write, this.#versions.tick());
    this.#noteDown(pending);
    this.#enqueue(pending);
    // After a failure a retry is set for later, or a look whether the connection is back is under way; a steady writer
    // must bring neither forward.
    const { state } = this.#breaker;
    if (state.kind === "closed" && state.failures === 0) this.#drainSoon(this.#timings.batchWindowMs);
  }

  #toPending({ redisKey, userId, record, text, bytes }: PreparedWrite, stamp: Stamp): PendingWrite {
    return {
      redisKey,
      userId,
      record,
      text,
      bytes,
      stamp,
      sequence: ++this.#sequence,
      keepsPrevious: EMPTY_TEXTS.has(text),
    };
  }

  #enqueue(write: PendingWrite): void {
    this.#uncompared.remove(write.redisKey);
    for (const evicted of this.#pending.put(write)) this.#giveUp(evicted, evicted === write ? "too-large" : "overflow");
  }

  /**
   * The first save of a record, of another user, and each that empties it, are written down at once: a crash that keeps them from
   * arriving must not leave in doubt how old they are, nor have the next start undo what was emptied.
   */
  #noteDown({ redisKey, record, stamp, text, keepsPrevious }: PendingWrite): void {
    const isOwnerNews = this.#ledger.own(record.name, redisKey);
    const isFirst = this.#ledger.get(redisKey) === undefined;
    if (!isOwnerNews && !isFirst && !keepsPrevious) return;
    const version = formatVersion(stamp, this.#writer);
    if (isFirst) this.#ledger.saved(redisKey, version);
    if (keepsPrevious) this.#ledger.cleared(redisKey, version, text);
    this.#saveLedger();
  }

  // ── Pending becomes a batch ──────────────────────────────────────────────────────────────────────────────────────

  /** Sets the timer unless it is set: the window is counted from its first write, so steady writes cannot put it off. */
  #drainSoon(delayMs: number): void {
    if (this.#timer === undefined) this.#drainAgain(delayMs);
  }

  /** Sets the timer anew. It does not hold the process. */
  #drainAgain(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelTimer();
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#drainNow();
    }, delayMs);
    this.#timer.unref?.();
  }

  #cancelTimer(): void {
    this.#clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #clearTimer(timer: Timer | undefined): void {
    if (timer !== undefined) this.#clock.clearTimeout(timer);
  }

  /** One batch at a time: what is saved while it is away gathers for the next. */
  #drainNow(): void {
    if (this.#attempt !== undefined) {
      this.#isDue = true;
      return;
    }
    this.#cancelTimer();
    const attempt = this.#breaker.tryAcquire();
    if (attempt !== undefined) this.#begin(attempt);
    else if (this.#breaker.state.kind === "open" && this.#breaker.state.cause === "lost") void this.#checkHealth();
    // Timers may fire a millisecond early.
    else this.#drainAgain(this.#retryDelayMs());
  }

  #begin(attempt: Attempt): void {
    this.#attempt = attempt;
    this.#batch = this.#pending.take(BATCH_LIMITS);
    this.#leaseTimer = this.#clock.setTimeout(
      () => this.#conclude(attempt, new ConnectionLostError(`The attempt did not end within ${ATTEMPT_LEASE_MS} ms.`)),
      ATTEMPT_LEASE_MS,
    );
    this.#leaseTimer.unref?.();
    void this.#try(attempt, this.#batch).then(
      (refusal) => this.#conclude(attempt, refusal),
      (error: unknown) => this.#conclude(attempt, toMirrorError(error)),
    );
  }

  /** Given up, or everything is: what comes of it now must change nothing. */
  #isOver(attempt: Attempt): boolean {
    return this.#attempt !== attempt || this.#isClosed;
  }

  #conclude(attempt: Attempt, failure: MirrorError | undefined): void {
    if (this.#isOver(attempt)) return;
    this.#clearTimer(this.#leaseTimer);
    const keys = this.#batch.length;
    this.#attempt = undefined;
    this.#putBack(this.#batch);
    this.#batch = [];
    if (failure === undefined) this.#succeeded(attempt);
    else this.#failed(attempt, failure, keys);
    this.#afterAttempt();
    this.#saveLedgerSoon();
  }

  /**
   * Sends a batch and compares what is due to be; where there is nothing of either, asks for a sign of life.
   * What did not arrive stays in `#batch`. The answer is the first refusal. @throws ConnectionLostError
   */
  async #try(attempt: Attempt, batch: readonly PendingWrite[]): Promise<MirrorError | undefined> {
    await this.#gateway.connect();
    const { writes, wire } = await this.#encode(attempt, batch);
    const connection = this.#gateway.connections;
    const isReconcileDue = this.#isReconcileDue || connection !== this.#reconciledConnection;
    const known = isReconcileDue ? this.#knownRecords(batch) : [];
    if (isReconcileDue && known.length === 0) this.#reconciled(connection);
    if (wire.length > 0) {
      const refusal = await this.#send(attempt, writes, wire);
      if (refusal !== undefined || this.#isOver(attempt)) return refusal;
      if (known.length === 0) this.#setHealth("connected");
    }
    if (known.length > 0) return this.#reconcile(attempt, connection, known);
    if (wire.length === 0) await this.#gateway.ping();
    return undefined;
  }

  /** Encrypting can fail one record without the others having to suffer for it. */
  async #encode(
    attempt: Attempt,
    batch: readonly PendingWrite[],
  ): Promise<{ writes: PendingWrite[]; wire: WireWrite[] }> {
    const writes: PendingWrite[] = [];
    const wire: WireWrite[] = [];
    for (const write of batch) {
      try {
        wire.push(await this.#toWire(write));
        writes.push(write);
      } catch (error) {
        if (this.#isOver(attempt)) throw error;
        this.#batch = this.#batch.filter((waiting) => waiting !== write);
        this.#drop(write, "not-encrypted", describeError(error));
        this.#settleAwaited(write, "it could not be encrypted");
      }
    }
    return { writes, wire };
  }

  async #toWire({ redisKey, record, text, stamp, keepsPrevious }: PendingWrite): Promise<WireWrite> {
    return {
      redisKey,
      value: text === undefined ? undefined : await this.#encodeText(record, redisKey, text),
      ttlSeconds: this.#ttlSecondsOf(record),
      version: formatVersion(stamp, this.#writer),
      seen: this.#ledger.get(redisKey)?.version || undefined,
      keepsPrevious,
    };
  }

  #encodeText(record: RecordDefinition, redisKey: string, text: string): Promise<string> {
    const encoding = this.#codec.encode(record, redisKey, text);
    return record.encrypted ? this.#withinKeyDeadline(encoding) : encoding;
  }

  #ttlSecondsOf(record: RecordDefinition | undefined): number {
    return record?.ttlSeconds ?? this.#timings.ttlSeconds;
  }

  /** A keychain that asks a person who is not there must not hold up the other records for ever. */
  #withinKeyDeadline(encoding: Promise<string>): Promise<string> {
    const closing = new Promise<never>((_resolve, reject) => {
      this.#abandonEncoding = () => reject(new KeyRingError("The mirror was closed"));
    });
    return withDeadline(Promise.race([encoding, closing]), {
      deadlineMs: KEY_DEADLINE_MS,
      onExpired: () => new KeyRingError(`The key store did not answer within ${KEY_DEADLINE_MS} ms`),
      clock: this.#clock,
    });
  }

  async #send(
    attempt: Attempt,
    writes: readonly PendingWrite[],
    wire: readonly WireWrite[],
  ): Promise<MirrorError | undefined> {
    const outcomes = await this.#gateway.write(wire);
    if (this.#isOver(attempt)) return undefined;
    this.#counts.batches++;
    const failed: PendingWrite[] = [];
    let refusal: MirrorError | undefined;
    let keys = 0;
    let bytes = 0;
    for (const [index, outcome] of outcomes.entries()) {
      const write = writes[index]!;
      const sent = wire[index]!;
      switch (outcome.kind) {
        case "applied":
          keys++;
          bytes += Buffer.byteLength(sent.value ?? "");
          this.#remember(sent);
          this.#ledger.saw(write.redisKey, sent.version, write.record.encrypted ? undefined : write.text);
          this.#settleAwaited(write);
          break;
        case "superseded":
          this.#versions.observe(outcome.by);
          // A late echo: this process has since saved something newer.
          if (parseVersion(outcome.by)?.writer === this.#writer) this.#settleAwaited(write);
          else if (this.#isFromOwnFuture(outcome.by)) failed.push(this.#stampAnew(write));
          else this.#superseded(write);
          break;
        case "failed":
          refusal ??= outcome.error;
          failed.push(write);
      }
    }
    this.#batch = failed;
    this.#counts.sentKeys += keys;
    this.#counts.sentBytes += bytes;
    if (keys > 0) this.#events.emit("flushed", { keys, bytes });
    return refusal;
  }

  #isOfThisStore(version: Version | undefined): boolean {
    return parseVersion(version)?.writer.startsWith(this.#ledger.store) ?? false;
  }

  /**
   * The same local store before a restart, by a clock that ran ahead: what it holds now is newer. Another process that
   * shares the store has the same clock, so what it saved later is not from the future.
   */
  #isFromOwnFuture(version: Version | undefined): boolean {
    return this.#isOfThisStore(version) && parseVersion(version)!.ms > this.#clock.wallNow();
  }

  #stampAnew(write: PendingWrite): PendingWrite {
    const restamped = { ...write, stamp: this.#versions.tick() };
    if (write.keepsPrevious) this.#noteDown(restamped);
    return restamped;
  }

  #superseded(write: PendingWrite): void {
    this.#arrived.remove(write.redisKey);
    this.#drop(write, "superseded", "another instance saved it later; this save is among the kept versions");
    this.#settleAwaited(write, "another instance saved it later");
  }

  #remember({ redisKey, value, version, ttlSeconds }: WireWrite): void {
    this.#arrived.put({ redisKey, value, version, ttlSeconds, bytes: Buffer.byteLength(value ?? "") });
  }

  #putBack(batch: readonly PendingWrite[]): void {
    if (batch.length === 0) return;
    for (const evicted of this.#pending.putBack(batch)) this.#giveUp(evicted, "overflow");
  }

  // ── What comes of an attempt ─────────────────────────────────────────────────────────────────────────────────────

  #succeeded(attempt: Attempt): void {
    attempt.succeeded();
    this.#setHealth("connected");
  }

  #failed(attempt: Attempt, failure: MirrorError, keys: number): void {
    this.#events.emit("failed", { reason: failure.message, code: failure.code, keys });
    this.#setHealth("degraded", failure.message);
    attempt.failed(failure instanceof RefusedError ? "refused" : "lost");
    // Whoever waits for a flush need not wait for the end of a pause.
    if (this.#breaker.state.kind === "open") this.#settleAll({ flushed: false, reason: failure.message });
  }

  #afterAttempt(): void {
    const isDue = this.#isDue;
    this.#isDue = false;
    if (this.#health.state === "degraded") this.#drainAgain(this.#retryDelayMs());
    // What came in while the batch was away, or did not fit into it. A window that is still open has its timer.
    else if (this.#pending.keys > 0 && (isDue || this.#timer === undefined)) this.#drainAgain(0);
    else if (this.#isReconcileDue) this.#drainSoon(this.#timings.batchWindowMs);
  }

  /** Closed: doubling from one window. Open: until the pause is over, or sooner to see whether a lost connection is back. */
  #retryDelayMs(): number {
    const state = this.#breaker.state;
    const { batchWindowMs, healthCheckMs } = this.#timings;
    if (state.kind === "closed") return Math.min(batchWindowMs * 2 ** Math.max(0, state.failures - 1), healthCheckMs);
    const remainingMs = this.#breaker.remainingMs;
    return state.kind === "open" && state.cause === "lost" ? Math.min(healthCheckMs, remainingMs) : remainingMs;
  }

  /** During the pause nothing is written, but a connection that can be made again ends it. */
  async #checkHealth(): Promise<void> {
    try {
      await this.#gateway.connect();
      await this.#gateway.ping();
    } catch {
      // Still gone. The transition was told when the pause began.
      this.#drainAgain(this.#retryDelayMs());
      return;
    }
    // A server that answers a ping may still not take a write: one attempt decides, not five.
    if (!this.#isClosed && this.#attempt === undefined && this.#breaker.state.kind === "open")
      this.#begin(this.#breaker.probe());
  }

  #setHealth(state: MirrorState, reason?: string): void {
    const isChange = this.#health.state !== state;
    this.#health = {
      state,
      ...(reason !== undefined && { reason }),
      since: isChange ? new Date() : this.#health.since,
    };
    if (isChange) this.#events.emit("status", this.status);
  }

  #drop({ userId, record }: { userId: string; record: RecordDefinition }, reason: DropReason, detail: string): void {
    this.#events.emit("dropped", { userId, record: record.name, reason, detail });
  }

  #giveUp(write: PendingWrite, reason: "too-large" | "overflow"): void {
    this.#drop(
      write,
      reason,
      `${write.bytes} bytes, with ${this.#pending.keys} keys of ${this.#pending.bytes} bytes waiting`,
    );
    // What arrived before it must not come back in its place.
    if (write.text === undefined) this.#arrived.remove(write.redisKey);
    this.#settleAwaited(write, "it was too much to keep until Redis is back");
  }

  // ── What is in Redis and what should be ──────────────────────────────────────────────────────────────────────────

  /**
   * Tells what the local store holds of a record; `undefined`: nothing. At its first read in a process that is compared
   * with the mirror, and the mirror healed where it is behind: the local store is the log. Returns at once.
   */
  compare(id: RecordId, local: unknown): void {
    const redisKey = this.#keySpace.keyOf(id);
    if (this.#closing !== undefined || this.#unsent(redisKey) !== undefined) return;
    if (this.#arrived.get(redisKey) !== undefined || this.#compared.has(redisKey)) return;
    // What another user has saved here is not this one's.
    if ((this.#ledger.ownerOf(id.record) ?? redisKey) !== redisKey) return;
    if (local === undefined && this.#ledger.get(redisKey)?.cleared === undefined) return;
    const write = this.prepare(id, local);
    if (write === undefined) return;
    if (this.#compared.size >= this.#limits.maxKeys) this.#compared.clear();
    this.#compared.set(redisKey, undefined);
    this.#uncompared.put(write);
    this.#isReconcileDue = true;
    if (this.#breaker.state.kind === "closed") this.#drainSoon(this.#timings.batchWindowMs);
  }

  /** Compares what Redis holds with what this process knows, sends again what was lost, and renews the lives of all of it. */
  async #reconcile(
    attempt: Attempt,
    connection: number,
    records: readonly KnownRecord[],
  ): Promise<MirrorError | undefined> {
    for (let from = 0; from < records.length; from += BATCH_LIMITS.maxKeys) {
      const part = records.slice(from, from + BATCH_LIMITS.maxKeys);
      const states = await this.#gateway.renew(part);
      if (this.#isOver(attempt)) return undefined;
      for (const [index, { redisKey }] of part.entries()) this.#forgetComparison(redisKey, states[index]!);
      const lost = part.flatMap(({ redisKey }, index) => this.#toHeal(redisKey, states[index]!));
      const refusal = await this.#heal(attempt, lost);
      if (refusal !== undefined || this.#isOver(attempt)) return refusal;
    }
    for (const local of this.#uncompared.all()) {
      const stored = await this.#gateway.read(local.redisKey);
      const text = await this.#readText(local, stored);
      if (this.#isOver(attempt)) return undefined;
      // Saved in the meantime: that is on its way, and newer than what was read.
      if (this.#uncompared.get(local.redisKey) !== local) continue;
      this.#uncompared.remove(local.redisKey);
      this.#compared.set(local.redisKey, stored.version);
      this.#repair(local, stored, text);
    }
    this.#reconciled(connection);
    return undefined;
  }

  /** Something else is there now: the next read compares anew. */
  #forgetComparison(redisKey: string, { version }: StoredState): void {
    if (this.#uncompared.get(redisKey) === undefined && this.#compared.get(redisKey) !== version)
      this.#compared.delete(redisKey);
  }

  #reconciled(connection: number): void {
    this.#reconciledConnection = connection;
    this.#isReconcileDue = this.#uncompared.keys > 0;
    this.#clearTimer(this.#reconcileTimer);
    this.#reconcileTimer = this.#clock.setTimeout(() => {
      this.#reconcileTimer = undefined;
      this.#isReconcileDue = true;
      this.#drainSoon(0);
    }, this.#timings.reconcileMs);
    this.#reconcileTimer.unref?.();
  }

  /** Those this process has dealt with, and what is remembered of the same users from before; but for what is being sent. */
  #knownRecords(batch: readonly PendingWrite[]): KnownRecord[] {
    const ownKeys = this.#arrived.all().map(({ redisKey }) => redisKey);
    ownKeys.push(...this.#compared.keys());
    const folders = new Set(ownKeys.map(folderOf));
    for (const { redisKey } of batch) folders.add(folderOf(redisKey));
    const known = new Set([...ownKeys, ...this.#ledger.keysOf((redisKey) => folders.has(folderOf(redisKey)))]);
    for (const { redisKey } of batch) known.delete(redisKey);
    return [...known].map((redisKey) => ({
      redisKey,
      ttlSeconds: this.#ttlSecondsOf(this.#catalogue.find(redisKey.slice(folderOf(redisKey).length))),
    }));
  }

  /** What of a record has to be sent again, because the server has it no more, or only an older state. */
  #toHeal(redisKey: string, { version, hasValue }: StoredState): ArrivedWrite[] {
    const arrived = this.#arrived.get(redisKey);
    this.#versions.observe(version);
    if (arrived === undefined || this.#pending.get(redisKey) !== undefined) return [];
    const isBehind = (version ?? "") < arrived.version;
    const isEvicted = version === arrived.version && arrived.value !== undefined && !hasValue;
    return isBehind || isEvicted ? [arrived] : [];
  }

  async #heal(attempt: Attempt, lost: readonly ArrivedWrite[]): Promise<MirrorError | undefined> {
    for (const batch of batchesOf(lost)) {
      // Under the version that it had: what another instance has saved since stays.
      const outcomes = await this.#gateway.write(
        batch.map(({ redisKey, value, version, ttlSeconds }) => {
          return { redisKey, value, version, ttlSeconds, seen: version, keepsPrevious: false };
        }),
      );
      if (this.#isOver(attempt)) return undefined;
      for (const outcome of outcomes) if (outcome.kind === "failed") return outcome.error;
    }
    return undefined;
  }

  /** The stored value as JSON; `undefined` where there is none. What cannot be read is told, and left alone. */
  async #readText({ redisKey, userId, record }: PreparedWrite, { value }: StoredValue): Promise<string | undefined> {
    if (value === undefined) return undefined;
    try {
      return await this.#withinKeyDeadline(this.#codec.decrypt(record, redisKey, value));
    } catch (error) {
      this.#events.emit("unreadable", { userId, record: record.name, detail: describeError(error) });
      return UNREADABLE;
    }
  }

  /** Read repair. Which of the two is newer, what the local store holds or what the mirror does? */
  #repair(local: PreparedWrite, stored: StoredValue, text: string | undefined): void {
    const { redisKey, record } = local;
    const { version, value } = stored;
    const entry = this.#ledger.get(redisKey);
    this.#versions.observe(version);
    if (local.text === undefined) return this.#repeatClear(local, stored);
    if (text === UNREADABLE) return;
    if (text === local.text && version !== undefined) {
      this.#ledger.own(record.name, redisKey);
      this.#ledger.saw(redisKey, version, record.encrypted ? undefined : local.text);
      this.#remember({
        redisKey,
        value,
        version,
        ttlSeconds: this.#ttlSecondsOf(record),
        seen: version,
        keepsPrevious: false,
      });
      return;
    }
    const isKnown = entry !== undefined && (version ?? "") <= entry.version;
    const isOwn = this.#isOfThisStore(version);
    const isUnchanged = entry?.digest === digestOf(local.text);
    const seen = parseVersion(entry?.version);
    const firstSave = parseVersion(entry?.firstSave);
    // Nothing there, and nobody has deleted it: as old as it was, so that whoever has a later one wins.
    if (version === undefined && value === undefined)
      return this.#enqueue(this.#toPending(local, isUnchanged && seen !== undefined ? seen : this.#versions.tick()));
    // What is there came from here, or was seen here: the local store has gone on since.
    if (isKnown || isOwn) return this.#enqueue(this.#toPending(local, this.#versions.tick()));
    // None of this store's saves has arrived. The later of the two wins, and the other is kept.
    if (firstSave !== undefined) return this.#enqueue(this.#toPending(local, firstSave));
    // Another instance has saved since. A change of which only this store knows is older: Redis keeps it beside.
    if (seen !== undefined && entry?.digest !== undefined && !isUnchanged)
      this.#enqueue(this.#toPending(local, nextStamp(seen)));
  }

  /** A clear that did not arrive before the process ended, unless somebody has saved the record after it. */
  #repeatClear(local: PreparedWrite, { version }: StoredValue): void {
    const cleared = this.#ledger.get(local.redisKey)?.cleared;
    const isOwn = this.#isFromOwnFuture(version);
    const stamp = isOwn ? this.#versions.tick() : parseVersion(cleared?.version);
    if (cleared === undefined || stamp === undefined || version === cleared.version) return;
    // Also where nothing is there: an older save may still be on its way.
    if ((version ?? "") > cleared.version && !isOwn) return;
    const text = cleared.text ?? undefined;
    this.#enqueue(this.#toPending({ ...local, text, bytes: text?.length ?? 0 }, stamp));
  }

  #saveLedgerSoon(): void {
    const isNews = this.#ledger.isChanged || this.#versions.latest !== this.#latestWritten;
    if (!isNews || this.#ledgerTimer !== undefined || this.#isClosed) return;
    this.#ledgerTimer = this.#clock.setTimeout(() => this.#saveLedger(), LEDGER_DELAY_MS);
    this.#ledgerTimer.unref?.();
  }

  #saveLedger(): void {
    this.#clearTimer(this.#ledgerTimer);
    this.#ledgerTimer = undefined;
    this.#latestWritten = this.#versions.latest;
    void this.#ledger.save(formatVersion(this.#latestWritten, this.#writer));
  }

  // ── Waiting for Redis: for those who ask to ──────────────────────────────────────────────────────────────────────

  /** Sends now what was saved so far, and says whether it is in Redis. Settles within the timeout; does not reject. */
  flush({ timeoutMs = this.#timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing !== undefined) return this.#closing;
    return this.#flush(timeoutMs);
  }

  #flush(timeoutMs: number): Promise<FlushResult> {
    const awaited = new Map([...this.#batch, ...this.#pending.all()].map((write) => [write.redisKey, write.sequence]));
    if (awaited.size === 0) return Promise.resolve({ flushed: true });
    if (this.#breaker.remainingMs > 0)
      return Promise.resolve({ flushed: false, reason: this.#health.reason ?? "writing is paused" });
    return new Promise((resolve) => {
      const settle = (result: FlushResult) => {
        this.#clock.clearTimeout(timer);
        this.#flushWaiters.delete(waiter);
        resolve(result);
      };
      const waiter: FlushWaiter = { awaited, settle };
      // Not unreferenced: somebody waits for this answer, and the process must live to give it.
      const timer = this.#clock.setTimeout(
        () => settle({ flushed: false, reason: `not in Redis after ${timeoutMs} ms` }),
        timeoutMs,
      );
      this.#flushWaiters.add(waiter);
      this.#drainNow();
    });
  }

  /** A save is in Redis, or with a `reason` will never be. */
  #settleAwaited({ redisKey, sequence }: PendingWrite, reason?: string): void {
    for (const { awaited, settle } of this.#flushWaiters) {
      const awaitedSequence = awaited.get(redisKey);
      if (awaitedSequence === undefined || awaitedSequence > sequence) continue;
      awaited.delete(redisKey);
      if (reason !== undefined) settle({ flushed: false, reason });
      else if (awaited.size === 0) settle({ flushed: true });
    }
  }

  #settleAll(result: FlushResult): void {
    for (const { settle } of this.#flushWaiters) settle(result);
  }

  /** Flushes within the timeout, then lets go of the connection and of every timer. Idempotent; does not reject. */
  close({ timeoutMs = this.#timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<FlushResult> {
    const result = await this.#flush(timeoutMs);
    this.#isClosed = true;
    this.#cancelTimer();
    this.#clearTimer(this.#reconcileTimer);
    this.#clearTimer(this.#leaseTimer);
    this.#saveLedger();
    this.#abandonEncoding?.();
    this.#gateway.onConnectionLost = undefined;
    this.#gateway.close();
    for (const write of [...this.#batch, ...this.#pending.take({ maxKeys: Infinity, maxBytes: Infinity })]) {
      this.#drop(write, "closed", "the mirror was closed while it was waiting");
    }
    this.#batch = [];
    return result;
  }

  // ── The way up ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * What the mirror holds, this process's own latest save included; `undefined` where there is nothing, where Redis
   * does not answer within the read deadline, and where the value cannot be read. Does not reject.
   */
  async get(id: RecordId): Promise<unknown> {
    const found = await this.find(id);
    if (found !== undefined) this.saw(id, found);
    return found?.value;
  }

  /** As `get`, and does not count as seen by this instance before `saw` is told. */
  async find({ userId, record: name }: RecordId): Promise<FoundValue | undefined> {
    const record = this.#catalogue.find(name);
    if (record === undefined || this.#closing !== undefined) return undefined;
    try {
      const redisKey = this.#keySpace.keyOf({ userId, record: name });
      const unsent = this.#unsent(redisKey);
      if (unsent !== undefined)
        return unsent.text === undefined
          ? undefined
          : { value: JSON.parse(unsent.text), version: undefined, stored: undefined };
      return await withDeadline(this.#read(record, redisKey), {
        deadlineMs: this.#timings.readTimeoutMs,
        onExpired: () => new ConnectionLostError(`No answer within ${this.#timings.readTimeoutMs} ms.`),
        clock: this.#clock,
        isHoldingProcess: true,
      });
    } catch (error) {
      if (error instanceof UnreadableValueError || error instanceof KeyRingError) {
        this.#events.emit("unreadable", { userId, record: name, detail: error.message });
      } else {
        // One owner decides what a failing connection means; this only makes it look.
        this.#drainSoon(this.#timings.batchWindowMs);
      }
      return undefined;
    }
  }

  /** This instance knows the value from now on, and may overwrite it. */
  saw(id: RecordId, { value, version }: FoundValue): void {
    const record = this.#catalogue.find(id.record);
    if (version === undefined || record === undefined) return;
    this.#ledger.saw(this.#keySpace.keyOf(id), version, record.encrypted ? undefined : JSON.stringify(value));
    this.#saveLedgerSoon();
  }

  /** The local store takes over what was found; `adopt` saves it there. What that throws makes it unseen again. */
  async adopt(id: RecordId, found: FoundValue, adopt: () => Promise<unknown>): Promise<void> {
    const redisKey = this.#keySpace.keyOf(id);
    const before = this.#ledger.get(redisKey);
    const text = JSON.stringify(found.value);
    // Before, because adopting saves it, and that is neither news nor overwrites what nobody here has seen.
    this.saw(id, found);
    this.#adopting.set(redisKey, text);
    try {
      await adopt();
      this.#ledger.own(id.record, redisKey);
    } catch (error) {
      this.#ledger.restore(redisKey, before);
      throw error;
    } finally {
      if (this.#adopting.get(redisKey) === text) this.#adopting.delete(redisKey);
    }
    const { stored, version } = found;
    if (stored === undefined || version === undefined || this.#unsent(redisKey) !== undefined) return;
    const ttlSeconds = this.#ttlSecondsOf(this.#catalogue.find(id.record));
    this.#remember({ redisKey, value: stored, version, ttlSeconds, seen: version, keepsPrevious: false });
  }

  /** Whether this store has emptied the record after `found` was saved, or may have: then it is to stay empty. */
  isCleared(id: RecordId, { version, stored }: FoundValue): boolean {
    const cleared = this.#ledger.get(this.#keySpace.keyOf(id))?.cleared;
    if (cleared === undefined || stored === undefined) return false;
    return (version ?? "") <= cleared.version || this.#isFromOwnFuture(version);
  }

  async #read(record: RecordDefinition, redisKey: string): Promise<FoundValue | undefined> {
    // A refusal to write does not keep from reading, but where nobody is to be found there is no point in knocking.
    if (this.#breaker.state.kind === "open" && !this.#gateway.isConnected)
      throw new ConnectionLostError("Redis cannot be reached.");
    await this.#gateway.connect();
    const { value, version } = await this.#gateway.read(redisKey);
    this.#versions.observe(version);
    if (this.#health.state === "connecting") this.#setHealth("connected");
    if (value === undefined) return undefined;
    return { value: await this.#codec.decode(record, redisKey, value), version, stored: value };
  }

  /** This process's own save of a record that is still on its way to Redis. */
  #unsent(redisKey: string): { readonly text: string | undefined } | undefined {
    return this.#pending.get(redisKey) ?? this.#batch.find((write) => write.redisKey === redisKey);
  }

  // ── What was overwritten ─────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The versions of a record that Redis holds, newest first: the current one, and those that were overwritten by an
   * instance that had not seen them, or by an empty value.
   * @throws ConnectionLostError @throws RefusedError @throws TypeError if there is no such record.
   */
  async history(id: RecordId): Promise<RecordVersion[]> {
    this.#expectRecord(id);
    const redisKey = this.#keySpace.keyOf(id);
    const { value, version } = await this.#awaited(this.#gateway.read(redisKey));
    const kept = await this.#awaited(this.#gateway.listKept(redisKey));
    const current = version === undefined ? [] : [describeVersion(version, Buffer.byteLength(value ?? ""), true)];
    const others = kept.map(({ version: older, bytes }) => describeVersion(older, bytes, false));
    return [...current, ...others].sort((a, b) => (a.version < b.version ? 1 : -1));
  }

  /** The value of a version. @throws VersionNotFoundError @throws UnreadableValueError and what `history` throws. */
  async readVersion(id: RecordId, version: Version): Promise<unknown> {
    const record = this.#expectRecord(id);
    const redisKey = this.#keySpace.keyOf(id);
    const current = await this.#awaited(this.#gateway.read(redisKey));
    const stored =
      current.version === version ? current.value : await this.#awaited(this.#gateway.readKept(redisKey, version));
    if (stored === undefined)
      throw new VersionNotFoundError(`Expected one of the kept versions of \`${id.record}\`, got \`${version}\``);
    return this.#awaited(this.#codec.decode(record, redisKey, stored));
  }

  /** Somebody waits for this: the process lives until there is an answer, or the deadline. */
  #awaited<T>(work: Promise<T>): Promise<T> {
    return withDeadline(work, {
      deadlineMs: ANSWER_DEADLINE_MS,
      onExpired: () => new ConnectionLostError(`No answer within ${ANSWER_DEADLINE_MS} ms.`),
      clock: this.#clock,
      isHoldingProcess: true,
    });
  }

  /**
   * Makes a kept version the current one again; what it replaces is kept. The answer is its value, for the local store:
   * an instance that has none adopts it by itself. Throws what `readVersion` does.
   */
  async restoreVersion(id: RecordId, version: Version): Promise<unknown> {
    const value = await this.readVersion(id, version);
    const write = this.prepare(id, value);
    if (write !== undefined) {
      this.#enqueue({ ...this.#toPending(write, this.#versions.tick()), keepsPrevious: true });
      const result = await this.flush();
      if (!result.flushed) throw new ConnectionLostError(`The version could not be restored: ${result.reason}.`);
    }
    return value;
  }

  #expectRecord({ record: name }: RecordId): RecordDefinition {
    const record = this.#catalogue.find(name);
    if (record === undefined) throw new TypeError(`Expected a record of the catalogue, got \`${name}\``);
    return record;
  }
}

/** No JSON, so never the text of a value. */
const UNREADABLE = "unreadable";

function toMirrorError(error: unknown): MirrorError {
  return error instanceof MirrorError ? error : new ConnectionLostError(describeError(error));
}

/** A record's key without its name: what all records of a user have in common. */
function folderOf(redisKey: string): string {
  return redisKey.slice(0, redisKey.lastIndexOf(":") + 1);
}

/** As much as one round trip carries, and at least one. */
function* batchesOf(writes: readonly ArrivedWrite[]): Generator<ArrivedWrite[]> {
  const waiting = new WriteBuffer<ArrivedWrite>({ maxKeys: Infinity, maxBytes: Infinity });
  for (const write of writes) waiting.put(write);
  while (waiting.keys > 0) yield waiting.take(BATCH_LIMITS);
}

function describeVersion(version: Version, bytes: number, isCurrent: boolean): RecordVersion {
  const { ms = 0, writer = "unknown" } = parseVersion(version) ?? {};
  return { version, savedAt: new Date(ms), writer, bytes, isCurrent };
}
