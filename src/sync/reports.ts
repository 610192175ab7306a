import type { DropReason, MirrorEmitter } from "./mirror-events.js";
import type { RecordId } from "./keys.js";
import type { RecordDefinition } from "./records.js";
import { parseKey } from "./user-keys.js";

/** Events about a record, told by parts that know it each in their own way. None of them holds a value. */
export class Reports {
  readonly #events: MirrorEmitter;

  constructor(events: MirrorEmitter) {
    this.#events = events;
  }

  /** A save will not reach Redis. */
  dropped(
    { userId, record }: { readonly userId: string; readonly record: RecordDefinition },
    reason: DropReason,
    detail: string,
  ): void {
    this.#events.emit("dropped", { userId, record: record.name, reason, detail });
  }

  /** A mirrored value counts as absent. */
  unreadable({ userId, record }: RecordId, detail: string): void {
    this.#events.emit("unreadable", { userId, record, detail });
  }

  /** So many items of a mirrored list count as absent. */
  leftOut(record: RecordDefinition, redisKey: string, items: number): void {
    const detail = `${items} of its items ${items === 1 ? "does" : "do"} not pass the record's schema.`;
    const userId = parseKey(redisKey)?.userId ?? "";
    this.#events.emit("unreadable", { userId, record: record.name, detail, items });
  }
}
