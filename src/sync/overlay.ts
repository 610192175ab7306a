import type { CollectionChange } from "./collection-change.js";
import { type ItemSnapshot, takeWholeCollection } from "./collection-snapshot.js";
import type { RecordDefinition } from "./records.js";

/** A list as it is in the mirror, with changes that are still on their way there. */
export function overlay(record: RecordDefinition, value: unknown, changes: readonly CollectionChange[]): unknown {
  if (changes.length === 0) return value;
  const snapshot = takeWholeCollection(record, value);
  if ("refusal" in snapshot) return value;
  const items = new Map<string, ItemSnapshot>(snapshot.items);
  for (const { cleared, items: changed } of changes) {
    if (cleared !== undefined) items.clear();
    for (const [id, { item }] of changed) {
      if (item === undefined) items.delete(id);
      else items.set(id, item);
    }
  }
  const newest = [...items.values()].sort((a, b) => b.recency - a.recency).slice(0, record.limit);
  return newest.map(({ text }) => JSON.parse(text) as unknown);
}
