import type { Author } from "./author.js";
import type { Clock, Timer } from "./clock.js";
import { bytesOf, type CollectionChange } from "./collection-change.js";
import type { CollectionComparison, CollectionId, Collections } from "./collections.js";
import type { Encoder } from "./encoder.js";
import { describeError, type MirrorError, RefusedError, UnknownKeyError, UnreadableValueError } from "./errors.js";
import type { Ledger } from "./ledger.js";
import { folderOf } from "./keys.js";
import { EMPTY_FINGERPRINT } from "./merge-script.js";
import { OUTDATED, ReadRepair, UNREADABLE } from "./read-repair.js";
import { ReconcileSchedule } from "./reconcile-schedule.js";
import { isMerged, type RecordDefinition } from "./records.js";
import type { CollectionState, RedisGateway, StoredState, StoredValue, WireWrite } from "./redis-gateway.js";
import { OLDER_THAN_SEEN, type ReplayGuard, versionOf } from "./replay-guard.js";
import { batchesOf, partsOf } from "./round-trips.js";
import type { SyncTimings } from "./timings.js";
import type { Stamp, Version } from "./version.js";
import { type BufferedWrite, type BufferLimits, WriteBuffer } from "./write-buffer.js";
import { type ArrivedWrite, COMPARED_BYTES, type PreparedDocument, type PreparedWrite } from "./writes.js";

/** How many local values are compared in one attempt: saves wait for it. */
const COMPARISONS_AT_ONCE = 16;

/** How many collections that have changed in the mirror are compared in one attempt, beside these. */
const STALE_AT_ONCE = 64;

/** What the reconciler needs of the engine. */
export interface Repairs {
  /** Whether a save of the record is on its way, which decides what becomes of it. */
  isUnsent(redisKey: string): boolean;
  /** Takes a write that has to be sent, as if it had been made at `stamp`. */
  enqueue(write: PreparedDocument, stamp: Stamp): void;
  /** Sends what collections lack. The answer is a refusal that is not about one of them. @throws ConnectionLostError */
  sendChanges(changes: readonly NeededChange[]): Promise<MirrorError | undefined>;
  /** What is stored cannot be read. */
  unreadable(write: PreparedWrite, detail: string): void;
  /** A comparison is due although nobody has asked for one. */
  onDue(): void;
  /** What record a key is of. */
  recordOf(redisKey: string): RecordDefinition | undefined;
  /** What Redis has of a record: a version of a document, a fingerprint of a collection's items. */
  found(redisKey: string, state: StoredState | CollectionState): void;
  /** What else is to be looked after. */
  followed(): Iterable<string>;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition | undefined): number;
}

/** What the mirror lacks of a collection. */
export interface NeededChange {
  readonly id: CollectionId;
  readonly change: CollectionChange;
}

/** A collection that was compared, and its local store's copy if that was read and is still to be compared. */
interface Compared extends NeededChange, CollectionComparison {
  readonly local: PreparedWrite | undefined;
}

export interface ReconcilerOptions {
  gateway: RedisGateway;
  collections: Collections;
  encoder: Encoder;
  replayGuard: ReplayGuard;
  ledger: Ledger;
  author: Author;
  clock: Clock;
  limits: BufferLimits;
  timings: Pick<SyncTimings, "reconcileMs" | "healthCheckMs">;
  repairs: Repairs;
}

/** What is to be looked at in one attempt. */
export interface ReconcilePlan {
  readonly connection: number;
  /** Whether this is all there is, and not only what is new. */
  readonly isWhole: boolean;
  readonly demand: number;
  /** The keys, as many at a time as one round trip carries. */
  readonly parts: Iterable<readonly string[]>;
  readonly locals: readonly PreparedWrite[];
}

/**
 * Compares what is in Redis with what should be: what this process sent, and what the local store was found to hold.
 * What was lost is sent again, and what is there lives on.
 */
export class Reconciler {
  readonly #gateway: RedisGateway;
  readonly #collections: Collections;
  readonly #encoder: Encoder;
  readonly #replayGuard: ReplayGuard;
  readonly #ledger: Ledger;
  readonly #author: Author;
  readonly #clock: Clock;
  readonly #limits: BufferLimits;
  readonly #timings: Pick<SyncTimings, "reconcileMs" | "healthCheckMs">;
  readonly #repairs: Repairs;
  readonly #schedule: ReconcileSchedule;
  readonly #readRepair: ReadRepair;
  readonly #arrived: WriteBuffer<ArrivedWrite>;
  /** What the local store was found to hold, to be compared with the mirror. */
  readonly #uncompared: WriteBuffer<PreparedWrite>;
  /** With which version that was done: once is enough while it is there, and it costs a reading of the value. */
  readonly #compared = new Map<string, Version | undefined>();
  /** Collections of which the mirror has another state than was compared. Saves do not wait for all of them. */
  readonly #stale = new Map<string, CollectionId>();
  /** While it runs nothing local is compared: its part of the cluster cannot be asked. */
  #postponedTimer: Timer | undefined;

  constructor(options: ReconcilerOptions) {
    const { gateway, collections, encoder, replayGuard, ledger, author, clock, limits, timings, repairs } = options;
    this.#gateway = gateway;
    this.#collections = collections;
    this.#encoder = encoder;
    this.#replayGuard = replayGuard;
    this.#ledger = ledger;
    this.#author = author;
    this.#clock = clock;
    this.#limits = limits;
    this.#timings = timings;
    this.#repairs = repairs;
    this.#schedule = new ReconcileSchedule(clock, timings, () => repairs.onDue());
    this.#readRepair = new ReadRepair({
      ledger,
      author,
      enqueue: (write, stamp) => repairs.enqueue(write, stamp),
      remember: (write) => this.remember(write),
      ttlSecondsOf: (record) => repairs.ttlSecondsOf(record),
    });
    this.#arrived = new WriteBuffer(limits);
    this.#uncompared = new WriteBuffer(limits);
  }

  get isDue(): boolean {
    return this.#schedule.isDue || this.#stale.size > 0 || (this.#uncompared.keys > 0 && !this.#isPostponed);
  }

  get #isPostponed(): boolean {
    return this.#postponedTimer !== undefined;
  }

  /** It is in Redis; should it be lost there, it can be sent again. */
  remember({ redisKey, value, version, ttlSeconds }: Omit<WireWrite, "seen" | "keepsPrevious">): void {
    this.#arrived.put({ redisKey, value, version, ttlSeconds, bytes: Buffer.byteLength(value ?? "") });
  }

  /** What was sent must not be sent again: something else is to be there. */
  forget(redisKey: string): void {
    this.#arrived.remove(redisKey);
  }

  /** A save of the record is newer than what its local store was found to hold. */
  overtake(redisKey: string): void {
    this.#uncompared.remove(redisKey);
  }

  /** Everything is to be compared with the next attempt. */
  demand(): void {
    this.#schedule.demand();
  }

  /** Whether what the local store was found to hold is still to be compared. */
  isUncompared(redisKey: string): boolean {
    return this.#uncompared.get(redisKey) !== undefined;
  }

  /** Whether the first read of the record in this process is still to be compared. */
  isNew(redisKey: string): boolean {
    return this.#arrived.get(redisKey) === undefined && !this.#compared.has(redisKey);
  }

  /** What the local store was found to hold; a `text` of `undefined`: nothing. */
  add(local: PreparedWrite): void {
    if (local.kind === "collection") return void this.#uncompared.put(local);
    if (this.#compared.size >= this.#limits.maxKeys) this.#compared.delete(this.#compared.keys().next().value!);
    this.#compared.set(local.redisKey, undefined);
    // What gives way is compared when it is read again.
    for (const evicted of this.#uncompared.put(local)) this.#compared.delete(evicted.redisKey);
  }

  /** What is due on this connection; what is being sent anyway is left out. `undefined`: nothing. */
  plan(connection: number, sending: readonly { readonly redisKey: string }[]): ReconcilePlan | undefined {
    const isWhole = this.#schedule.isDueOn(connection);
    const demand = this.#schedule.demands;
    const locals = this.#isPostponed ? [] : this.#uncompared.all().slice(0, COMPARISONS_AT_ONCE);
    const localKeys = locals.flatMap(({ kind, redisKey }) => (kind === "document" ? [redisKey] : []));
    const parts = partsOf(isWhole ? this.#knownKeys(sending) : localKeys);
    const first = parts.next();
    if (first.done !== true) return { connection, isWhole, demand, parts: prepend(first.value, parts), locals };
    if (locals.length > 0 || this.#stale.size > 0) return { connection, isWhole, demand, parts: [], locals };
    if (isWhole) this.#schedule.done(connection, demand);
    return undefined;
  }

  /**
   * Carries out a plan. The answer is the first refusal to take what was sent again.
   * @param isOver Whether the attempt was given up: what comes of it must change nothing.
   * @throws ConnectionLostError
   */
  async run(plan: ReconcilePlan, isOver: () => boolean): Promise<MirrorError | undefined> {
    for (const part of plan.parts) {
      const refusal = await this.#renew(part, isOver);
      if (refusal !== undefined || isOver()) return refusal;
    }
    const documents = plan.locals.filter((local) => local.kind === "document");
    await Promise.all(documents.map((local) => this.#compare(local, isOver)));
    if (isOver()) return undefined;
    if (plan.isWhole) this.#schedule.done(plan.connection, plan.demand);
    const ids = new Map<string, CollectionId>();
    for (const local of plan.locals) if (local.kind === "collection") ids.set(local.redisKey, local);
    for (const [redisKey, id] of this.#stale) if (ids.size < STALE_AT_ONCE) ids.set(redisKey, id);
    return this.#compareCollections([...ids.values()], isOver);
  }

  close(): void {
    this.#schedule.close();
    this.#clock.clearTimeout(this.#postponedTimer);
  }

  #postpone(): void {
    this.#clock.clearTimeout(this.#postponedTimer);
    this.#postponedTimer = this.#clock.setTimeout(() => {
      this.#postponedTimer = undefined;
      this.#repairs.onDue();
    }, this.#timings.healthCheckMs);
    this.#postponedTimer.unref?.();
  }

  /**
   * Those this process has dealt with, and what is remembered of the same users from before; but for what is being sent.
   * Looked up as they are asked for: to go through ten thousand in one go would keep the host from its own work.
   */
  *#knownKeys(sending: readonly { readonly redisKey: string }[]): Generator<string> {
    const sent = new Set(sending.map(({ redisKey }) => redisKey));
    const folders = new Set([...sent].map(folderOf));
    for (const redisKey of this.#ownKeys()) {
      folders.add(folderOf(redisKey));
      if (!sent.has(redisKey)) yield redisKey;
    }
    const isOwn = (redisKey: string) =>
      this.#arrived.get(redisKey) !== undefined || this.#compared.has(redisKey) || this.#collections.isHeld(redisKey);
    for (const redisKey of this.#ledger.keys())
      if (!isOwn(redisKey) && !sent.has(redisKey) && folders.has(folderOf(redisKey))) yield redisKey;
    for (const redisKey of this.#repairs.followed()) {
      const isKnown = isOwn(redisKey) || (this.#ledger.get(redisKey) !== undefined && folders.has(folderOf(redisKey)));
      if (!isKnown && !sent.has(redisKey)) yield redisKey;
    }
  }

  *#ownKeys(): Generator<string> {
    for (const { redisKey } of this.#arrived) yield redisKey;
    for (const redisKey of this.#compared.keys()) if (this.#arrived.get(redisKey) === undefined) yield redisKey;
    yield* this.#collections.keys();
  }

  /** Lets records live on, and looks after what is lost of them. */
  async #renew(redisKeys: readonly string[], isOver: () => boolean): Promise<MirrorError | undefined> {
    const records = redisKeys.map((redisKey) => ({ redisKey, record: this.#repairs.recordOf(redisKey) }));
    const toRenewal = ({ redisKey, record }: (typeof records)[number]) => ({
      redisKey,
      ttlSeconds: this.#repairs.ttlSecondsOf(record),
    });
    const collections = records.filter(({ record }) => record !== undefined && isMerged(record)).map(toRenewal);
    const documents = records.filter(({ record }) => record === undefined || !isMerged(record)).map(toRenewal);
    const [states, collectionStates] = await Promise.all([
      documents.length > 0 ? this.#gateway.renew(documents) : [],
      collections.length > 0 ? this.#gateway.renewCollections(collections) : [],
    ]);
    if (isOver()) return undefined;
    for (const [index, state] of states.entries())
      if (state !== undefined) this.#repairs.found(documents[index]!.redisKey, state);
    for (const [index, state] of collectionStates.entries()) {
      if (state !== undefined) this.#repairs.found(collections[index]!.redisKey, state);
      const id = this.#collections.idOf(collections[index]!.redisKey);
      if (id !== undefined && state !== undefined && this.#isStale(id.redisKey, state))
        this.#stale.set(id.redisKey, id);
    }
    const documentKeys = documents.map(({ redisKey }) => redisKey);
    const sendable = await this.#underFirstKey(documentKeys.flatMap((redisKey) => this.#arrived.get(redisKey) ?? []));
    if (isOver()) return undefined;
    const lost = this.#lostOf(documentKeys, states).filter((arrived) => sendable.has(arrived));
    return this.#heal(lost, isOver);
  }

  /** Whether the mirror has another state of a collection than was compared, or has lost its array. */
  #isStale(redisKey: string, { fingerprint, hasValue }: CollectionState & { readonly hasValue: boolean }): boolean {
    return this.#collections.isChanged(redisKey, fingerprint) || isArrayLost(fingerprint, hasValue);
  }

  // ── What this process sent ───────────────────────────────────────────────────────────────────────────────────────

  #lostOf(redisKeys: readonly string[], states: readonly (StoredState | undefined)[]): ArrivedWrite[] {
    return redisKeys.flatMap((redisKey, index) => {
      const state = states[index];
      // Its part of the cluster cannot be asked now.
      if (state === undefined) return [];
      this.#author.observe(state.version);
      // Something else is there now: the next read compares anew.
      if (this.#uncompared.get(redisKey) === undefined && this.#compared.get(redisKey) !== state.version)
        this.#compared.delete(redisKey);
      const arrived = this.#arrived.get(redisKey);
      return arrived !== undefined && this.#isLost(arrived, state) ? [arrived] : [];
    });
  }

  /** Whether the server has it no more, or only an older state. */
  #isLost(arrived: ArrivedWrite, { version, hasValue }: StoredState): boolean {
    if (this.#repairs.isUnsent(arrived.redisKey)) return false;
    const isBehind = (version ?? "") < arrived.version;
    const isEvicted = version === arrived.version && arrived.value !== undefined && !hasValue;
    return isBehind || isEvicted;
  }

  /**
   * What is under a key that encrypts no more is encrypted anew, also where it is not lost: once its key is gone from the
   * ring nobody can. The answer is what may be sent.
   */
  async #underFirstKey(arrived: readonly ArrivedWrite[]): Promise<ReadonlySet<ArrivedWrite | undefined>> {
    return new Set(await Promise.all(arrived.map((each) => this.#sealAnew(each))));
  }

  async #sealAnew(arrived: ArrivedWrite): Promise<ArrivedWrite | undefined> {
    const { redisKey, value, version } = arrived;
    const record = this.#repairs.recordOf(redisKey);
    if (record?.encrypted !== true || value === undefined) return arrived;
    try {
      const sealed = await this.#encoder.underFirstKey(record, redisKey, value, version);
      // Something later may have arrived in the meantime.
      if (sealed === value || this.#arrived.get(redisKey) !== arrived) return arrived;
      this.remember({ ...arrived, value: sealed });
      return this.#arrived.get(redisKey);
    } catch (error) {
      // Under a retired key nobody could read it there, or overwrite it. The next read compares the local store instead.
      const isGone = error instanceof UnreadableValueError && this.#arrived.get(redisKey) === arrived;
      if (isGone) this.forget(redisKey);
      if (isGone) this.#compared.delete(redisKey);
      return undefined;
    }
  }

  async #heal(lost: readonly ArrivedWrite[], isOver: () => boolean): Promise<MirrorError | undefined> {
    for (const batch of batchesOf(lost)) {
      const isSecret = ({ redisKey }: ArrivedWrite) => this.#repairs.recordOf(redisKey)?.encrypted === true;
      const keyIds = batch.some(isSecret) ? await this.#encoder.keyIds() : [];
      if (isOver()) return undefined;
      // Under the version that it had: what another instance has saved since stays.
      const outcomes = await this.#gateway.write(
        batch.map((arrived) => {
          const { redisKey, value, version, ttlSeconds } = arrived;
          return {
            redisKey,
            value,
            version,
            ttlSeconds,
            seen: version,
            keepsPrevious: false,
            ...(isSecret(arrived) && { isSecret: true, keyIds }),
          };
        }),
      );
      if (isOver()) return undefined;
      // An older state that nobody here can read stays: the next save of the record tells of it.
      const asked = outcomes.filter(
        (outcome) => !(outcome.kind === "failed" && outcome.error instanceof UnknownKeyError),
      );
      const refusals = asked.flatMap((outcome) => (outcome.kind === "failed" ? [outcome.error] : []));
      // One that is refused alone is looked at again the next time.
      if (refusals.length === asked.length && refusals.length > 0) return refusals[0];
    }
    return undefined;
  }

  // ── What the local store holds ───────────────────────────────────────────────────────────────────────────────────

  async #compare(local: PreparedDocument, isOver: () => boolean): Promise<void> {
    const { redisKey } = local;
    let stored: StoredValue;
    let text: string | undefined;
    try {
      const there = await this.#gateway.read(redisKey, COMPARED_BYTES);
      stored = { ...there, version: versionOf(local.record, there) };
      text = await this.#readText(local, stored);
    } catch (error) {
      return this.#failedToCompare(local, error, isOver);
    }
    // Saved in the meantime: that is on its way, and newer than what was read.
    if (isOver() || this.#uncompared.get(redisKey) !== local) return;
    this.#uncompared.remove(redisKey);
    this.#compared.set(redisKey, stored.version);
    this.#readRepair.repair(local, stored, text);
  }

  /** Of all that has another state in the mirror than was known, and what was read for the first time. */
  async #compareCollections(ids: readonly CollectionId[], isOver: () => boolean): Promise<MirrorError | undefined> {
    for (let from = 0; from < ids.length; from += COMPARISONS_AT_ONCE) {
      const comparing = ids.slice(from, from + COMPARISONS_AT_ONCE).map((id) => this.#compareCollection(id, isOver));
      const comparisons = (await Promise.all(comparing)).filter((comparison) => comparison !== undefined);
      if (isOver()) return undefined;
      // Only now: where one of them has lost the connection, what the others have shown has not been sent.
      for (const comparison of comparisons) this.#settle(comparison);
      const lacking = comparisons.filter(isLacking).map((needed) => ({ ...needed, ...toBuffered(needed) }));
      for (const needed of batchesOf(lacking)) {
        const refusal = await this.#repairs.sendChanges(needed);
        if (refusal !== undefined || isOver()) return refusal;
      }
    }
    return undefined;
  }

  /** `undefined`: it could not be compared. */
  async #compareCollection(id: CollectionId, isOver: () => boolean): Promise<Compared | undefined> {
    const local = this.#uncompared.get(id.redisKey);
    try {
      return { id, local, ...(await this.#collections.compare(id)) };
    } catch (error) {
      // What comes up only now is looked at with the next comparison of everything.
      if (local !== undefined) this.#failedToCompare(local, error, isOver);
      else if (!this.#gateway.isConnected) throw error;
      if (!isOver()) this.#stale.delete(id.redisKey);
      return undefined;
    }
  }

  #settle({ id: { redisKey }, local, stored }: Compared): void {
    if (local !== undefined && this.#uncompared.get(redisKey) === local) this.#uncompared.remove(redisKey);
    this.#stale.delete(redisKey);
    this.#collections.compared(redisKey, stored);
  }

  #failedToCompare(local: PreparedWrite, error: unknown, isOver: () => boolean): void {
    const isOfThisRecord = error instanceof RefusedError || error instanceof UnreadableValueError;
    if (!isOfThisRecord && !this.#gateway.isConnected) throw error;
    if (isOver() || this.#uncompared.get(local.redisKey) !== local) return;
    // Its part of the cluster is gone or being moved.
    if (!isOfThisRecord) return this.#postpone();
    this.#uncompared.remove(local.redisKey);
    this.#repairs.unreadable(local, describeError(error));
  }

  /** The stored value as JSON; `undefined` where there is none. What cannot be read is told, and left alone. */
  async #readText(local: PreparedDocument, stored: StoredValue): Promise<string | undefined> {
    const { value, version } = stored;
    if (value === undefined) return undefined;
    const { record, redisKey } = local;
    try {
      this.#replayGuard.expectNotOpen(record, redisKey, value);
      const text = await this.#encoder.decrypt(record, redisKey, value, version, COMPARED_BYTES);
      this.#replayGuard.noteOpened(record, redisKey, value);
      if (!this.#replayGuard.isReplayed(record, redisKey, stored)) return text;
      this.#repairs.unreadable(local, OLDER_THAN_SEEN);
      return OUTDATED;
    } catch (error) {
      this.#repairs.unreadable(local, describeError(error));
      return UNREADABLE;
    }
  }
}

/** Whether items live, and the array that shows them is gone. */
function isArrayLost(fingerprint: string | undefined, hasValue: boolean): boolean {
  return !hasValue && fingerprint !== undefined && fingerprint !== EMPTY_FINGERPRINT;
}

/** Whether the mirror lacks anything of it. */
function isLacking({ change, stored }: Compared): boolean {
  return change.items.size > 0 || change.cleared !== undefined || isArrayLost(stored.fingerprint, stored.hasValue);
}

function toBuffered({ id, change }: NeededChange): BufferedWrite {
  return { redisKey: id.redisKey, bytes: bytesOf(change) };
}

function* prepend<Item>(first: Item, rest: Iterable<Item>): Generator<Item> {
  yield first;
  yield* rest;
}
