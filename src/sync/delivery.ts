import type { Author } from "./author.js";
import type { Clock } from "./clock.js";
import type { Collections } from "./collections.js";
import type { Encoder } from "./encoder.js";
import { describeError, isOfOneKey, type MirrorError, UnknownKeyError } from "./errors.js";
import type { FlushWaiters } from "./flush-waiters.js";
import type { HeldWrites } from "./held-writes.js";
import type { Intake } from "./intake.js";
import type { Ledger } from "./ledger.js";
import type { Batch, DropReason, MirrorEmitter } from "./mirror-events.js";
import type { OutgoingCollection, OutgoingDocument, OutgoingWrites } from "./outgoing-writes.js";
import type { PlainPredecessors } from "./plain-predecessors.js";
import { type Arrival, type Receipts, toBatchOutcome } from "./receipts.js";
import type { NeededChange, Reconciler } from "./reconciler.js";
import type { RedisGateway } from "./redis-gateway.js";
import type { UnsentWrites } from "./unsent-writes.js";
import type { WholeSaves } from "./whole-saves.js";
import type { PendingWrite, Refusal } from "./writes.js";

export interface DeliveryOptions {
  gateway: RedisGateway;
  unsent: UnsentWrites;
  held: HeldWrites;
  wholeSaves: WholeSaves;
  plainPredecessors: PlainPredecessors;
  outgoing: OutgoingWrites;
  receipts: Receipts;
  reconciler: Reconciler;
  collections: Collections;
  encoder: Encoder;
  intake: Intake;
  ledger: Ledger;
  author: Author;
  flushWaiters: FlushWaiters;
  events: MirrorEmitter;
  clock: Clock;
  /** A write will not reach Redis. */
  onDropped(write: PendingWrite, reason: DropReason, detail: string): void;
}

/** The attempt that a delivery is made in. */
export interface DeliveryAttempt {
  /** Given up, or everything is: what comes of it now must change nothing. */
  isOver(): boolean;
  /** Redis has taken what it was sent. */
  succeeded(): void;
}

/** How a batch goes to Redis, and what comes of each of its writes. When that is to happen, the drain says. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #counts = { batches: 0, sentKeys: 0, sentBytes: 0, savedBytes: 0 };
  /** The latest. */
  #attempt: DeliveryAttempt = { isOver: () => true, succeeded: () => {} };
  #endBatch: (end: Arrival | MirrorError) => void = () => {};

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** What has been sent since this engine was made. */
  get counts(): Readonly<Record<"batches" | "sentKeys" | "sentBytes" | "savedBytes", number>> {
    return this.#counts;
  }

  /**
   * Sends the batch and compares what is due to be; where there is nothing of either, asks for a sign of life.
   * What did not arrive stays in the batch. The answer is the first refusal. @throws ConnectionLostError
   */
  async deliver(attempt: DeliveryAttempt): Promise<MirrorError | undefined> {
    const { gateway, unsent, outgoing, plainPredecessors, reconciler } = this.#options;
    this.#attempt = attempt;
    const { batch } = unsent;
    await gateway.connect();
    const refused = await this.#compareWhole(attempt, batch);
    if (attempt.isOver()) return undefined;
    const waiting = unsent.batch.filter((write) => refused.every((refusal) => refusal.write !== write));
    const written = waiting.filter((write) => write.kind === "document");
    const merged = waiting.filter((write) => write.kind === "collection");
    await plainPredecessors.sealBefore(written);
    if (attempt.isOver()) return undefined;
    const [encoded, collections] = await Promise.all([outgoing.encode(written), outgoing.ofCollections(merged)]);
    if (attempt.isOver()) return undefined;
    const { documents, failed } = outgoing.ofDocuments(written, encoded);
    for (const refusal of failed) this.#giveUpUnencrypted(refusal);
    // Of a collection only what has changed is sent: what else a server has lost of it is to be looked for.
    const plan = reconciler.plan(gateway.connections, written);
    const isSending = documents.length + collections.length + refused.length > 0;
    if (isSending) {
      const refusal = await this.#send(attempt, documents, collections, refused);
      if (refusal !== undefined || attempt.isOver()) return refusal;
      if (plan === undefined) attempt.succeeded();
    }
    if (plan !== undefined) return reconciler.run(plan, () => attempt.isOver());
    if (!isSending) await gateway.ping();
    return undefined;
  }

  /** What a comparison has shown to be lacking, within its attempt. */
  async sendChanges(changes: readonly NeededChange[]): Promise<MirrorError | undefined> {
    const { unsent, outgoing, collections, intake } = this.#options;
    const attempt = this.#attempt;
    // No flush waits for them: they are no saves, and say nothing of one that was made meanwhile.
    const writes = changes.map(({ id, change }) => {
      // A save that came while this was compared may have emptied the list, and then this empties it there.
      const keepsPrevious = collections.snapshotOf(id.redisKey)?.isEmpty === true;
      return { ...intake.toPendingChange(id, change, { keepsPrevious }), sequence: 0 };
    });
    unsent.batch = [...unsent.batch, ...writes];
    const changed = await outgoing.ofCollections(writes);
    return attempt.isOver() ? undefined : this.#send(attempt, [], changed, []);
  }

  /** What is on its way now has no answer any more: the connection failed, or it is given up. */
  abandon(error: MirrorError): void {
    this.#endBatch(error);
  }

  /**
   * Where nothing was known against which a collection could be compared, the mirror says what of it is to be sent. In the
   * batch this stands in its place. The answer is what may not be read. @throws ConnectionLostError
   */
  async #compareWhole(attempt: DeliveryAttempt, batch: readonly PendingWrite[]): Promise<Refusal[]> {
    const { unsent, wholeSaves, ledger, author } = this.#options;
    const { compared, refused } = await wholeSaves.compare(batch);
    if (compared.size === 0 || attempt.isOver()) return refused;
    ledger.saveNow(() => author.latest);
    unsent.batch = unsent.batch.map((write) => compared.get(write) ?? write);
    return refused;
  }

  /** It cannot be encrypted: there is nothing to wait for. */
  #giveUpUnencrypted({ write, error }: Refusal): void {
    this.#options.unsent.takeFromBatch(write);
    this.#options.onDropped(write, "not-encrypted", describeError(error));
    this.#options.flushWaiters.settle(write, "it could not be encrypted");
  }

  /** The answer is the first refusal that says something about the server. @throws ConnectionLostError */
  async #send(
    attempt: DeliveryAttempt,
    documents: readonly OutgoingDocument[],
    collections: readonly OutgoingCollection[],
    unread: readonly Refusal[],
  ): Promise<MirrorError | undefined> {
    const { gateway, unsent, receipts } = this.#options;
    this.#startBatch(documents.length + collections.length);
    // Asked for in one turn, both go out in one round trip.
    const [written, merged] = await Promise.all([
      documents.length > 0 ? gateway.write(documents.map(({ wire }) => wire)) : [],
      collections.length > 0 ? gateway.merge(collections.map(({ wire }) => wire)) : [],
    ]);
    if (attempt.isOver()) return undefined;
    this.#counts.batches++;
    const arrival = receipts.enter(documents, written, collections, merged);
    this.#endBatch(arrival);
    this.#count(arrival);
    const { arrived, again, refused } = arrival;
    const isAboutKeys = refused.some(({ error }) => error instanceof UnknownKeyError);
    const readable = isAboutKeys ? await this.#findReadable(refused, documents) : [];
    if (attempt.isOver()) return undefined;
    const others = refused.filter(({ write }) => !readable.includes(write));
    const counting = this.#holdApart([...unread, ...others], arrived.length > 0);
    const sent = new Set<PendingWrite>([...documents, ...collections, ...unread].map(({ write }) => write));
    const unsentYet = unsent.batch.filter((write) => !sent.has(write));
    unsent.batch = [...unsentYet, ...again, ...readable, ...counting.map(({ write }) => write)];
    return counting[0]?.error;
  }

  /** Tells that a batch goes out. There is one at a time. */
  #startBatch(keys: number): void {
    // Without any nothing goes over the wire.
    if (keys === 0) return;
    const { events, clock } = this.#options;
    const batch: Batch = { keys };
    const startedMs = clock.now();
    events.emit("batchStarted", batch);
    this.#endBatch = (end) => {
      this.#endBatch = () => {};
      events.emit("batchEnded", batch, { durationMs: clock.now() - startedMs, ...toBatchOutcome(end) });
    };
  }

  #count({ arrived, bytes, savedBytes }: Arrival): void {
    const keys = arrived.length;
    this.#counts.sentKeys += keys;
    this.#counts.sentBytes += bytes;
    this.#counts.savedBytes += savedBytes;
    if (keys === 0) return;
    this.#options.events.emit("flushed", { keys, bytes });
    this.#options.held.confirmSuspects();
  }

  /**
   * Another process may have rotated the keys: what is under one that can be had now is to be overwritten after all. So is
   * what another program has written under one of ours: scripts know only how the mirror itself writes a header.
   */
  async #findReadable(refused: readonly Refusal[], documents: readonly OutgoingDocument[]): Promise<PendingWrite[]> {
    const { outgoing, encoder } = this.#options;
    const readable: PendingWrite[] = [];
    for (const { write, error } of refused) {
      const { keyId, header } = error instanceof UnknownKeyError ? error : {};
      const tried = documents.find((document) => document.write === write)?.wire;
      if (keyId === undefined || tried?.keyIds === undefined) continue;
      if (tried.keyIds.includes(keyId)) {
        // One that was tried is not tried again at once.
        if (header === undefined || !/^[\w-]+$/.test(header) || tried.readableHeader !== undefined) continue;
        outgoing.expectHeader(write.redisKey, header);
        readable.push(write);
      } else if (await encoder.hasKey(keyId)) readable.push(write);
    }
    return readable;
  }

  /** What Redis refuses while it takes others is held apart. The answer is the refusals that count against the server. */
  #holdApart(refused: readonly Refusal[], haveOthersArrived: boolean): readonly Refusal[] {
    const { held } = this.#options;
    const isAlone = ({ write, error }: Refusal) =>
      error instanceof UnknownKeyError || (isOfOneKey(error) && (haveOthersArrived || held.isKnown(write.redisKey)));
    const counting = refused.filter((refusal) => !isAlone(refusal));
    for (const refusal of refused) if (isAlone(refusal)) this.#hold(refusal);
    for (const { write, error } of counting) if (isOfOneKey(error)) held.suspect(write.redisKey);
    return counting;
  }

  #hold({ write, error }: Refusal): void {
    const { unsent, events, flushWaiters } = this.#options;
    if (!unsent.hold(write, error)) return;
    events.emit("held", { userId: write.userId, record: write.record.name, reason: error.message });
    flushWaiters.settle(write, error.message);
  }
}
