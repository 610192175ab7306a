import { randomBytes } from "node:crypto";
import { Adoptions } from "./adoptions.js";
import { AskedInVain } from "./asked-in-vain.js";
import { Author } from "./author.js";
import { type Clock, systemClock } from "./clock.js";
import type { Codec } from "./codec.js";
import { Collections } from "./collections.js";
import { Delivery } from "./delivery.js";
import { Drain, makeBreaker } from "./drain.js";
import { Encoder } from "./encoder.js";
import { FlushWaiters } from "./flush-waiters.js";
import { FoundEmpty } from "./found-empty.js";
import { Health } from "./health.js";
import { HeldWrites } from "./held-writes.js";
import { Intake } from "./intake.js";
import { folderOf, type KeySpace } from "./keys.js";
import { Ledger, LEDGER_DELAY_MS } from "./ledger.js";
import { type Memento, MemoryMemento } from "./memento.js";
import { LocalReads } from "./local-reads.js";
import { MirrorEmitter, type MirrorStatus } from "./mirror-events.js";
import { NewsSource } from "./news-source.js";
import { OutgoingWrites } from "./outgoing-writes.js";
import { PlainPredecessors } from "./plain-predecessors.js";
import { Receipts } from "./receipts.js";
import { Reconciler } from "./reconciler.js";
import { RecordHistory } from "./record-history.js";
import { RecordReader } from "./record-reader.js";
import type { Catalogue, RecordDefinition } from "./records.js";
import type { CollectionState, RedisGateway, StoredState } from "./redis-gateway.js";
import { isRemote, RemoteChanges } from "./remote-changes.js";
import { ReplayGuard } from "./replay-guard.js";
import { Reports } from "./reports.js";
import { Restores } from "./restores.js";
import { DEFAULT_TIMINGS, type SyncTimings } from "./timings.js";
import { UnsentWrites } from "./unsent-writes.js";
import { WholeSaves } from "./whole-saves.js";
import type { BufferLimits } from "./write-buffer.js";
import { DEFAULT_LIMITS, type PendingWrite, type PreparedDocument } from "./writes.js";

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

/** What the parts ask of the engine that they are part of. */
export interface Engine {
  status(): MirrorStatus;
  isClosing(): boolean;
  /** The host has saved something else than what it was to take over. */
  submit(write: PreparedDocument): void;
}

export type EngineParts = ReturnType<typeof assembleEngine>;

/** Makes the engine's parts and introduces them to each other; nothing has begun after that. */
export function assembleEngine(
  {
    gateway,
    catalogue,
    keySpace,
    codec,
    timings: givenTimings,
    limits = DEFAULT_LIMITS,
    clock = systemClock,
    memento = new MemoryMemento(),
    isSharedLive = false,
    overwritesUnreadable = false,
    warnings = () => [],
    randomId = () => randomBytes(4).toString("hex"),
  }: RedisSyncServiceOptions,
  engine: Engine,
) {
  const timings: SyncTimings = { ...DEFAULT_TIMINGS, ...givenTimings };
  const ttlSecondsOf = (record: RecordDefinition | undefined) => record?.ttlSeconds ?? timings.ttlSeconds;
  const events = new MirrorEmitter();
  const reports = new Reports(events);
  const health = new Health(() => events.emit("status", engine.status()));
  const breaker = makeBreaker(timings, clock);
  breaker.onTransition = (from, to) => events.emit("breaker", { from: from.kind, to: to.kind, reason: health.reason });
  const given = { gateway, catalogue, keySpace, codec, timings, limits, clock, ttlSecondsOf, events, health, breaker };

  const ledger = new Ledger(memento, clock, randomId);
  const author = new Author(ledger.store, randomId(), () => clock.wallNow());
  author.onDisbelief = (writer, aheadMs) => events.emit("skew", { writer, aheadMs });
  author.startAfter(ledger.latest, LEDGER_DELAY_MS);
  const replayGuard = new ReplayGuard(ledger, author);
  const encoder = new Encoder(codec, clock);
  const collections = new Collections({ gateway, ledger, author, limits });
  const flushWaiters = new FlushWaiters(clock);
  const askedInVain = new AskedInVain(clock);
  const known = { ...given, ledger, author, replayGuard, encoder, collections, flushWaiters, askedInVain };

  // Closures may name what is made further down: they are not called before all of it is there.
  const held = new HeldWrites({ limits, timings, clock, onDue: () => drain.releaseHeld() });
  const unsent = new UnsentWrites({ limits, held, onGivenUp });
  const intake = new Intake({ ...known, onRefused: (id, detail) => reports.dropped(id, "not-json", detail) });
  const reconciler: Reconciler = new Reconciler({
    ...known,
    repairs: {
      isUnsent: (redisKey) => unsent.of(redisKey) !== undefined,
      enqueue: (write, stamp) => enqueue(intake.toPending(write, stamp)),
      sendChanges: (changes) => delivery.sendChanges(changes),
      unreadable: ({ userId, record: { name } }, detail) => reports.unreadable({ userId, record: name }, detail),
      onDue: () => drain.demand(0),
      recordOf: (redisKey) => catalogue.find(redisKey.slice(folderOf(redisKey).length)),
      found: onFoundState,
      followed: () => remoteChanges?.keys ?? [],
      ttlSecondsOf,
    },
  });
  const reader = new RecordReader({
    ...known,
    unsent,
    readTimeoutMs: timings.readTimeoutMs,
    onAsked: (redisKey, id) => remoteChanges?.follow(redisKey, id),
    onAnswered: () => {
      askedInVain.noteAnswered();
      if (health.state === "connecting") health.set("connected");
    },
    onUnreadable: (id, detail) => reports.unreadable(id, detail),
    onLost: () => {
      askedInVain.noteSilent();
      drain.demand();
    },
  });
  const working = { ...known, held, unsent, intake, reconciler, reader };
  const remoteChanges = isSharedLive ? listenForChanges(new NewsSource(working)) : undefined;
  const isClosing = () => engine.isClosing();
  const adoptions = new Adoptions({
    ...working,
    remoteChanges,
    isClosing,
    onChanged: (write) => engine.submit(write),
  });
  const receipts = new Receipts({
    ...working,
    remoteChanges,
    onSuperseded: (write) =>
      reports.dropped(write, "superseded", "another instance saved it later; this save is among the kept versions"),
  });
  const delivery = new Delivery({
    ...working,
    receipts,
    wholeSaves: new WholeSaves(gateway, collections),
    plainPredecessors: new PlainPredecessors(working),
    outgoing: new OutgoingWrites({ ...working, overwritesUnreadable }),
    onDropped: (write, reason, detail) => reports.dropped(write, reason, detail),
  });
  const drain = new Drain({
    ...working,
    delivery,
    onAttemptOver: () => {
      remoteChanges?.settle();
      ledger.saveSoon(() => author.latest);
    },
  });
  codec.onLeftOut = (record, redisKey, items) => reports.leftOut(record, redisKey, items);
  gateway.onConnectionLost = () => drain.demand();

  function enqueue(write: PendingWrite): void {
    if (write.kind === "document") reconciler.overtake(write.redisKey);
    unsent.put(write);
  }

  function onGivenUp(write: PendingWrite, reason: "too-large" | "overflow", detail: string): void {
    reports.dropped(write, reason, detail);
    // What arrived before it must not come back in its place.
    if (write.kind === "document" && write.text === undefined) reconciler.forget(write.redisKey);
    // The next comparison finds it lacking.
    if (write.kind === "collection") collections.outdate(write.redisKey);
    flushWaiters.settle(write, "it was too much to keep until Redis is back");
  }

  function onFoundState(redisKey: string, state: StoredState | CollectionState): void {
    if ("fingerprint" in state) remoteChanges?.found(redisKey, state.fingerprint);
    else if (isRemote(author, state.version, ledger.get(redisKey)?.version)) remoteChanges?.suspect(redisKey);
  }

  function listenForChanges(news: NewsSource): RemoteChanges {
    return new RemoteChanges({
      ...given,
      author,
      maxRecords: limits.maxKeys,
      look: (redisKey, id) => news.look(redisKey, id),
      onNews: ({ userId, record }) => events.emit("remoteChange", { userId, record }),
      onListening: () => {
        reconciler.demand();
        drain.schedule();
      },
      onRefused: (reason) => events.emit("unheard", { reason }),
    });
  }

  const foundEmpty = new FoundEmpty();
  const localReads = new LocalReads({ ...working, adoptions, foundEmpty, remoteChanges, drain, isClosing });

  return {
    ...working,
    adoptions,
    localReads,
    foundEmpty,
    remoteChanges,
    delivery,
    drain,
    reports,
    enqueue,
    warnings,
    history: new RecordHistory(gateway, codec, clock, (version) => author.observe(version), replayGuard),
    restores: new Restores(events, clock),
  };
}
