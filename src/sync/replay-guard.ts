import type { Author } from "./author.js";
import { headerOf, isSealed } from "./encryption.js";
import type { StoredBody } from "./compression.js";
import { UnreadableValueError } from "./errors.js";
import type { Ledger } from "./ledger.js";
import type { RecordDefinition } from "./records.js";
import type { StoredValue } from "./redis-gateway.js";
import type { Version } from "./version.js";

/** Why it counts as absent, in words. */
export const OLDER_THAN_SEEN =
  "It is older than what was seen of it here: the server has lost a later one, or somebody has put it back.";

const OPEN_WHERE_SEALED =
  "It is in plain text, and was encrypted before: an instance without ROO_MIRROR_ENCRYPT=all has saved it, or somebody has put it there.";

type StoredPart = Pick<StoredValue, "value" | "version">;

/** Under which version a value lies: where the note on it is lost, a secret says itself of which save it is. */
export function versionOf(record: RecordDefinition, stored: StoredPart): Version | undefined {
  return stored.version ?? sealedIn(record, stored);
}

function sealedIn({ encrypted }: RecordDefinition, { value }: StoredPart): Version | undefined {
  return encrypted && typeof value === "string" ? headerOf(value)?.ver : undefined;
}

/**
 * Whoever can write to Redis can put back an old ciphertext together with its version, and plain text where that is read
 * from a time without encryption. Who has seen a later one, or an encrypted one, knows.
 */
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

  /** Under which version a value lies. @throws UnreadableValueError if it is replayed, or lies open and was encrypted. */
  expectFresh(record: RecordDefinition, redisKey: string, stored: StoredPart): Version | undefined {
    this.expectNotOpen(record, redisKey, stored.value);
    if (this.isReplayed(record, redisKey, stored)) throw new UnreadableValueError(OLDER_THAN_SEEN);
    return versionOf(record, stored);
  }

  /** @throws UnreadableValueError if it lies open, and an encrypted value of the record was seen or saved here. */
  expectNotOpen(record: RecordDefinition, redisKey: string, value: StoredBody | undefined): void {
    const isOpen = record.isReadInPlain === true && value !== undefined && !isSealed(value);
    if (isOpen && this.#ledger.isSealed(redisKey)) throw new UnreadableValueError(OPEN_WHERE_SEALED);
  }

  /** A value of the record was opened here. */
  noteOpened(record: RecordDefinition, redisKey: string, value: StoredBody): void {
    if (isSealed(value)) this.noteSaved(record, redisKey);
  }

  /** A save of the record has arrived: nothing of it lies open any more. Written down at once, since it happens once. */
  noteSaved(record: RecordDefinition, redisKey: string): void {
    if (record.isReadInPlain === true && this.#ledger.seal(redisKey)) this.#ledger.saveNow(() => this.#author.latest);
  }

  /** Whether nothing can lie open under the record's names but what is not to be believed. */
  isSealed(redisKey: string): boolean {
    return this.#ledger.isSealed(redisKey);
  }
}
