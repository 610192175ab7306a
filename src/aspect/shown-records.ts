import type { RecordId } from "../sync/keys.js";
import { isObject } from "./intercepted-call.js";

/** More users than one object serves at a time; beyond it nothing is known of the first. */
const MAX_USERS = 16;

/**
 * Which records an object has shown not to be empty, by user. If one is empty later, the host has emptied it, perhaps past
 * every decorated method.
 */
export class ShownRecords {
  readonly #byTarget = new WeakMap<object, Map<string, Set<string>>>();

  noteFull(target: unknown, { userId, record }: RecordId): void {
    if (!isObject(target)) return;
    const byUser = this.#byTarget.get(target) ?? new Map<string, Set<string>>();
    this.#byTarget.set(target, byUser);
    const records = byUser.get(userId) ?? new Set();
    byUser.set(userId, records.add(record));
    if (byUser.size > MAX_USERS) byUser.delete(byUser.keys().next().value!);
  }

  hasBeenFull(target: unknown, { userId, record }: RecordId): boolean {
    return isObject(target) && this.#byTarget.get(target)?.get(userId)?.has(record) === true;
  }

  /** Somebody else is signed in, or nobody: who signs in again may find an emptied store, which is then to be filled. */
  forgetOthers(target: unknown, userId: string | undefined): void {
    const byUser = isObject(target) ? this.#byTarget.get(target) : undefined;
    if (byUser === undefined) return;
    for (const shown of byUser.keys()) if (shown !== userId) byUser.delete(shown);
  }
}
