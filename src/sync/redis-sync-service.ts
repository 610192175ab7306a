import { isDeepStrictEqual } from "node:util";
import type { AdoptRemote } from "./adoptions.js";
import { WHOLE } from "./drain.js";
import { assembleEngine, type EngineParts, type RedisSyncServiceOptions } from "./engine-parts.js";
import { ConnectionLostError } from "./errors.js";
import type { FlushResult } from "./flush-waiters.js";
import type { RecordId } from "./keys.js";
import type { MirrorEvents, MirrorListener, MirrorStatus } from "./mirror-events.js";
import type { RecordVersion } from "./record-history.js";
import type { FoundValue, Miss } from "./record-reader.js";
import { isMerged, type RecordDefinition } from "./records.js";
import { nextStamp, type Stamp, type Version } from "./version.js";
import { type PreparedWrite, valueOf } from "./writes.js";

export type { RedisSyncServiceOptions } from "./engine-parts.js";

/**
 * Gets saves to Redis eventually, and never hurts the one who saves: `set` and `delete` return at once and do not
 * throw, whatever Redis does. docs/architecture.md follows a save through the parts.
 */
export class RedisSyncService {
  readonly #parts: EngineParts;
  /** The records of which a kept version was made the current one: they are restored wherever they are missing. */
  readonly #broughtBack = new Set<string>();
  #saves = 0;
  #successor: RedisSyncService | undefined;
  #closing: Promise<FlushResult> | undefined;

  constructor(options: RedisSyncServiceOptions) {
    this.#parts = assembleEngine(options, {
      status: () => this.status,
      isClosing: () => this.#closing !== undefined,
      submit: (write) => this.submit(write),
    });
  }

  /** A copy: it does not change any more. */
  get status(): MirrorStatus {
    const { health, held, delivery, breaker, gateway, warnings } = this.#parts;
    const reason = health.reason ?? held.reason;
    const allWarnings = [...warnings(), ...(gateway.warnings ?? [])];
    return {
      ...health.current,
      ...(reason !== undefined && { reason }),
      ...this.#pendingHere,
      saves: this.#saves,
      ...delivery.counts,
      breaker: breaker.state.kind,
      ...(allWarnings.length > 0 && { warnings: allWarnings }),
    };
  }

  /** Of documents that another engine has got it is that one's to tell. */
  get #pendingHere(): Pick<MirrorStatus, "pending" | "pendingBytes"> {
    const { unsent } = this.#parts;
    if (this.#successor === undefined) return { pending: unsent.keys, pendingBytes: unsent.bytes };
    const here = unsent.inOrder().filter((write) => write.kind === "collection" || !this.#goesOnElsewhere(write));
    return { pending: here.length, pendingBytes: here.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** Whether another engine has taken this one's place, and has such a record too. */
  #goesOnElsewhere({ record }: Pick<PreparedWrite, "record">): boolean {
    return this.#successor !== undefined && this.#successor.#parts.catalogue.find(record.name) !== undefined;
  }

  /** The Redis key of a record: `roo:<userId>:<record>`. */
  keyOf(id: RecordId): string {
    return this.#parts.keySpace.keyOf(id);
  }

  /** What of the host's value is mirrored. Throws what the record's `select` throws. */
  selected(id: RecordId, value: unknown): unknown {
    const record = this.#parts.catalogue.find(id.record);
    return record === undefined || value === undefined ? value : record.select(value);
  }

  on<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): this {
    this.#parts.events.on(event, listener);
    return this;
  }

  off<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): this {
    this.#parts.events.off(event, listener);
    return this;
  }

  emit<Event extends keyof MirrorEvents>(event: Event, ...args: MirrorEvents[Event]): void {
    this.#parts.events.emit(event, ...args);
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
    return this.#parts.intake.prepare(id, value, target);
  }

  /** The second half of `set`: the local write has succeeded. */
  submit(write: PreparedWrite): void {
    this.#submit(write);
  }

  /** @param stamp Of a document that was saved before: when that was. */
  #submit(write: PreparedWrite, stamp?: Stamp): void {
    if (this.#goesOnElsewhere(write)) return this.#successor!.takeOver(write);
    const { adoptions, askedInVain, drain, enqueue, events, foundEmpty, intake, remoteChanges, reports } = this.#parts;
    if (this.#successor !== undefined)
      return reports.dropped(write, "closed", "the mirror has no such record any more");
    if (this.#closing !== undefined) return reports.dropped(write, "closed", "the mirror was closed before");
    this.#saves++;
    if (events.isHeard("saved")) events.emit("saved", { userId: write.userId, record: write.record.name });
    remoteChanges?.follow(write.redisKey, { userId: write.userId, record: write.record.name });
    askedInVain.forget(write.redisKey);
    if (write.kind === "document") {
      if (adoptions.takes(write)) return;
      const changesNothing = foundEmpty.noteSave(write.redisKey, write.text);
      if (changesNothing) return intake.noteOwner(write);
    }
    const pending = intake.take(write, stamp);
    if (pending === undefined) return;
    enqueue(pending);
    drain.schedule();
  }

  // ── The local store was read ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * Tells what the local store holds of a record; `undefined`: nothing. At its first read in a process that is compared
   * with the mirror, and the mirror healed where it is behind: the local store is the log. Returns at once.
   * @param target The host's object that was read. It is not kept.
   */
  compare(id: RecordId, local: unknown, target?: unknown): void {
    this.#parts.localReads.compare(id, local, target);
  }

  // ── Waiting for Redis: for those who ask to ──────────────────────────────────────────────────────────────────────

  /** Sends now what was saved so far, and says whether it is in Redis. Settles within the timeout; does not reject. */
  flush({ timeoutMs = this.#parts.timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing !== undefined) return this.#closing;
    this.#parts.adoptions.letGo();
    return this.#flush(timeoutMs);
  }

  /**
   * As `flush`, and has all that was saved or shown here compared with what Redis holds: what that lacks is sent. Settles
   * also when Redis cannot be used.
   */
  sync({ timeoutMs = this.#parts.timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing !== undefined) return this.#closing;
    const { adoptions, drain, reconciler } = this.#parts;
    adoptions.letGo();
    drain.releaseHeld();
    reconciler.demand();
    return drain.waitFor([WHOLE], timeoutMs);
  }

  #flush(timeoutMs: number): Promise<FlushResult> {
    this.#parts.drain.releaseHeld();
    return this.#parts.drain.waitFor(this.#parts.unsent.inOrder(), timeoutMs);
  }

  /**
   * Another engine takes this one's place on the same local store: what is known of versions is written down for it, and
   * from here on no more. It gets the documents that are not in Redis yet, which this one goes on sending until it is
   * closed, and each save that was taken down here and comes to its end later. What has changed of a collection it finds at
   * the next look at the local store.
   */
  handOver(successor: RedisSyncService): void {
    this.#parts.adoptions.letGo();
    this.#successor = successor;
    for (const write of this.#parts.unsent.all())
      // Right after its own time: what another instance has saved since stays later, and what arrives of it from here does not.
      if (write.kind === "document") successor.takeOver(write, nextStamp(write.stamp));
  }

  /** What is known of versions is written down now, and from here on no more: another engine goes on from there. */
  writeDownForSuccessor(): void {
    this.#parts.ledger.handOver(this.#parts.author.latest);
  }

  /**
   * Goes on with a save that another engine has taken down.
   * @param stamp Of a document that was saved there already: when that was.
   */
  takeOver({ userId, record: { name }, ...write }: PreparedWrite, stamp?: Stamp): void {
    const record = this.#parts.catalogue.find(name);
    if (record === undefined) return;
    const id = { userId, record, redisKey: this.keyOf({ userId, record: name }) };
    if (write.kind === "collection") {
      // One that another definition makes a document of is compared when it is next read.
      if (isMerged(record))
        this.submit({ ...id, kind: "collection", snapshot: write.snapshot, source: write.source, bytes: 0 });
    } else if (!isMerged(record))
      this.#submit({ ...id, kind: "document", text: write.text, bytes: write.bytes }, stamp);
  }

  /** Flushes within the timeout, then lets go of the connection and of every timer. Idempotent; does not reject. */
  close({ timeoutMs = this.#parts.timings.closeTimeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    if (this.#closing === undefined) this.#parts.adoptions.letGo();
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<FlushResult> {
    const flushed = await this.#flush(timeoutMs);
    const isLeftToOther = this.#successor !== undefined && this.#pendingHere.pending === 0;
    const { author, delivery, drain, encoder, events, flushWaiters, gateway } = this.#parts;
    const { ledger, reconciler, remoteChanges, reports, unsent } = this.#parts;
    drain.close();
    flushWaiters.settleAll({ flushed: false, reason: "the mirror was closed" });
    reconciler.close();
    remoteChanges?.close();
    ledger.close(author.latest);
    encoder.close();
    gateway.onConnectionLost = undefined;
    gateway.close();
    for (const write of unsent.takeAll()) {
      // Of one that goes on elsewhere it is no loss.
      if (!this.#goesOnElsewhere(write)) reports.dropped(write, "closed", "the mirror was closed while it was waiting");
    }
    delivery.abandon(new ConnectionLostError("The mirror was closed."));
    events.emit("closed");
    return isLeftToOther ? { flushed: true } : flushed;
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
    return this.#closing === undefined ? this.#parts.reader.find(id) : Promise.resolve(undefined);
  }

  /** What was just looked for in vain is looked for again: there is another key by now, say. */
  lookAgain(): void {
    this.#parts.askedInVain.forgetAll();
  }

  /**
   * What a local store that is empty may take over. Nobody is asked where nobody is there, or has just been asked in
   * vain: that would only hold up the host once more. And what was emptied here stays empty.
   * @param hasBeenFull Whether the same store was seen not to be empty before: then its host has emptied it.
   */
  async findToRestore(id: RecordId, { hasBeenFull = false } = {}): Promise<FoundValue | undefined> {
    const { askedInVain, health, restores } = this.#parts;
    const redisKey = this.keyOf(id);
    if (hasBeenFull && !this.#broughtBack.has(redisKey)) return undefined;
    if (health.state === "degraded" || askedInVain.includes(redisKey)) return undefined;
    const restore = restores.start(id);
    const found = await this.#lookUp(id);
    // Of a silence, which is noted already, nobody knows what the mirror has.
    if (typeof found === "string" && !askedInVain.includes(redisKey)) askedInVain.noteAbsent(redisKey);
    if (typeof found !== "string" && !this.isCleared(id, found)) {
      restores.found(restore, found);
      return found;
    }
    restores.end(restore, typeof found === "string" ? found : "absent");
    return undefined;
  }

  #lookUp(id: RecordId): Promise<FoundValue | Miss> {
    return this.#closing === undefined ? this.#parts.reader.lookUp(id) : Promise.resolve("unavailable");
  }

  /** What `findToRestore` found is not adopted. */
  giveUpRestore(found: FoundValue, outcome: "absent" | "overtaken"): void {
    this.#parts.restores.endOf(found, outcome);
  }

  /** This instance knows the value from now on, and may overwrite it. */
  saw(id: RecordId, found: FoundValue): void {
    this.#parts.adoptions.saw(id, found);
  }

  /** The local store takes over what was found; `adopt` saves it there. What that throws makes it unseen again. */
  async adopt(id: RecordId, found: FoundValue, adopt: () => Promise<unknown>, target?: unknown): Promise<void> {
    const { adoptions, foundEmpty, restores } = this.#parts;
    try {
      await adoptions.adopt(id, found, adopt, target);
    } catch (error) {
      restores.endOf(found, "refused");
      throw error;
    }
    restores.endOf(found, "restored");
    foundEmpty.noteFull(this.keyOf(id));
    this.#broughtBack.delete(this.keyOf(id));
  }

  /** Whether this store has emptied the record after `found` was saved, or may have: then it is to stay empty. */
  isCleared(id: RecordId, found: FoundValue): boolean {
    return this.#parts.adoptions.isCleared(id, found);
  }

  /**
   * Reads what another instance changed, then calls `adopt`, which asks `take` what its local value becomes and saves that:
   * not sent back, as long as it is saved as it was given. The answer is whether there was anything to take over.
   * Rejects with what `adopt` throws. @throws TypeError if there is no such record.
   */
  async adoptRemote(id: RecordId, adopt: AdoptRemote): Promise<boolean> {
    const hasTaken = await this.#parts.adoptions.adoptRemote(id, this.#expectRecord(id), adopt);
    if (hasTaken) this.#parts.foundEmpty.noteFull(this.keyOf(id));
    return hasTaken;
  }

  // ── What was overwritten ─────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The versions of a record that Redis holds, newest first: the current one, and those that were overwritten by an
   * instance that had not seen them, or by an empty value.
   * @throws ConnectionLostError @throws RefusedError @throws TypeError if there is no such record.
   */
  async history(id: RecordId): Promise<RecordVersion[]> {
    return this.#parts.history.list(this.#expectRecord(id), this.keyOf(id));
  }

  /** The value of a version. @throws VersionNotFoundError @throws UnreadableValueError and what `history` throws. */
  async readVersion(id: RecordId, version: Version): Promise<unknown> {
    return this.#parts.history.read(this.#expectRecord(id), this.keyOf(id), version);
  }

  /**
   * Makes a kept version the current one again; what it replaces is kept. The answer is its value, for the local store:
   * an instance that has none adopts it by itself. Throws what `readVersion` does.
   * @param local What the value is to take the place of in the local store: where it is not what Redis has, it is kept too.
   * @param options `timeoutMs`: how long each of the two saves may take to be in Redis. Default `closeTimeoutMs`.
   */
  async restoreVersion(
    id: RecordId,
    version: Version,
    local?: unknown,
    { timeoutMs = this.#parts.timings.closeTimeoutMs }: { timeoutMs?: number | undefined } = {},
  ): Promise<unknown> {
    const value = await this.readVersion(id, version);
    const prepared = this.prepare(id, value);
    if (prepared === undefined) return value;
    await this.#keep(id, local, timeoutMs);
    this.#parts.askedInVain.forget(prepared.redisKey);
    this.#broughtBack.add(prepared.redisKey);
    await this.#replace(prepared, timeoutMs);
    return value;
  }

  /** Sees to it that what the local store holds is what Redis has, so that it is kept when that is replaced. */
  async #keep(id: RecordId, local: unknown, timeoutMs: number): Promise<void> {
    const prepared = local === undefined ? undefined : this.prepare(id, local);
    if (prepared === undefined) return;
    const record = this.#expectRecord(id);
    const current = await this.#parts.history.readCurrent(record, this.keyOf(id));
    if (!isDeepStrictEqual(current, valueOf(prepared))) await this.#replace(prepared, timeoutMs);
  }

  async #replace(prepared: PreparedWrite, timeoutMs: number): Promise<void> {
    if (this.#closing !== undefined) throw new ConnectionLostError("The mirror is closed.");
    const { drain, enqueue, intake } = this.#parts;
    const write = intake.replace(prepared);
    enqueue(write);
    const result = await drain.waitFor([write], timeoutMs);
    if (!result.flushed) throw new ConnectionLostError(`The version is not restored yet: ${result.reason}.`);
  }

  #expectRecord({ record: name }: RecordId): RecordDefinition {
    const record = this.#parts.catalogue.find(name);
    if (record === undefined) throw new TypeError(`Expected a record of the catalogue, got \`${name}\``);
    return record;
  }
}
