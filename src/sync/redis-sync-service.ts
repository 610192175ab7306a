import { CircuitBreaker, type FailureKind } from "./circuit-breaker.js";
import { type Clock, systemClock, type Timer, withDeadline } from "./clock.js";
import type { Codec } from "./codec.js";
import {
  ConnectionLostError,
  describeError,
  KeyRingError,
  MirrorError,
  RefusedError,
  UnreadableValueError,
} from "./errors.js";
import type { KeySpace, RecordId } from "./keys.js";
import {
  type DropReason,
  MirrorEmitter,
  type MirrorListener,
  type MirrorEvents,
  type MirrorState,
  type MirrorStatus,
} from "./mirror-events.js";
import type { Catalogue, RecordDefinition } from "./records.js";
import type { RedisGateway, WireWrite } from "./redis-gateway.js";
import { takeSnapshot } from "./snapshot.js";
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
  ttlSeconds: 7 * 24 * 60 * 60,
  closeTimeoutMs: 800,
};

/** What may wait for Redis, and as much again is remembered of what arrived, to give it back to a restarted server. */
export const DEFAULT_LIMITS: BufferLimits = { maxKeys: 10_000, maxBytes: 16 * 2 ** 20 };

/** What goes out in one round trip: enough for every history of a window, and no more than a slow link can carry in time. */
const BATCH_LIMITS: BufferLimits = { maxKeys: 1_000, maxBytes: 2 ** 20 };

/** How long the key of a secret may take, from a keychain that may have to be unlocked. */
const KEY_DEADLINE_MS = 2_000;

export interface RedisSyncServiceOptions {
  gateway: RedisGateway;
  catalogue: Catalogue;
  keySpace: KeySpace;
  codec: Codec;
  timings?: Partial<SyncTimings>;
  limits?: BufferLimits;
  clock?: Clock;
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
}

/** A value that reached Redis, as it went over the wire: of a secret only the ciphertext is kept. */
interface ArrivedWrite {
  readonly redisKey: string;
  readonly bytes: number;
  readonly value: string;
  readonly ttlSeconds: number;
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
  #isAttempting = false;
  #timer: Timer | undefined;
  #isDue = false;
  /** Lets go of a key store that is being asked. One is asked at a time. */
  #abandonEncoding: (() => void) | undefined;
  #healedServer: string | undefined;
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
  }: RedisSyncServiceOptions) {
    this.#gateway = gateway;
    this.#catalogue = catalogue;
    this.#keySpace = keySpace;
    this.#codec = codec;
    this.#timings = { ...DEFAULT_TIMINGS, ...timings };
    this.#clock = clock;
    this.#breaker = new CircuitBreaker({ ...this.#timings, clock });
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
    const { redisKey, userId, record, text, bytes } = write;
    const pending: PendingWrite = { redisKey, userId, record, text, bytes, sequence: ++this.#counts.saves };
    for (const evicted of this.#pending.put(pending))
      this.#giveUp(evicted, evicted === pending ? "too-large" : "overflow");
    // After a failure a retry is set for later, or a look whether the connection is back is under way; a steady writer
    // must bring neither forward.
    const { state } = this.#breaker;
    if (state.kind === "closed" && state.failures === 0) this.#drainSoon(this.#timings.batchWindowMs);
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
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** One batch at a time: a second one could overtake the first. */
  #drainNow(): void {
    if (this.#isAttempting) {
      this.#isDue = true;
      return;
    }
    this.#cancelTimer();
    if (this.#breaker.tryAcquire()) {
      this.#isAttempting = true;
      this.#batch = this.#pending.take(BATCH_LIMITS);
      const afterAttempt = () => this.#afterAttempt();
      void this.#attempt(this.#batch).then(afterAttempt, afterAttempt);
    } else if (this.#breaker.state.kind === "open" && this.#breaker.state.cause === "lost") {
      void this.#checkHealth();
    } else {
      // Timers may fire a millisecond early.
      this.#drainAgain(this.#retryDelayMs());
    }
  }

  /** Sends a batch, or asks for a sign of life if there is none to send. Does not reject. */
  async #attempt(batch: readonly PendingWrite[]): Promise<void> {
    try {
      await this.#gateway.connect();
      const healing = this.#healingWrites(batch);
      const { writes, wire } = await this.#encode(batch);
      if (healing.length + wire.length > 0) return await this.#send(writes, wire, healing);
      await this.#gateway.ping();
      this.#batch = [];
      this.#succeeded();
    } catch (error) {
      if (this.#isClosed) return;
      this.#batch = [];
      this.#putBack(batch);
      this.#failed(error, batch.length);
    }
  }

  /** Encrypting can fail one record without the others having to suffer for it. */
  async #encode(batch: readonly PendingWrite[]): Promise<{ writes: PendingWrite[]; wire: WireWrite[] }> {
    const writes: PendingWrite[] = [];
    const wire: WireWrite[] = [];
    for (const write of batch) {
      try {
        wire.push(await this.#toWire(write));
        writes.push(write);
      } catch (error) {
        if (this.#isClosed) throw error;
        this.#drop(write, "not-encrypted", describeError(error));
        this.#settleAwaited(write, "it could not be encrypted");
      }
    }
    return { writes, wire };
  }

  async #toWire({ redisKey, record, text }: PendingWrite): Promise<WireWrite> {
    if (text === undefined) return { kind: "delete", redisKey };
    const encoding = this.#codec.encode(record, redisKey, text);
    const value = record.encrypted ? await this.#withinKeyDeadline(encoding) : await encoding;
    return {
      kind: "set",
      redisKey,
      value,
      ttlSeconds: record.ttlSeconds ?? this.#timings.ttlSeconds,
      isOnlyIfAbsent: false,
    };
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

  /** On another server process than last time: what is known to have been in Redis, in case that it came back without it. */
  #healingWrites(batch: readonly PendingWrite[]): WireWrite[] {
    if (this.#gateway.serverId === this.#healedServer) return [];
    const newer = new Set([...batch, ...this.#pending.all()].map((write) => write.redisKey));
    return this.#arrived
      .all()
      .filter(({ redisKey }) => !newer.has(redisKey))
      .map((write) => ({ kind: "set", ...write, isOnlyIfAbsent: true }));
  }

  async #send(
    writes: readonly PendingWrite[],
    wire: readonly WireWrite[],
    healing: readonly WireWrite[],
  ): Promise<void> {
    const server = this.#gateway.serverId;
    const refusals = await this.#gateway.write([...wire, ...healing]);
    this.#batch = [];
    this.#counts.batches++;
    const refused = writes.filter((_write, index) => refusals[index] !== undefined);
    const arrived = wire.filter((_write, index) => refusals[index] === undefined);
    for (const write of arrived) this.#remember(write);
    for (const write of writes) if (!refused.includes(write)) this.#settleAwaited(write);
    this.#putBack(refused);
    const bytes = arrived.reduce((sum, write) => sum + (write.kind === "set" ? Buffer.byteLength(write.value) : 0), 0);
    this.#counts.sentKeys += arrived.length;
    this.#counts.sentBytes += bytes;
    if (arrived.length > 0) this.#events.emit("flushed", { keys: arrived.length, bytes });
    if (refusals.slice(wire.length).every((refusal) => refusal === undefined)) this.#healedServer = server;
    const refusal = refusals.find((error) => error !== undefined);
    if (refusal !== undefined) return this.#failed(refusal, refused.length);
    this.#succeeded();
  }

  #remember(write: WireWrite): void {
    if (write.kind === "delete") return this.#arrived.remove(write.redisKey);
    const { redisKey, value, ttlSeconds } = write;
    this.#arrived.put({ redisKey, value, ttlSeconds, bytes: Buffer.byteLength(value) });
  }

  #putBack(batch: readonly PendingWrite[]): void {
    if (batch.length === 0) return;
    for (const evicted of this.#pending.putBack(batch)) this.#giveUp(evicted, "overflow");
  }

  // ── What comes of an attempt ─────────────────────────────────────────────────────────────────────────────────────

  #succeeded(): void {
    this.#breaker.succeeded();
    this.#setHealth("connected");
  }

  #failed(error: unknown, keys: number): void {
    const failure = error instanceof MirrorError ? error : new ConnectionLostError(describeError(error));
    const kind: FailureKind = failure instanceof RefusedError ? "refused" : "lost";
    this.#breaker.failed(kind);
    this.#events.emit("failed", { reason: failure.message, code: failure.code, keys });
    this.#setHealth("degraded", failure.message);
    // Whoever waits for a flush need not wait for the end of a pause.
    if (this.#breaker.state.kind === "open") this.#settleAll({ flushed: false, reason: failure.message });
  }

  #afterAttempt(): void {
    this.#isAttempting = false;
    const isDue = this.#isDue;
    this.#isDue = false;
    if (this.#isClosed) return;
    if (this.#health.state === "degraded") this.#drainAgain(this.#retryDelayMs());
    // What came in while the batch was away, or did not fit into it. A window that is still open has its timer.
    else if (this.#pending.keys > 0 && (isDue || this.#timer === undefined)) this.#drainAgain(0);
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
    this.#breaker.probe();
    if (!this.#isClosed) this.#drainNow();
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
  async get({ userId, record: name }: RecordId): Promise<unknown> {
    const record = this.#catalogue.find(name);
    if (record === undefined || this.#closing !== undefined) return undefined;
    try {
      const redisKey = this.#keySpace.keyOf({ userId, record: name });
      const unsent = this.#unsent(redisKey);
      if (unsent !== undefined) return unsent.text === undefined ? undefined : JSON.parse(unsent.text);
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

  async #read(record: RecordDefinition, redisKey: string): Promise<unknown> {
    // A refusal to write does not keep from reading, but where nobody is to be found there is no point in knocking.
    if (this.#breaker.state.kind === "open" && !this.#gateway.isConnected)
      throw new ConnectionLostError("Redis cannot be reached.");
    await this.#gateway.connect();
    const stored = await this.#gateway.read(redisKey);
    if (this.#health.state === "connecting") this.#setHealth("connected");
    return stored === undefined ? undefined : this.#codec.decode(record, redisKey, stored);
  }

  /** This process's own save of a record that is still on its way to Redis. */
  #unsent(redisKey: string): { readonly text: string | undefined } | undefined {
    return this.#pending.get(redisKey) ?? this.#batch.find((write) => write.redisKey === redisKey);
  }
}
