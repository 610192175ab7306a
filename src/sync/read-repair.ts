import type { Author } from "./author.js";
import { digestOf } from "./digest.js";
import type { Ledger } from "./ledger.js";
import type { RecordDefinition } from "./records.js";
import type { StoredValue, WireWrite } from "./redis-gateway.js";
import { nextStamp, parseVersion, type Stamp } from "./version.js";
import type { PreparedDocument } from "./writes.js";

/** No JSON, so never the text of a value. */
export const UNREADABLE = "unreadable";

/** The same of a secret that is older than what was seen here of its record: whatever the local store holds is newer. */
export const OUTDATED = "outdated";

export interface ReadRepairOptions {
  ledger: Ledger;
  author: Author;
  /** Takes a write that has to be sent, as if it had been made at `stamp`. */
  enqueue(write: PreparedDocument, stamp: Stamp): void;
  /** It is in Redis; should it be lost there, it can be sent again. */
  remember(write: Omit<WireWrite, "seen" | "keepsPrevious">): void;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition): number;
}

/** Which of the two is newer, what the local store holds of a document or what the mirror does? */
export class ReadRepair {
  readonly #options: ReadRepairOptions;

  constructor(options: ReadRepairOptions) {
    this.#options = options;
  }

  /** @param text What is stored, as JSON; `undefined`: nothing; or `UNREADABLE`, which is left alone, or `OUTDATED`. */
  repair(local: PreparedDocument, stored: StoredValue, text: string | undefined): void {
    const { ledger, author, remember, ttlSecondsOf } = this.#options;
    const { redisKey, record } = local;
    const { version, value } = stored;
    const entry = ledger.get(redisKey);
    author.observe(version);
    if (local.text === undefined) return this.#repeatClear(local, stored);
    if (text === UNREADABLE) return;
    if (text === local.text && version !== undefined) {
      ledger.own(record.name, redisKey);
      ledger.saw(redisKey, version, local.text, record.encrypted);
      remember({ redisKey, value, version, ttlSeconds: ttlSecondsOf(record) });
      return;
    }
    const isKnown = entry !== undefined && (version ?? "") <= entry.version;
    const isUnchanged = entry?.digest === digestOf(local.text);
    const isChanged = entry?.digest !== undefined && !isUnchanged;
    const seen = parseVersion(entry?.version);
    const firstSave = parseVersion(entry?.firstSave);
    const enqueue = (stamp: Stamp) => this.#options.enqueue(local, stamp);
    // Nothing there, and nobody has deleted it: as old as it was, so that whoever has a later one wins.
    if (version === undefined && value === undefined)
      return enqueue(isUnchanged && seen !== undefined ? seen : author.tick());
    // What is there came from here, or was seen here: the local store has gone on since.
    if (isKnown || author.isOfThisStore(version)) return enqueue(author.tick());
    // None of this store's saves has arrived. The later of the two wins, and the other is kept.
    if (firstSave !== undefined) return enqueue(firstSave);
    // Another instance has saved since. A change of which only this store knows is older: Redis keeps it beside.
    if (seen !== undefined && isChanged) enqueue(nextStamp(seen));
  }

  /** A clear that did not arrive before the process ended, unless somebody has saved the record after it. */
  #repeatClear(local: PreparedDocument, { version }: StoredValue): void {
    const { ledger, author, enqueue } = this.#options;
    const cleared = ledger.get(local.redisKey)?.cleared;
    if (cleared === undefined || version === cleared.version) return;
    const isOwn = author.isFromOwnFuture(version);
    // Also where nothing is there: an older save may still be on its way.
    if ((version ?? "") > cleared.version && !isOwn) return;
    const stamp = isOwn ? author.tick() : parseVersion(cleared.version)!;
    const text = cleared.text ?? undefined;
    enqueue({ ...local, text, bytes: Buffer.byteLength(text ?? "") }, stamp);
  }
}
