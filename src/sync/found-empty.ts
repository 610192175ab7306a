/** How an empty value looks as JSON. `undefined`: the record was deleted. */
const EMPTY_TEXTS = new Set<string | undefined>([undefined, "null", '""', "[]", "{}"]);

/** More than a process has records; beyond it the one that was found empty first is no longer known to be. */
const MAX_RECORDS = 1_000;

export function isEmptyText(text: string | undefined): boolean {
  return EMPTY_TEXTS.has(text);
}

/**
 * Whose local store a loader found empty, and nobody has filled since. A host that shows what it has not, and saves
 * that, says nothing by it: on a fresh machine the mirror may have more.
 */
export class FoundEmpty {
  readonly #redisKeys = new Set<string>();

  note(redisKey: string): void {
    this.#redisKeys.add(redisKey);
    if (this.#redisKeys.size > MAX_RECORDS) this.#redisKeys.delete(this.#redisKeys.keys().next().value!);
  }

  /** Whether a save changes nothing, since it leaves empty what was empty. Deleting is always meant. */
  isStillEmpty(redisKey: string, text: string | undefined): boolean {
    if (!isEmptyText(text)) this.forget(redisKey);
    return text !== undefined && this.#redisKeys.has(redisKey);
  }

  forget(redisKey: string): void {
    this.#redisKeys.delete(redisKey);
  }
}
