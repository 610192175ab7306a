import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type AdoptRemote, Adoptions } from "./adoptions.js";
import { AskedInVain } from "./asked-in-vain.js";
import { Author } from "./author.js";
import { type Attempt, CircuitBreaker } from "./circuit-breaker.js";
import { type Clock, systemClock, type Timer } from "./clock.js";
import type { Codec } from "./codec.js";
import { Collections } from "./collections.js";
import { DrainTimer } from "./drain-timer.js";
import { Encoder } from "./encoder.js";
import {
  ConnectionLostError,
  describeError,
  isOfOneKey,
  type MirrorError,
  RefusedError,
  toMirrorError,
  UnknownKeyError,
} from "./errors.js";
import { FoundEmpty } from "./found-empty.js";
import { type AwaitedWrite, type FlushResult, FlushWaiters } from "./flush-waiters.js";
import { HeldWrites } from "./held-writes.js";
import { Intake } from "./intake.js";
import { folderOf, type KeySpace, type RecordId } from "./keys.js";
import { Ledger, LEDGER_DELAY_MS } from "./ledger.js";
import { type Memento, MemoryMemento } from "./memento.js";
import {
  type Batch,
  type DropReason,
  MirrorEmitter,
  type MirrorListener,
  type MirrorEvents,
  type MirrorState,
  type MirrorStatus,
} from "./mirror-events.js";
import { NewsSource } from "./news-source.js";
import { type OutgoingCollection, type OutgoingDocument, OutgoingWrites } from "./outgoing-writes.js";
import { PlainPredecessors } from "./plain-predecessors.js";
import { type Arrival, Receipts, toBatchOutcome } from "./receipts.js";
import { type NeededChange, Reconciler } from "./reconciler.js";
import { RecordHistory, type RecordVersion } from "./record-history.js";
import { type FoundValue, type Miss, RecordReader } from "./record-reader.js";
import { type Catalogue, isMerged, type RecordDefinition } from "./records.js";
import { isRemote, RemoteChanges } from "./remote-changes.js";
import { ReplayGuard } from "./replay-guard.js";
import type { CollectionState, RedisGateway, StoredState } from "./redis-gateway.js";
import { Restores } from "./restores.js";
import { DEFAULT_TIMINGS, type SyncTimings } from "./timings.js";
import { UnsentWrites } from "./unsent-writes.js";
import { parseKey } from "./user-keys.js";
import { nextStamp, type Stamp, type Version } from "./version.js";
import { WholeSaves } from "./whole-saves.js";
import { type BufferLimits, WriteBuffer } from "./write-buffer.js";
import {
  BATCH_LIMITS,
  combineWrites,
  DEFAULT_LIMITS,
  type PendingWrite,
  type PreparedWrite,
  type Refusal,
  valueOf,
} from "./writes.js";

/** After so long an attempt is given up, whatever holds it: longer than one takes on a link that is slow and works. */
const ATTEMPT_LEASE_MS = 300_000;

/** Not one save but all there is, for whoever waits for that. */
const WHOLE: AwaitedWrite = { redisKey: "", sequence: 0 };

/** What the engine is made of, for those who make it without a container. */
export interface RedisSyncServiceOptions {
  gateway: RedisGateway;
  catalogue: Catalogue;
  keySpace: KeySpace;
  codec: Codec;
  timings?: Partial<SyncTimings>;
  /** Default: 10,000 keys, 16 MiB. */
  limits?: BufferLimits;
  clock?: Clock;
  /** What is known of versions across restarts. Default: forgotten with the process. */
  memento?: Memento;
  /** Whether what others change is listened for. Default: false. */
  isSharedLive?: boolean;
  /** Whether what is encrypted and cannot be read here is overwritten. Default: false; the save waits, `held`. */
  overwritesUnreadable?: boolean;
  /** What is not as safe as it could be at this moment, a sentence each: part of the status. */
  warnings?: () => readonly string[];
  /** Makes the names of the store and of this process; letters and digits in lower case. */
  randomId?: () => string;
}

/**
 * Gets saves to Redis eventually, and never hurts the one who saves: `set` and `delete` return at once and do not
 * throw, whatever Redis does. One save's path reads downwards: taken, pending, batch window, drain, Redis.
 */
export class RedisSyncService {
  readonly #gateway: RedisGateway;
  readonly #catalogue: Catalogue;
  readonly #keySpace: KeySpace;
  readonly #encoder: Encoder;
  readonly #timings: SyncTimings;
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #ledger: Ledger;
  readonly #author: Author;
  readonly #replayGuard: ReplayGuard;
  readonly #collections: Collections;
  readonly #reconciler: Reconciler;
  /** Where sharing is live. */
  readonly #remoteChanges: RemoteChanges | undefined;
  readonly #history: RecordHistory;
  readonly #flushWaiters: FlushWaiters;
  readonly #events = new MirrorEmitter();
  readonly #pending: WriteBuffer<PendingWrite>;
  readonly #held: HeldWrites;
  readonly #warnings: () => readonly string[];
  readonly #unsent: UnsentWrites;
  readonly #intake: Intake;
  readonly #wholeSaves: WholeSaves;
  readonly #outgoing: OutgoingWrites;
  readonly #plainPredecessors: PlainPredecessors;
  readonly #receipts: Receipts;
  readonly #reader: RecordReader;
  readonly #adoptions: Adoptions;
  readonly #timer: DrainTimer;
  readonly #askedInVain: AskedInVain;
  readonly #foundEmpty = new FoundEmpty();
  readonly #restores: Restores;
  /** The records of which a kept version was made the current one: they are restored wherever they are missing. */
  readonly #broughtBack = new Set<string>();
  readonly #counts = { saves: 0, batches: 0, sentKeys: 0, sentBytes: 0, savedBytes: 0 };
  #health: { readonly state: MirrorState; readonly reason?: string; readonly since: Date } = {
    state: "connecting",
    since: new Date(),
  };
  /** The one that is under way. What comes of any other is of no interest. */
  #attempt: Attempt | undefined;
  #leaseTimer: Timer | undefined;
  /** Tells what came of the batch that is on its way, if one is. */
  #endBatch: (end: Arrival | MirrorError) => void = () => {};
  #isDue = false;
  #successor: RedisSyncService | undefined;
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
    isSharedLive = false,
    overwritesUnreadable = false,
    warnings = () => [],
    randomId = () => randomBytes(4).toString("hex"),
  }: RedisSyncServiceOptions) {
    this.#gateway = gateway;
    this.#catalogue = catalogue;
    this.#keySpace = keySpace;
    this.#encoder = new Encoder(codec, clock);
    this.#timings = { ...DEFAULT_TIMINGS, ...timings };
    this.#clock = clock;
    this.#askedInVain = new AskedInVain(clock);
    this.#restores = new Restores(this.#events, clock);
    this.#pending = new WriteBuffer(limits, combineWrites);
    this.#warnings = warnings;
    this.#held = new HeldWrites({ limits, timings: this.#timings, clock, onDue: () => this.#releaseHeld() });
    this.#unsent = new UnsentWrites(this.#pending, this.#held);
    this.#timer = new DrainTimer(clock, () => this.#drainNow());
    this.#flushWaiters = new FlushWaiters(clock);
    this.#breaker = new CircuitBreaker({ ...this.#timings, leaseMs: ATTEMPT_LEASE_MS, clock });
    this.#breaker.onTransition = (from, to) =>
      this.#events.emit("breaker", { from: from.kind, to: to.kind, reason: this.#health.reason });
    this.#ledger = new Ledger(memento, clock, randomId);
    this.#author = new Author(this.#ledger.store, randomId(), () => clock.wallNow());
    this.#author.onDisbelief = (writer, aheadMs) => this.#events.emit("skew", { writer, aheadMs });
    this.#author.startAfter(this.#ledger.latest, LEDGER_DELAY_MS);
    this.#replayGuard = new ReplayGuard(this.#ledger, this.#author);
    const observe = (version: Version | undefined) => this.#author.observe(version);
    this.#history = new RecordHistory(gateway, codec, clock, observe, this.#replayGuard);
    this.#collections = new Collections({ gateway, ledger: this.#ledger, author: this.#author, limits });
    this.#reconciler = this.#makeReconciler(limits);
    this.#reader = this.#makeReader(codec);
    this.#wholeSaves = new WholeSaves(gateway, this.#collections);
    const parts = {
      gateway,
      catalogue,
      keySpace,
      codec,
      clock,
      ledger: this.#ledger,
      author: this.#author,
      replayGuard: this.#replayGuard,
      collections: this.#collections,
      reconciler: this.#reconciler,
      unsent: this.#unsent,
      reader: this.#reader,
      encoder: this.#encoder,
      held: this.#held,
      flushWaiters: this.#flushWaiters,
      ttlSecondsOf: (record: RecordDefinition | undefined) => this.#ttlSecondsOf(record),
    };
    this.#intake = new Intake({ ...parts, onRefused: (id, detail) => this.#drop(id, "not-json", detail) });
    this.#plainPredecessors = new PlainPredecessors(parts);
    this.#outgoing = new OutgoingWrites({ ...parts, overwritesUnreadable });
    this.#remoteChanges = isSharedLive ? this.#makeRemoteChanges(limits, new NewsSource(parts)) : undefined;
    this.#adoptions = new Adoptions({
      ...parts,
      remoteChanges: this.#remoteChanges,
      isClosing: () => this.#closing !== undefined,
      onChanged: (write) => this.submit(write),
    });
    this.#receipts = new Receipts({
      ...parts,
      intake: this.#intake,
      remoteChanges: this.#remoteChanges,
      onSuperseded: (write) =>
        this.#drop(write, "superseded", "another instance saved it later; this save is among the kept versions"),
    });
    codec.onLeftOut = (record, redisKey, items) => this.#leftOut(record, redisKey, items);
    gateway.onConnectionLost = () => this.#timer.setUnlessSet(this.#timings.batchWindowMs);
  }

  #makeReconciler(limits: BufferLimits): Reconciler {
    return new Reconciler({
      gateway: this.#gateway,
      collections: this.#collections,
      encoder: this.#encoder,
      replayGuard: this.#replayGuard,
      ledger: this.#ledger,
      author: this.#author,
      clock: this.#clock,
      limits,
      timings: this.#timings,
      repairs: {
        isUnsent: (redisKey) => this.#unsent.of(redisKey) !== undefined,
        enqueue: (write, stamp) => this.#enqueue(this.#intake.toPending(write, stamp)),
        sendChanges: (changes) => this.#sendChanges(changes),
        unreadable: ({ userId, record: { name } }, detail) => this.#unreadable({ userId, record: name }, detail),
        onDue: () => this.#timer.setUnlessSet(0),
        recordOf: (redisKey) => this.#catalogue.find(redisKey.slice(folderOf(redisKey).length)),
        found: (redisKey, state) => this.#foundState(redisKey, state),
        followed: () => this.#remoteChanges?.keys ?? [],
        ttlSecondsOf: (record) => this.#ttlSecondsOf(record),
      },
    });
  }

  #foundState(redisKey: string, state: StoredState | CollectionState): void {
    if ("fingerprint" in state) this.#remoteChanges?.found(redisKey, state.fingerprint);
    else if (isRemote(this.#author, state.version, this.#ledger.get(redisKey)?.version))
      this.#remoteChanges?.suspect(redisKey);
  }

  #makeReader(codec: Codec): RecordReader {
    return new RecordReader({
      gateway: this.#gateway,
      catalogue: this.#catalogue,
      keySpace: this.#keySpace,
      codec,
      replayGuard: this.#replayGuard,
      collections: this.#collections,
      unsent: this.#unsent,
      author: this.#author,
      breaker: this.#breaker,
      clock: this.#clock,
      readTimeoutMs: this.#timings.readTimeoutMs,
      onAsked: (redisKey, id) => this.#remoteChanges?.follow(redisKey, id),
      onAnswered: () => {
        this.#askedInVain.noteAnswered();
        if (this.#health.state === "connecting") this.#setHealth("connected");
      },
      onUnreadable: (id, detail) => this.#unreadable(id, detail),
      onLost: () => {
        this.#askedInVain.noteSilent();
        this.#timer.setUnlessSet(this.#timings.batchWindowMs);
      },
    });
  }

  #makeRemoteChanges({ maxKeys }: BufferLimits, news: NewsSource): RemoteChanges {
    return new RemoteChanges({
      gateway: this.#gateway,
      author: this.#author,
      clock: this.#clock,
      timings: this.#timings,
      maxRecords: maxKeys,
      look: (redisKey, id) => news.look(redisKey, id),
      onNews: ({ userId, record }) => this.#events.emit("remoteChange", { userId, record }),
      onListening: () => {
        this.#reconciler.demand();
        this.#drainUnlessPaused();
      },
      onRefused: (reason) => this.#events.emit("unheard", { reason }),
    });
  }

  /** A copy: it does not change any more. */
  get status(): MirrorStatus {
    const reason = this.#health.reason ?? this.#held.reason;
    const warnings = [...this.#warnings(), ...(this.#gateway.warnings ?? [])];
    return {
      ...this.#health,
      ...(reason !== undefined && { reason }),
      pending: this.#unsent.keys,
      pendingBytes: this.#unsent.bytes,
      ...this.#counts,
      breaker: this.#breaker.state.kind,
      ...(warnings.length > 0 && { warnings }),
    };
  }

  /** The Redis key of a record: `roo:<userId>:<record>`. */
  keyOf(id: RecordId): string {
    return this.#keySpace.keyOf(id);
  }

  /** What of the host's value is mirrored. Throws what the record's `select` throws. */
  selected(id: RecordId, value: unknown): unknown {
    const record = this.#catalogue.find(id.record);
    return record === undefined || value === undefined ? value : record.select(value);
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

  /** Deletes a record from the mirror; the same as `set` of `undefined`. Does not throw. */
  delete(id: RecordId): void {
    this.set(id, undefined);
  }

  /**
   * The first half of `set`: takes the value down, for a save whose local write is still under way.
   * The answer is `undefined` where there is nothing to mirror.
   * @param target The host's object that saves: with what it has saved before, its list is compared. It is not kept.
   */
  prepare(id: RecordId, value: unknown, target?: unknown): PreparedWrite | undefined {
    return this.#intake.prepare(id, value, target);
  }

  /** The second half of `set`: the local write has succeeded. */
  submit(write: PreparedWrite): void {
    this.#submit(write);
  }

  /** @param stamp Of a document that was saved before: when that was. */
  #submit(write: PreparedWrite, stamp?: Stamp): void {
    if (this.#successor !== undefined) return this.#successor.takeOver(write);
    if (this.#closing !== undefined) return this.#drop(write, "closed", "the mirror was closed before");
    this.#counts.saves++;
    if (this.#events.isHeard("saved")) this.#events.emit("saved", { userId: write.userId, record: write.record.name });
    this.#remoteChanges?.follow(write.redisKey, { userId: write.userId, record: write.record.name });
    this.#askedInVain.forget(write.redisKey);
    if (write.kind === "document") {
      if (this.#adoptions.takes(write)) return;
      const changesNothing = this.#foundEmpty.noteSave(write.redisKey, write.text);
      if (changesNothing) return this.#intake.noteOwner(write);
    }
    const pending = this.#intake.take(write, stamp);
    if (pending === undefined) return;
    this.#enqueue(pending);
    this.#drainUnlessPaused();
  }

  #enqueue(write: PendingWrite): void {
    if (write.kind === "document") this.#reconciler.overtake(write.redisKey);
    // What is known to be refused is not sent once more only because it was saved once more.
    const buffer = this.#held.get(write.redisKey) === undefined ? this.#pending : this.#held;
    for (const evicted of buffer.put(write))
      this.#giveUp(evicted, evicted.redisKey === write.redisKey ? "too-large" : "overflow");
  }

  // ── Pending becomes a batch ──────────────────────────────────────────────────────────────────────────────────────

  /** A retry that is set for later stays there; and beside a look whether the connection is back there must be no other. */
  #drainUnlessPaused(): void {
    if (this.#breaker.state.kind === "closed") this.#timer.setUnlessSet(this.#timings.batchWindowMs);
  }

  /** One batch at a time: what is saved while it is away gathers for the next. */
  #drainNow(): void {
    if (this.#attempt !== undefined) {
      this.#isDue = true;
      return;
    }
    this.#timer.cancel();
    const attempt = this.#breaker.tryAcquire();
    if (attempt !== undefined) this.#begin(attempt);
    else if (this.#isConnectionLost) void this.#checkHealth();
    // Timers may fire a millisecond early.
    else this.#timer.set(this.#retryDelayMs());
  }

  #begin(attempt: Attempt): void {
    this.#attempt = attempt;
    this.#unsent.batch = this.#pending.take(BATCH_LIMITS);
    this.#leaseTimer = this.#clock.setTimeout(
      () => this.#conclude(attempt, new ConnectionLostError(`The attempt did not end within ${ATTEMPT_LEASE_MS} ms.`)),
      ATTEMPT_LEASE_MS,
    );
    this.#leaseTimer.unref?.();
    void this.#try(attempt, this.#unsent.batch).then(
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
    this.#clock.clearTimeout(this.#leaseTimer);
    // Of a connection that failed, and of an attempt that is given up.
    if (failure !== undefined) this.#endBatch(failure);
    const keys = this.#unsent.batch.length;
    this.#attempt = undefined;
    // What may be refused for ever goes behind what else waits.
    if (failure instanceof RefusedError && failure.isOfOneKey)
      this.#giveUpAll(this.#pending.addBehind(this.#unsent.batch));
    else this.#putBack(this.#unsent.batch);
    this.#unsent.batch = [];
    if (failure === undefined) this.#succeeded(attempt);
    else this.#failed(attempt, failure, keys);
    this.#afterAttempt();
    this.#remoteChanges?.settle();
    this.#ledger.saveSoon(() => this.#author.latest);
  }

  /**
   * Sends a batch and compares what is due to be; where there is nothing of either, asks for a sign of life.
   * What did not arrive stays in `#batch`. The answer is the first refusal. @throws ConnectionLostError
   */
  async #try(attempt: Attempt, batch: readonly PendingWrite[]): Promise<MirrorError | undefined> {
    await this.#gateway.connect();
    const refused = await this.#compareWhole(attempt, batch);
    if (this.#isOver(attempt)) return undefined;
    const waiting = this.#unsent.batch.filter((write) => refused.every((refusal) => refusal.write !== write));
    const written = waiting.filter((write) => write.kind === "document");
    const merged = waiting.filter((write) => write.kind === "collection");
    await this.#plainPredecessors.sealBefore(written);
    if (this.#isOver(attempt)) return undefined;
    const [encoded, collections] = await Promise.all([
      this.#outgoing.encode(written),
      this.#outgoing.ofCollections(merged),
    ]);
    if (this.#isOver(attempt)) return undefined;
    const { documents, failed } = this.#outgoing.ofDocuments(written, encoded);
    for (const refusal of failed) this.#giveUpUnencrypted(refusal);
    // Of a collection only what has changed is sent: what else a server has lost of it is to be looked for.
    const plan = this.#reconciler.plan(this.#gateway.connections, written);
    const isSending = documents.length + collections.length + refused.length > 0;
    if (isSending) {
      const refusal = await this.#send(attempt, documents, collections, refused);
      if (refusal !== undefined || this.#isOver(attempt)) return refusal;
      if (plan === undefined) this.#succeeded(attempt);
    }
    if (plan !== undefined) return this.#reconciler.run(plan, () => this.#isOver(attempt));
    if (!isSending) await this.#gateway.ping();
    return undefined;
  }

  /**
   * Where nothing was known against which a collection could be compared, the mirror says what of it is to be sent. In
   * `#batch` this stands in its place. The answer is what may not be read. @throws ConnectionLostError
   */
  async #compareWhole(attempt: Attempt, batch: readonly PendingWrite[]): Promise<Refusal[]> {
    const { compared, refused } = await this.#wholeSaves.compare(batch);
    if (compared.size === 0 || this.#isOver(attempt)) return refused;
    this.#ledger.saveNow(() => this.#author.latest);
    this.#unsent.batch = this.#unsent.batch.map((write) => compared.get(write) ?? write);
    return refused;
  }

  /** It cannot be encrypted: there is nothing to wait for. */
  #giveUpUnencrypted({ write, error }: Refusal): void {
    this.#unsent.batch = this.#unsent.batch.filter((other) => other !== write);
    this.#drop(write, "not-encrypted", describeError(error));
    this.#flushWaiters.settle(write, "it could not be encrypted");
  }

  #ttlSecondsOf(record: RecordDefinition | undefined): number {
    return record?.ttlSeconds ?? this.#timings.ttlSeconds;
  }

  async #send(
    attempt: Attempt,
    documents: readonly OutgoingDocument[],
    collections: readonly OutgoingCollection[],
    unread: readonly Refusal[],
  ): Promise<MirrorError | undefined> {
    this.#startBatch(documents.length + collections.length);
    // Asked for in one turn, both go out in one round trip.
    const [written, merged] = await Promise.all([
      documents.length > 0 ? this.#gateway.write(documents.map(({ wire }) => wire)) : [],
      collections.length > 0 ? this.#gateway.merge(collections.map(({ wire }) => wire)) : [],
    ]);
    if (this.#isOver(attempt)) return undefined;
    this.#counts.batches++;
    const arrival = this.#receipts.enter(documents, written, collections, merged);
    this.#endBatch(arrival);
    const { arrived, bytes, savedBytes, again, refused } = arrival;
    const keys = arrived.length;
    this.#counts.sentKeys += keys;
    this.#counts.sentBytes += bytes;
    this.#counts.savedBytes += savedBytes;
    if (keys > 0) {
      this.#events.emit("flushed", { keys, bytes });
      this.#held.confirmSuspects();
    }
    const isAboutKeys = refused.some(({ error }) => error instanceof UnknownKeyError);
    const readable = isAboutKeys ? await this.#findReadable(refused, documents) : [];
    if (this.#isOver(attempt)) return undefined;
    const others = refused.filter(({ write }) => !readable.includes(write));
    const counting = this.#holdApart([...unread, ...others], keys > 0);
    const sent = new Set<PendingWrite>([...documents, ...collections, ...unread].map(({ write }) => write));
    const unsent = this.#unsent.batch.filter((write) => !sent.has(write));
    this.#unsent.batch = [...unsent, ...again, ...readable, ...counting.map(({ write }) => write)];
    return counting[0]?.error;
  }

  /** Tells that a batch goes out. There is one at a time. */
  #startBatch(keys: number): void {
    // Without any nothing goes over the wire.
    if (keys === 0) return;
    const batch: Batch = { keys };
    const startedMs = this.#clock.now();
    this.#events.emit("batchStarted", batch);
    this.#endBatch = (end) => {
      this.#endBatch = () => {};
      this.#events.emit("batchEnded", batch, { durationMs: this.#clock.now() - startedMs, ...toBatchOutcome(end) });
    };
  }

  /**
   * Another process may have rotated the keys: what is under one that can be had now is to be overwritten after all. So is
   * what another program has written under one of ours: scripts know only how the mirror itself writes a header.
   */
  async #findReadable(refused: readonly Refusal[], documents: readonly OutgoingDocument[]): Promise<PendingWrite[]> {
    const readable: PendingWrite[] = [];
    for (const { write, error } of refused) {
      const { keyId, header } = error instanceof UnknownKeyError ? error : {};
      const tried = documents.find((document) => document.write === write)?.wire;
      if (keyId === undefined || tried?.keyIds === undefined) continue;
      if (tried.keyIds.includes(keyId)) {
        // One that was tried is not tried again at once.
        if (header === undefined || !/^[\w-]+$/.test(header) || tried.readableHeader !== undefined) continue;
        this.#outgoing.expectHeader(write.redisKey, header);
        readable.push(write);
      } else if (await this.#encoder.hasKey(keyId)) readable.push(write);
    }
    return readable;
  }

  /** What a comparison has shown to be lacking, within its attempt. */
  async #sendChanges(changes: readonly NeededChange[]): Promise<MirrorError | undefined> {
    const attempt = this.#attempt!;
    // No flush waits for them: they are no saves, and say nothing of one that was made meanwhile.
    const writes = changes.map(({ id, change }) => {
      // A save that came while this was compared may have emptied the list, and then this empties it there.
      const keepsPrevious = this.#collections.snapshotOf(id.redisKey)?.isEmpty === true;
      return { ...this.#intake.toPendingChange(id, change, { keepsPrevious }), sequence: 0 };
    });
    this.#unsent.batch = [...this.#unsent.batch, ...writes];
    const collections = await this.#outgoing.ofCollections(writes);
    return this.#isOver(attempt) ? undefined : this.#send(attempt, [], collections, []);
  }

  /** What Redis refuses while it takes others is held apart. The answer is the refusals that count against the server. */
  #holdApart(refused: readonly Refusal[], haveOthersArrived: boolean): readonly Refusal[] {
    const isAlone = ({ write, error }: Refusal) =>
      error instanceof UnknownKeyError ||
      (isOfOneKey(error) && (haveOthersArrived || this.#held.isKnown(write.redisKey)));
    const counting = refused.filter((refusal) => !isAlone(refusal));
    for (const refusal of refused) if (isAlone(refusal)) this.#hold(refusal);
    for (const { write, error } of counting) if (isOfOneKey(error)) this.#held.suspect(write.redisKey);
    return counting;
  }

  #hold({ write, error }: Refusal): void {
    // A later save of the record waits for its own turn.
    if (this.#pending.get(write.redisKey) !== undefined) {
      if (write.kind === "collection") this.#putBack([write]);
      return;
    }
    this.#giveUpAll(this.#held.hold(write, error));
    this.#events.emit("held", { userId: write.userId, record: write.record.name, reason: error.message });
    this.#flushWaiters.settle(write, error.message);
  }

  #releaseHeld(): void {
    const released = this.#held.takeAll();
    this.#putBack(released);
    if (released.length > 0) this.#timer.setUnlessSet(0);
  }

  #putBack(batch: readonly PendingWrite[]): void {
    if (batch.length === 0) return;
    this.#giveUpAll(this.#pending.putBack(batch));
  }

  // ── What comes of an attempt ─────────────────────────────────────────────────────────────────────────────────────

  #succeeded(attempt: Attempt): void {
    attempt.succeeded();
    this.#askedInVain.noteAnswered();
    this.#setHealth("connected");
  }

  #failed(attempt: Attempt, failure: MirrorError, keys: number): void {
    this.#events.emit("failed", { reason: failure.message, code: failure.code, keys });
    this.#setHealth("degraded", failure.message);
    attempt.failed(failure instanceof RefusedError ? "refused" : "lost");
    this.#flushWaiters.settle(WHOLE, failure.message);
    // Whoever waits for a flush need not wait for the end of a pause.
    if (this.#breaker.state.kind === "open") this.#flushWaiters.settleAll({ flushed: false, reason: failure.message });
  }

  #afterAttempt(): void {
    const isDue = this.#isDue;
    this.#isDue = false;
    if (this.#health.state === "degraded") this.#timer.set(this.#retryDelayMs());
    // What came in while the batch was away, or did not fit into it. A window that is still open has its timer.
    else if (this.#pending.keys > 0 && (isDue || !this.#timer.isSet)) this.#timer.set(0);
    else if (this.#reconciler.isDue) this.#timer.setUnlessSet(this.#timings.batchWindowMs);
    else if (this.#pending.keys === 0) this.#flushWaiters.settle(WHOLE, this.#held.reason);
  }

  /** Closed: doubling from one window. Open: until the pause is over, or sooner to see whether a lost connection is back. */
  #retryDelayMs(): number {
    const state = this.#breaker.state;
    const { batchWindowMs, healthCheckMs } = this.#timings;
    if (state.kind === "closed") return Math.min(batchWindowMs * 2 ** Math.max(0, state.failures - 1), healthCheckMs);
    const remainingMs = this.#breaker.remainingMs;
    return this.#isConnectionLost ? Math.min(healthCheckMs, remainingMs) : remainingMs;
  }

  /** Whether writing is paused because nobody is to be found. */
  get #isConnectionLost(): boolean {
    const state = this.#breaker.state;
    return state.kind === "open" && state.cause === "lost";
  }

  /** During the pause nothing is written, but a connection that can be made again ends it. */
  async #checkHealth(): Promise<void> {
    try {
      await this.#gateway.connect();
      await this.#gateway.ping();
    } catch {
      // Still gone. The transition was told when the pause began.
      this.#timer.set(this.#retryDelayMs());
      return;
    }
    // A server that answers a ping may still not take a write: one attempt decides, not five.
    if (!this.#isClosed && this.#breaker.state.kind === "open") this.#begin(this.#breaker.probe());
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

  #unreadable({ userId, record }: RecordId, detail: string): void {
    this.#events.emit("unreadable", { userId, record, detail });
  }

  #leftOut(record: RecordDefinition, redisKey: string, items: number): void {
    const detail = `${items} of its items ${items === 1 ? "does" : "do"} not pass the record's schema.`;
    const userId = parseKey(redisKey)?.userId ?? "";
    this.#events.emit("unreadable", { userId, record: record.name, detail, items });
  }

  #giveUpAll(evicted: readonly PendingWrite[]): void {
    for (const write of evicted) this.#giveUp(write, "overflow");
  }

  #giveUp(write: PendingWrite, reason: "too-large" | "overflow"): void {
    this.#drop(
      write,
      reason,
      `${write.bytes} bytes, with ${this.#pending.keys} keys of ${this.#pending.bytes} bytes waiting`,
    );
    // What arrived before it must not come back in its place.
    if (write.kind === "document" && write.text === undefined) this.#reconciler.forget(write.redisKey);
    // The next comparison finds it lacking.
    if (write.kind === "collection") this.#collections.outdate(write.redisKey);
    this.#flushWaiters.settle(write, "it was too much to keep until Redis is back");
  }

  // ── The local store was read ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * Tells what the local store holds of a record; `undefined`: nothing. At its first read in a process that is compared
   * with the mirror, and the mirror healed where it is behind: the local store is the log. Returns at once.
   * @param target The host's object that was read. It is not kept.
   */
  compare(id: RecordId, local: unknown, target?: unknown): void {
    const redisKey = this.#keySpace.keyOf(id);
    const record = this.#catalogue.find(id.record);
    if (this.#adoptions.isUnderWay(redisKey)) return;
    if (local === undefined) this.#foundEmpty.note(redisKey);
    else this.#foundEmpty.noteFull(redisKey);
    if (record === undefined || this.#closing !== undefined) return;
    if (isMerged(record) && this.#isReadBesideOthers(id, local, target)) return;
    if (this.#unsent.of(redisKey) !== undefined) return;
    if (isMerged(record)) {
      const held = this.#collections.snapshotOf(redisKey);
      if (held !== undefined && (local !== undefined || held.isEmpty)) return;
    } else if (!this.#reconciler.isNew(redisKey)) return;
    // What another user has saved here is not this one's.
    if ((this.#ledger.ownerOf(id.record) ?? redisKey) !== redisKey) return;
    this.#remoteChanges?.follow(redisKey, id);
    const isKnown = this.#ledger.get(redisKey)?.cleared !== undefined || this.#collections.isKnown(redisKey);
    if (local === undefined && !isKnown) return;
    const write = this.prepare(id, local === undefined && isMerged(record) ? [] : local, target);
    if (write === undefined) return;
    if (write.kind === "collection") this.#collections.read(write, write.snapshot);
    this.#reconciler.add(write);
    this.#drainUnlessPaused();
  }

  /** The first list of each object that is read is taken down. Where others have saved, there is nothing more to it. */
  #isReadBesideOthers(id: RecordId, local: unknown, target: unknown): boolean {
    const redisKey = this.#keySpace.keyOf(id);
    if ((this.#ledger.ownerOf(id.record) ?? redisKey) !== redisKey) return false;
    const source = this.#collections.sourceOf(target);
    const isBeside = this.#collections.isBesideOthers(redisKey, source);
    if (!this.#collections.isNewSource(redisKey, source) && (!isBeside || local !== undefined)) return isBeside;
    const read = this.prepare(id, local ?? [], target);
    if (read?.kind !== "collection") return true;
    this.#collections.readSource(read, read.snapshot!, source);
    return isBeside;
  }

  // ── Waiting for Redis: for those who ask to ──────────────────────────────────────────────────────────────────────

  /** Sends now what was saved so far, and says whether it is in Redis. Settles within the timeout; does not reject. */
  flush({ timeoutMs = this.#timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing !== undefined) return this.#closing;
    this.#adoptions.letGo();
    return this.#flush(timeoutMs);
  }

  /**
   * As `flush`, and has all that was saved or shown here compared with what Redis holds: what that lacks is sent. Settles
   * also when Redis cannot be used.
   */
  sync({ timeoutMs = this.#timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing !== undefined) return this.#closing;
    this.#adoptions.letGo();
    this.#releaseHeld();
    this.#reconciler.demand();
    return this.#waitFor([WHOLE], timeoutMs);
  }

  #flush(timeoutMs: number): Promise<FlushResult> {
    this.#releaseHeld();
    return this.#waitFor([...this.#unsent.batch, ...this.#pending.all()], timeoutMs);
  }

  #waitFor(awaited: readonly AwaitedWrite[], timeoutMs: number): Promise<FlushResult> {
    if (awaited.length === 0) return Promise.resolve({ flushed: true });
    if (this.#breaker.remainingMs > 0)
      return Promise.resolve({ flushed: false, reason: this.#health.reason ?? "writing is paused" });
    // The newest of a key is the last one: one that is pending is newer than the one on its way.
    const result = this.#flushWaiters.wait(awaited, timeoutMs);
    this.#drainNow();
    return result;
  }

  /**
   * Another engine takes this one's place on the same local store: what is known of versions is written down for it, and
   * from here on no more. It gets the documents that are not in Redis yet, which this one goes on sending until it is
   * closed, and each save that was taken down here and comes to its end later. What has changed of a collection it finds at
   * the next look at the local store.
   */
  handOver(successor: RedisSyncService): void {
    this.#adoptions.letGo();
    this.#successor = successor;
    for (const write of this.#unsent.all())
      // Right after its own time: what another instance has saved since stays later, and what arrives of it from here does not.
      if (write.kind === "document") successor.takeOver(write, nextStamp(write.stamp));
  }

  /** What is known of versions is written down now, and from here on no more: another engine goes on from there. */
  writeDownForSuccessor(): void {
    this.#ledger.handOver(this.#author.latest);
  }

  /**
   * Goes on with a save that another engine has taken down.
   * @param stamp Of a document that was saved there already: when that was.
   */
  takeOver({ userId, record: { name }, ...write }: PreparedWrite, stamp?: Stamp): void {
    const record = this.#catalogue.find(name);
    if (record === undefined) return;
    const id = { userId, record, redisKey: this.#keySpace.keyOf({ userId, record: name }) };
    if (write.kind === "collection") {
      // One that another definition makes a document of is compared when it is next read.
      if (isMerged(record))
        this.submit({ ...id, kind: "collection", snapshot: write.snapshot, source: write.source, bytes: 0 });
    } else if (!isMerged(record))
      this.#submit({ ...id, kind: "document", text: write.text, bytes: write.bytes }, stamp);
  }

  /** Flushes within the timeout, then lets go of the connection and of every timer. Idempotent; does not reject. */
  close({ timeoutMs = this.#timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing === undefined) this.#adoptions.letGo();
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<FlushResult> {
    const result = await this.#flush(timeoutMs);
    this.#isClosed = true;
    this.#timer.close();
    this.#flushWaiters.settleAll({ flushed: false, reason: "the mirror was closed" });
    this.#clock.clearTimeout(this.#leaseTimer);
    this.#releaseHeld();
    this.#reconciler.close();
    this.#remoteChanges?.close();
    this.#ledger.close(this.#author.latest);
    this.#encoder.close();
    this.#gateway.onConnectionLost = undefined;
    this.#gateway.close();
    for (const write of [...this.#unsent.batch, ...this.#pending.take({ maxKeys: Infinity, maxBytes: Infinity })]) {
      // Of one that goes on elsewhere it is no loss.
      if (this.#successor === undefined) this.#drop(write, "closed", "the mirror was closed while it was waiting");
    }
    this.#unsent.batch = [];
    this.#endBatch(new ConnectionLostError("The mirror was closed."));
    this.#events.emit("closed");
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
  find(id: RecordId): Promise<FoundValue | undefined> {
    return this.#closing === undefined ? this.#reader.find(id) : Promise.resolve(undefined);
  }

  /** What was just looked for in vain is looked for again: there is another key by now, say. */
  lookAgain(): void {
    this.#askedInVain.forgetAll();
  }

  /**
   * What a local store that is empty may take over. Nobody is asked where nobody is there, or has just been asked in
   * vain: that would only hold up the host once more. And what was emptied here stays empty.
   * @param hasBeenFull Whether the same store was seen not to be empty before: then its host has emptied it.
   */
  async findToRestore(id: RecordId, { hasBeenFull = false } = {}): Promise<FoundValue | undefined> {
    const redisKey = this.#keySpace.keyOf(id);
    if (hasBeenFull && !this.#broughtBack.has(redisKey)) return undefined;
    if (this.#health.state === "degraded" || this.#askedInVain.includes(redisKey)) return undefined;
    const restore = this.#restores.start(id);
    const found = await this.#lookUp(id);
    // Of a silence, which is noted already, nobody knows what the mirror has.
    if (typeof found === "string" && !this.#askedInVain.includes(redisKey)) this.#askedInVain.noteAbsent(redisKey);
    if (typeof found !== "string" && !this.isCleared(id, found)) {
      this.#restores.found(restore, found);
      return found;
    }
    this.#restores.end(restore, typeof found === "string" ? found : "absent");
    return undefined;
  }

  #lookUp(id: RecordId): Promise<FoundValue | Miss> {
    return this.#closing === undefined ? this.#reader.lookUp(id) : Promise.resolve("unavailable");
  }

  /** What `findToRestore` found is not adopted. */
  giveUpRestore(found: FoundValue, outcome: "absent" | "overtaken"): void {
    this.#restores.endOf(found, outcome);
  }

  /** This instance knows the value from now on, and may overwrite it. */
  saw(id: RecordId, found: FoundValue): void {
    this.#adoptions.saw(id, found);
  }

  /** The local store takes over what was found; `adopt` saves it there. What that throws makes it unseen again. */
  async adopt(id: RecordId, found: FoundValue, adopt: () => Promise<unknown>, target?: unknown): Promise<void> {
    const redisKey = this.#keySpace.keyOf(id);
    try {
      await this.#adoptions.adopt(id, found, adopt, target);
    } catch (error) {
      this.#restores.endOf(found, "refused");
      throw error;
    }
    this.#restores.endOf(found, "restored");
    this.#foundEmpty.noteFull(redisKey);
    this.#broughtBack.delete(redisKey);
  }

  /** Whether this store has emptied the record after `found` was saved, or may have: then it is to stay empty. */
  isCleared(id: RecordId, found: FoundValue): boolean {
    return this.#adoptions.isCleared(id, found);
  }

  /**
   * Reads what another instance changed, then calls `adopt`, which asks `take` what its local value becomes and saves that:
   * not sent back, as long as it is saved as it was given. The answer is whether there was anything to take over.
   * Rejects with what `adopt` throws. @throws TypeError if there is no such record.
   */
  async adoptRemote(id: RecordId, adopt: AdoptRemote): Promise<boolean> {
    const hasTaken = await this.#adoptions.adoptRemote(id, this.#expectRecord(id), adopt);
    if (hasTaken) this.#foundEmpty.noteFull(this.#keySpace.keyOf(id));
    return hasTaken;
  }

  // ── What was overwritten ─────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The versions of a record that Redis holds, newest first: the current one, and those that were overwritten by an
   * instance that had not seen them, or by an empty value.
   * @throws ConnectionLostError @throws RefusedError @throws TypeError if there is no such record.
   */
  async history(id: RecordId): Promise<RecordVersion[]> {
    return this.#history.list(this.#expectRecord(id), this.#keySpace.keyOf(id));
  }

  /** The value of a version. @throws VersionNotFoundError @throws UnreadableValueError and what `history` throws. */
  async readVersion(id: RecordId, version: Version): Promise<unknown> {
    return this.#history.read(this.#expectRecord(id), this.#keySpace.keyOf(id), version);
  }

  /**
   * Makes a kept version the current one again; what it replaces is kept. The answer is its value, for the local store:
   * an instance that has none adopts it by itself. Throws what `readVersion` does.
   * @param local What the value is to take the place of in the local store: where it is not what Redis has, it is kept too.
   */
  async restoreVersion(id: RecordId, version: Version, local?: unknown): Promise<unknown> {
    const value = await this.readVersion(id, version);
    const prepared = this.prepare(id, value);
    if (prepared === undefined) return value;
    await this.#keep(id, local);
    this.#askedInVain.forget(prepared.redisKey);
    this.#broughtBack.add(prepared.redisKey);
    await this.#replace(prepared);
    return value;
  }

  /** Sees to it that what the local store holds is what Redis has, so that it is kept when that is replaced. */
  async #keep(id: RecordId, local: unknown): Promise<void> {
    const prepared = local === undefined ? undefined : this.prepare(id, local);
    if (prepared === undefined) return;
    const record = this.#expectRecord(id);
    const current = await this.#history.readCurrent(record, this.#keySpace.keyOf(id));
    if (!isDeepStrictEqual(current, valueOf(prepared))) await this.#replace(prepared);
  }

  async #replace(prepared: PreparedWrite): Promise<void> {
    if (this.#closing !== undefined) throw new ConnectionLostError("The mirror is closed.");
    const write = this.#intake.replace(prepared);
    this.#enqueue(write);
    const result = await this.#waitFor([write], this.#timings.closeTimeoutMs);
    if (!result.flushed) throw new ConnectionLostError(`The version is not restored yet: ${result.reason}.`);
  }

  #expectRecord({ record: name }: RecordId): RecordDefinition {
    const record = this.#catalogue.find(name);
    if (record === undefined) throw new TypeError(`Expected a record of the catalogue, got \`${name}\``);
    return record;
  }
}
