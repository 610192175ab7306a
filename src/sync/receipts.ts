import type { Author } from "./author.js";
import type { Clock } from "./clock.js";
import type { Collections } from "./collections.js";
import { MirrorError } from "./errors.js";
import type { FlushWaiters } from "./flush-waiters.js";
import type { HeldWrites } from "./held-writes.js";
import type { Intake } from "./intake.js";
import type { Ledger } from "./ledger.js";
import type { BatchOutcome, Conflict } from "./mirror-events.js";
import type { OutgoingCollection, OutgoingDocument } from "./outgoing-writes.js";
import type { Reconciler } from "./reconciler.js";
import type { MergeOutcome, WireOutcome } from "./redis-gateway.js";
import type { RemoteChanges } from "./remote-changes.js";
import type { ReplayGuard } from "./replay-guard.js";
import type { Version } from "./version.js";
import type { PendingDocument, PendingWrite, Refusal } from "./writes.js";

/** What has become of a batch. */
export interface Arrival {
  readonly arrived: BatchOutcome["arrived"][number][];
  bytes: number;
  /** What these would be more if they were not compressed. */
  savedBytes: number;
  readonly conflicts: Conflict[];
  /** To be sent once more. */
  readonly again: PendingWrite[];
  readonly refused: Refusal[];
}

/** As it is told: of what arrived, or that nothing did. */
export function toBatchOutcome(end: Arrival | MirrorError): Omit<BatchOutcome, "durationMs"> {
  if (end instanceof MirrorError) return { arrived: [], bytes: 0, conflicts: [], code: end.code };
  const { arrived, bytes, conflicts, refused } = end;
  const hasFailed = arrived.length + conflicts.length === 0 && refused.length > 0;
  return { arrived, bytes, conflicts, ...(hasFailed && { code: refused[0]!.error.code }) };
}

export interface ReceiptsOptions {
  intake: Intake;
  collections: Collections;
  reconciler: Reconciler;
  remoteChanges: RemoteChanges | undefined;
  held: HeldWrites;
  replayGuard: ReplayGuard;
  ledger: Ledger;
  author: Author;
  clock: Clock;
  flushWaiters: FlushWaiters;
  /** Another instance has saved the record later. */
  onSuperseded(write: PendingDocument): void;
}

/** What Redis said to each write of a batch, and what that means for those who have to do with its record. */
export class Receipts {
  readonly #options: ReceiptsOptions;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /** Each outcome is that of the write in its place. */
  enter(
    documents: readonly OutgoingDocument[],
    written: readonly WireOutcome[],
    collections: readonly OutgoingCollection[],
    merged: readonly MergeOutcome[],
  ): Arrival {
    const arrival: Arrival = { arrived: [], bytes: 0, savedBytes: 0, conflicts: [], again: [], refused: [] };
    for (const [index, outcome] of written.entries()) this.#enterDocument(documents[index]!, outcome, arrival);
    for (const [index, outcome] of merged.entries()) this.#enterCollection(collections[index]!, outcome, arrival);
    return arrival;
  }

  #enterDocument({ write, wire }: OutgoingDocument, outcome: WireOutcome, arrival: Arrival): void {
    const { intake, reconciler, replayGuard, ledger, author, flushWaiters } = this.#options;
    switch (outcome.kind) {
      case "applied":
        this.#arrived(write, Buffer.byteLength(wire.value ?? ""), arrival);
        if (outcome.hasKept === true) arrival.conflicts.push({ record: write.record.name, outcome: "kept", items: 1 });
        if (Buffer.isBuffer(wire.value)) arrival.savedBytes += write.bytes - wire.value.length;
        flushWaiters.settle(write);
        reconciler.remember(wire);
        ledger.saw(write.redisKey, wire.version, write.text, write.record.encrypted);
        replayGuard.noteSaved(write.record, write.redisKey);
        break;
      case "superseded":
        author.observe(outcome.by);
        // A late echo: this process has since saved something newer.
        if (author.isOwn(outcome.by)) flushWaiters.settle(write);
        else if (author.isFromOwnFuture(outcome.by)) arrival.again.push(intake.stampAnew(write));
        else this.#superseded(write, arrival);
        break;
      case "failed":
        arrival.refused.push({ write, error: outcome.error });
    }
  }

  #enterCollection({ write, wire }: OutgoingCollection, outcome: MergeOutcome, arrival: Arrival): void {
    const { intake, collections, remoteChanges, ledger, author, flushWaiters } = this.#options;
    if (outcome.kind === "failed") return void arrival.refused.push({ write, error: outcome.error });
    const bytes = wire.items.reduce((sum, { body }) => sum + Buffer.byteLength(body ?? ""), 0);
    this.#arrived(write, bytes, arrival);
    for (const { id, body } of wire.items)
      if (Buffer.isBuffer(body)) arrival.savedBytes += (write.change.items.get(id)?.item?.bytes ?? 0) - body.length;
    collections.outdate(write.redisKey);
    const { state, superseded } = outcome;
    author.observe(state.version);
    if (state.version !== undefined) ledger.saw(write.redisKey, state.version, undefined);
    for (const by of superseded.values()) author.observe(by);
    if (superseded.size > 0) remoteChanges?.suspect(write.redisKey);
    const isOwnFuture = (by: Version) => !author.isOwn(by) && author.isFromOwnFuture(by);
    const lost = [...superseded.values()].filter((by) => !author.isOwn(by) && !isOwnFuture(by)).length;
    if (lost > 0) arrival.conflicts.push({ record: write.record.name, outcome: "superseded", items: lost });
    const ids = [...superseded].flatMap(([id, by]) => (isOwnFuture(by) ? [id] : []));
    if (ids.length === 0) return flushWaiters.settle(write);
    const change = collections.changeAnew(write.redisKey, write.change, ids);
    const { sequence, behindSinceMs } = write;
    arrival.again.push({ ...intake.toPendingChange(write, change), sequence, behindSinceMs });
  }

  #arrived(write: PendingWrite, bytes: number, arrival: Arrival): void {
    const { clock, held } = this.#options;
    arrival.arrived.push({ record: write.record.name, lagMs: clock.now() - write.behindSinceMs });
    arrival.bytes += bytes;
    held.forget(write.redisKey);
  }

  #superseded(write: PendingDocument, arrival: Arrival): void {
    const { reconciler, remoteChanges, flushWaiters, onSuperseded } = this.#options;
    reconciler.forget(write.redisKey);
    remoteChanges?.suspect(write.redisKey);
    arrival.conflicts.push({ record: write.record.name, outcome: "superseded", items: 1 });
    onSuperseded(write);
    flushWaiters.settle(write, "another instance saved it later");
  }
}
