import type { Adoptions } from "./adoptions.js";
import type { Collections } from "./collections.js";
import type { Drain } from "./drain.js";
import type { FoundEmpty } from "./found-empty.js";
import type { Intake } from "./intake.js";
import type { KeySpace, RecordId } from "./keys.js";
import type { Ledger } from "./ledger.js";
import type { Reconciler } from "./reconciler.js";
import { type Catalogue, isMerged } from "./records.js";
import type { RemoteChanges } from "./remote-changes.js";
import type { UnsentWrites } from "./unsent-writes.js";

export interface LocalReadsOptions {
  catalogue: Catalogue;
  keySpace: KeySpace;
  intake: Intake;
  adoptions: Adoptions;
  foundEmpty: FoundEmpty;
  collections: Collections;
  unsent: UnsentWrites;
  reconciler: Reconciler;
  ledger: Ledger;
  remoteChanges: RemoteChanges | undefined;
  drain: Drain;
  isClosing(): boolean;
}

/** What the local store shows when it is read: the log against which the mirror is healed. */
export class LocalReads {
  readonly #options: LocalReadsOptions;

  constructor(options: LocalReadsOptions) {
    this.#options = options;
  }

  /** What `RedisSyncService.compare` says. */
  compare(id: RecordId, local: unknown, target: unknown): void {
    const { catalogue, keySpace, adoptions, foundEmpty, isClosing } = this.#options;
    const redisKey = keySpace.keyOf(id);
    const record = catalogue.find(id.record);
    if (adoptions.isUnderWay(redisKey)) return;
    if (local === undefined) foundEmpty.note(redisKey);
    else foundEmpty.noteFull(redisKey);
    if (record === undefined || isClosing()) return;
    if (isMerged(record) && this.#isReadBesideOthers(id, local, target)) return;
    const { collections, drain, intake, ledger, reconciler, remoteChanges, unsent } = this.#options;
    if (unsent.of(redisKey) !== undefined) return;
    if (isMerged(record)) {
      const held = collections.snapshotOf(redisKey);
      if (held !== undefined && (local !== undefined || held.isEmpty)) return;
    } else if (!reconciler.isNew(redisKey)) return;
    // What another user has saved here is not this one's.
    if ((ledger.ownerOf(id.record) ?? redisKey) !== redisKey) return;
    remoteChanges?.follow(redisKey, id);
    const isKnown = ledger.get(redisKey)?.cleared !== undefined || collections.isKnown(redisKey);
    if (local === undefined && !isKnown) return;
    const write = intake.prepare(id, local === undefined && isMerged(record) ? [] : local, target);
    if (write === undefined) return;
    if (write.kind === "collection") collections.read(write, write.snapshot);
    reconciler.add(write);
    drain.schedule();
  }

  /** The first list of each object that is read is taken down. Where others have saved, there is nothing more to it. */
  #isReadBesideOthers(id: RecordId, local: unknown, target: unknown): boolean {
    const { collections, intake, keySpace, ledger } = this.#options;
    const redisKey = keySpace.keyOf(id);
    if ((ledger.ownerOf(id.record) ?? redisKey) !== redisKey) return false;
    const source = collections.sourceOf(target);
    const isBeside = collections.isBesideOthers(redisKey, source);
    if (!collections.isNewSource(redisKey, source) && (!isBeside || local !== undefined)) return isBeside;
    const read = intake.prepare(id, local ?? [], target);
    if (read?.kind !== "collection") return true;
    collections.readSource(read, read.snapshot!, source);
    return isBeside;
  }
}
