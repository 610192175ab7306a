import { setLast } from "./set-last.js";

/** How an empty value looks as JSON. `undefined`: the record was deleted. */
const EMPTY_TEXTS = new Set<string | undefined>([undefined, "null", '""', "[]", "{}"]);

/** More than a process has records; beyond it nothing is known of the one that was met first. */
const MAX_RECORDS = 1_000;

export function isEmptyText(text: string | undefined): boolean {
  return EMPTY_TEXTS.has(text);
}

/**
 * Whose local store a loader found empty, and nobody of this process has had anything of. A host that shows what it has
 * not, and saves that, says nothing by it: on a fresh machine the mirror may have more.
 */
export class FoundEmpty {
  readonly #states = new Map<string, "empty" | "full">();

  /** A loader found nothing. Another one may have, and an empty value is then one that was emptied. */
  note(redisKey: string): void {
    if (this.#states.get(redisKey) !== "full") setLast(this.#states, redisKey, "empty", MAX_RECORDS);
  }

  /** There is something, by a loader, a save, or because it was taken over of the mirror. */
  noteFull(redisKey: string): void {
    setLast(this.#states, redisKey, "full", MAX_RECORDS);
  }

  /** A save. The answer is whether it changes nothing, since it leaves empty what was empty. Deleting is always meant. */
  noteSave(redisKey: string, text: string | undefined): boolean {
    if (!isEmptyText(text)) this.noteFull(redisKey);
    else if (this.#states.get(redisKey) === "full") this.#states.delete(redisKey);
    else return text !== undefined && this.#states.has(redisKey);
    return false;
  }
}
