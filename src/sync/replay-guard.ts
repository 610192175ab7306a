import type { Author } from "./author.js";
import { headerOf } from "./encryption.js";
import { UnreadableValueError } from "./errors.js";
import type { Ledger } from "./ledger.js";
import type { RecordDefinition } from "./records.js";
import type { StoredValue } from "./redis-gateway.js";
import type { Version } from "./version.js";

/** Why it counts as absent, in words. */
export const OLDER_THAN_SEEN =
  "It is older than what was seen of it here: the server has lost a later one, or somebody has put it back.";

type StoredPart = Pick<StoredValue, "value" | "version">;

/** Under which version a value lies: where the note on it is lost, a secret says itself of which save it is. */
export function versionOf(record: RecordDefinition, stored: StoredPart): Version | undefined {
  return stored.version ?? sealedIn(record, stored);
}

function sealedIn({ encrypted }: RecordDefinition, { value }: StoredPart): Version | undefined {
  return encrypted && typeof value === "string" ? headerOf(value)?.ver : undefined;
}

/** Whoever can write to Redis can put back an old ciphertext together with its version. Who has seen a later one knows. */
export class ReplayGuard {
  readonly #ledger: Ledger;
  readonly #author: Author;

  constructor(ledger: Ledger, author: Author) {
    this.#ledger = ledger;
    this.#author = author;
  }

  /** Whether it is a secret, and says that it is older than what this instance has seen of the record. */
  isReplayed(record: RecordDefinition, redisKey: string, stored: StoredPart): boolean {
    const sealed = sealedIn(record, stored);
    const seen = this.#ledger.get(redisKey)?.version;
    // What was seen of a clock that ran ahead is overwritten by what looks older.
    return sealed !== undefined && seen !== undefined && sealed < seen && this.#author.believes(seen);
  }

  /** Under which version a value lies. @throws UnreadableValueError if it is replayed. */
  expectFresh(record: RecordDefinition, redisKey: string, stored: StoredPart): Version | undefined {
    if (this.isReplayed(record, redisKey, stored)) throw new UnreadableValueError(OLDER_THAN_SEEN);
    return versionOf(record, stored);
  }
}
