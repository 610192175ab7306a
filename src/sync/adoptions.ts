import type { Author } from "./author.js";
import type { Codec } from "./codec.js";
import type { CollectionId, Collections } from "./collections.js";
import type { KeySpace, RecordId } from "./keys.js";
import type { Ledger } from "./ledger.js";
import type { FoundValue, RecordReader } from "./record-reader.js";
import type { Reconciler } from "./reconciler.js";
import { type Catalogue, isMerged, type RecordDefinition } from "./records.js";
import type { RedisGateway } from "./redis-gateway.js";
import { isRemote, type RemoteChanges } from "./remote-changes.js";
import { takeSnapshot } from "./snapshot.js";
import type { ReplayGuard } from "./replay-guard.js";
import type { UnsentWrites } from "./unsent-writes.js";
import type { PreparedDocument } from "./writes.js";

/** What a local value becomes with what another instance changed, to be saved as it is given; `undefined`: it stays. */
export type TakeRemote = (local: unknown) => { readonly value: unknown } | undefined;

/** Reads the local value, asks `take` what it becomes, and saves that: with nothing in between, or under the host's lock. */
export type AdoptRemote = (take: TakeRemote) => unknown;

export interface AdoptionsOptions {
  gateway: RedisGateway;
  catalogue: Catalogue;
  keySpace: KeySpace;
  codec: Codec;
  replayGuard: ReplayGuard;
  ledger: Ledger;
  author: Author;
  collections: Collections;
  reconciler: Reconciler;
  remoteChanges: RemoteChanges | undefined;
  unsent: UnsentWrites;
  reader: RecordReader;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition | undefined): number;
  isClosing(): boolean;
  /** The host has saved something else than what it was to take over. */
  onChanged(write: PreparedDocument): void;
}

/** A document that the host is about to save, because it takes it over. */
interface AdoptedDocument {
  /** As JSON; `undefined`: it was deleted. */
  readonly text: string | undefined;
  /** Whether it may come piece by piece, and its end is bound to come: its saves are held until then. */
  readonly isHolding: boolean;
  /** What the host has saved of it last. */
  saved: PreparedDocument | undefined;
}

/**
 * The way from the mirror into the local store: of a whole record into an empty one, and of what another instance
 * changed. The host saves what it takes over, and that is no news to the mirror.
 */
export class Adoptions {
  readonly #options: AdoptionsOptions;
  readonly #documents = new Map<string, AdoptedDocument>();

  constructor(options: AdoptionsOptions) {
    this.#options = options;
  }

  /**
   * Takes a save that comes while its record is being taken over: the host may take it over piece by piece, and only at
   * the end is it clear whether that is what the mirror has, or news.
   */
  takes(write: PreparedDocument): boolean {
    const adopted = this.#documents.get(write.redisKey);
    if (adopted === undefined) return false;
    if (adopted.isHolding) {
      adopted.saved = write;
      return true;
    }
    this.#documents.delete(write.redisKey);
    return adopted.text === write.text && this.#options.unsent.of(write.redisKey) === undefined;
  }

  /** Holds no save back any longer: somebody waits for all of them to be sent. */
  letGo(): void {
    for (const [redisKey, adopted] of this.#documents) if (adopted.saved !== undefined) this.#isOver(redisKey, adopted);
  }

  /** Whether a document is being taken over: what its host shows of it meanwhile is a part of it. */
  isUnderWay(redisKey: string): boolean {
    return this.#documents.has(redisKey);
  }

  #isOver(redisKey: string, adopted: AdoptedDocument): void {
    if (this.#documents.get(redisKey) === adopted) this.#documents.delete(redisKey);
    const { saved, text } = adopted;
    adopted.saved = undefined;
    if (saved === undefined) return;
    // What was restored is in the mirror already, and older than what anybody saves now.
    if (saved.text !== text || this.#options.unsent.of(redisKey) !== undefined) this.#options.onChanged(saved);
  }

  /** This instance knows the value from now on, and may overwrite it. */
  saw(id: RecordId, { value, version, leftOut = 0 }: FoundValue): void {
    const { catalogue, keySpace, ledger, author } = this.#options;
    const record = catalogue.find(id.record);
    if (version === undefined || record === undefined) return;
    ledger.saw(keySpace.keyOf(id), version, JSON.stringify(value), record.encrypted, leftOut > 0);
    ledger.saveSoon(() => author.latest);
  }

  /** Whether this store has emptied the record after `found` was saved, or may have: then it is to stay empty. */
  isCleared(id: RecordId, { version, stored }: FoundValue): boolean {
    const { keySpace, ledger, author } = this.#options;
    const cleared = ledger.get(keySpace.keyOf(id))?.cleared;
    if (cleared === undefined || stored === undefined) return false;
    return (version ?? "") <= cleared.version || author.isFromOwnFuture(version);
  }

  /** Should a server lose what was found there, it gets it back. */
  #remember(id: RecordId, redisKey: string, { stored, version }: FoundValue): void {
    const { catalogue, ledger, reconciler, ttlSecondsOf } = this.#options;
    if (stored === undefined || version === undefined) return;
    // Something later may have arrived in the meantime.
    if (ledger.get(redisKey)?.version !== version) return;
    reconciler.remember({ redisKey, value: stored, version, ttlSeconds: ttlSecondsOf(catalogue.find(id.record)) });
  }

  // ── What was found, into a store that has nothing ────────────────────────────────────────────────────────────────

  /** The local store takes over what was found; `adopt` saves it there. What that throws makes it unseen again. */
  async adopt(id: RecordId, found: FoundValue, adopt: () => Promise<unknown>, target?: unknown): Promise<void> {
    const { catalogue, keySpace, ledger, author, collections } = this.#options;
    const redisKey = keySpace.keyOf(id);
    const before = ledger.get(redisKey);
    const record = catalogue.find(id.record);
    const { collection } = found;
    const takeBack =
      collection === undefined || record === undefined
        ? undefined
        : collections.adopt(
            { redisKey, userId: id.userId, record },
            found.value,
            collection,
            collections.sourceOf(target),
          );
    const adopting: AdoptedDocument = { text: JSON.stringify(found.value), isHolding: true, saved: undefined };
    // Before, because adopting saves it, and that is neither news nor overwrites what nobody here has seen.
    this.saw(id, found);
    if (takeBack === undefined) {
      const earlier = this.#documents.get(redisKey);
      if (earlier !== undefined) this.#isOver(redisKey, earlier);
      this.#documents.set(redisKey, adopting);
    }
    try {
      await adopt();
      ledger.own(id.record, redisKey);
      // At once: a crash right after the next save must not leave a store that does not know what that save was based on.
      ledger.saveNow(() => author.latest);
    } catch (error) {
      ledger.restore(redisKey, before);
      takeBack?.();
      throw error;
    } finally {
      collections.adoptionOver(redisKey);
      this.#isOver(redisKey, adopting);
    }
    if (collection === undefined) this.#remember(id, redisKey, found);
  }

  // ── What others changed, into one that goes on ───────────────────────────────────────────────────────────────────

  /**
   * Reads what another instance changed, then calls `adopt`, which asks `take` what its local value becomes and saves that.
   * The answer is whether there was anything to take over. Rejects with what `adopt` throws.
   */
  async adoptRemote(id: RecordId, record: RecordDefinition, adopt: AdoptRemote): Promise<boolean> {
    const { keySpace, ledger, author, collections, isClosing } = this.#options;
    const redisKey = keySpace.keyOf(id);
    if (isClosing()) return false;
    const take = await this.#readRemote(id, record, redisKey);
    if (take === undefined) return false;
    let hasTaken = false;
    const before = ledger.get(redisKey);
    try {
      await adopt((local) => {
        const taken = hasTaken || !this.#canTake(id, redisKey) ? undefined : take(local);
        hasTaken ||= taken !== undefined;
        return taken;
      });
    } catch (error) {
      if (hasTaken && !isMerged(record)) ledger.restore(redisKey, before);
      throw error;
    } finally {
      collections.takenOver(redisKey);
      const adopted = this.#documents.get(redisKey);
      if (hasTaken && adopted !== undefined) this.#isOver(redisKey, adopted);
    }
    if (!hasTaken) return false;
    ledger.own(id.record, redisKey);
    // At once: a crash must not leave a store that does not know what it has taken over.
    ledger.saveNow(() => author.latest);
    return true;
  }

  /** What this process has itself to say decides first, and another user's local store takes nothing over. */
  #canTake({ record }: RecordId, redisKey: string): boolean {
    const { ledger, unsent, reconciler, remoteChanges, isClosing } = this.#options;
    if (isClosing() || (ledger.ownerOf(record) ?? redisKey) !== redisKey) return false;
    const isUnderWay = unsent.of(redisKey) !== undefined || reconciler.isUncompared(redisKey);
    if (isUnderWay) remoteChanges?.postpone(redisKey);
    return !isUnderWay;
  }

  /** `undefined`: there is nothing to take over, or it cannot be read. */
  async #readRemote(id: RecordId, record: RecordDefinition, redisKey: string): Promise<TakeRemote | undefined> {
    const { reader } = this.#options;
    try {
      const reading = isMerged(record)
        ? this.#readRemoteItems({ redisKey, userId: id.userId, record })
        : this.#readRemoteDocument(id, record, redisKey);
      return await reader.withinDeadline(reading);
    } catch (error) {
      reader.failed(id, error);
      return undefined;
    }
  }

  async #readRemoteItems(id: CollectionId): Promise<TakeRemote | undefined> {
    const { codec, collections, reader } = this.#options;
    if (!(await reader.connect())) return undefined;
    const remote = await collections.readRemote(id);
    const value = await codec.decode(id.record, id.redisKey, remote.stored.value ?? "[]", remote.stored.version);
    return (local) => {
      if (local !== undefined && !Array.isArray(local)) return undefined;
      const list = collections.take(id, remote, value, (local as unknown[] | undefined) ?? []);
      return list === undefined ? undefined : { value: list };
    };
  }

  async #readRemoteDocument(id: RecordId, record: RecordDefinition, redisKey: string): Promise<TakeRemote | undefined> {
    const { gateway, codec, replayGuard, author, ledger, reader } = this.#options;
    if (!(await reader.connect())) return undefined;
    const there = await gateway.read(redisKey);
    author.observe(there.version);
    const stored = there.value;
    if (stored === undefined && !there.isDeleted) return undefined;
    const version = replayGuard.expectFresh(record, redisKey, there);
    const { value, leftOut } =
      stored === undefined ? { value: undefined, leftOut: 0 } : await codec.accept(record, redisKey, stored, version);
    if (stored !== undefined) replayGuard.noteOpened(record, redisKey, stored);
    return (local) => {
      const found = { value, version, stored, leftOut };
      if (!isRemote(author, version, ledger.get(redisKey)?.version)) return undefined;
      if (this.isCleared(id, found) || !this.#isUnchanged(record, redisKey, local)) return undefined;
      this.saw(id, found);
      this.#remember(id, redisKey, found);
      this.#documents.set(redisKey, { text: JSON.stringify(value), isHolding: false, saved: undefined });
      return { value };
    };
  }

  /** Whether a local value is what this instance knew of it; where there is none, there is nothing to lose. */
  #isUnchanged(record: RecordDefinition, redisKey: string, local: unknown): boolean {
    if (local === undefined) return true;
    // Only its newest would be taken over.
    if (record.kind === "collection" && Array.isArray(local) && local.length > record.limit) return false;
    const snapshot = takeSnapshot(record, local);
    return "text" in snapshot && this.#options.ledger.isUnchanged(redisKey, snapshot.text);
  }
}
