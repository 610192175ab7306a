import type { RecordId } from "../sync/keys.js";
import { isObject } from "./intercepted-call.js";

interface Shown {
  readonly userId: string;
  readonly records: Set<string>;
}

/**
 * Which records an object has shown not to be empty, of the user who uses it. If one is empty later, the host has emptied
 * it, perhaps past every decorated method.
 */
export class ShownRecords {
  readonly #byTarget = new WeakMap<object, Shown>();

  noteFull(target: unknown, { userId, record }: RecordId): void {
    if (!isObject(target)) return;
    const shown = this.#byTarget.get(target);
    if (shown?.userId === userId) shown.records.add(record);
    else this.#byTarget.set(target, { userId, records: new Set([record]) });
  }

  hasBeenFull(target: unknown, { userId, record }: RecordId): boolean {
    const shown = isObject(target) ? this.#byTarget.get(target) : undefined;
    if (shown === undefined) return false;
    // Whoever signs in again may find an emptied store, which is then to be filled.
    if (shown.userId !== userId) this.#byTarget.delete(target as object);
    return shown.userId === userId && shown.records.has(record);
  }
}
