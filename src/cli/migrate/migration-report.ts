import { describeTime } from "../times.js";
import { printable } from "../printable.js";
import { align, shorten, shownKey } from "../table.js";
import type { CarriedOut, KeptEntry } from "./carry-out.js";
import type { LegacyEntry } from "./legacy-keys.js";
import type { RecordPlan } from "./migration.js";

export interface FoundReport {
  readonly userId: string;
  readonly plans: readonly RecordPlan[];
  readonly agentKeys: readonly string[];
}

/** What was found, and what becomes of it; no value, and no part of one. */
export function describePlans({ userId, plans, agentKeys }: FoundReport): string[] {
  const lines =
    plans.length === 0
      ? [`Redis holds nothing of \`${printable(shorten(userId, 100))}\` that would have to be taken over.`]
      : overview(plans);
  if (agentKeys.length > 0)
    lines.push(
      "",
      `${agentKeys.length} keys of agents (${shownKey(agentKeys[0]!)}${agentKeys.length > 1 ? " …" : ""}) are not the mirror's and stay as they are.`,
      "They may hold API keys in plain text.",
    );
  return lines;
}

function overview(plans: readonly RecordPlan[]): string[] {
  const sources = plans.flatMap((plan) => plan.sources.map((source) => rowOf(source, plan)));
  const outcomes = plans.map((plan) => [plan.record.name, describeOutcome(plan)]);
  return [
    ...align([["OLD KEY", "RECORD", "ITEMS", "BYTES", "SAVED", ""], ...sources], new Set([2, 3])),
    "",
    ...align([["RECORD", "BECOMES"], ...outcomes]),
  ];
}

function rowOf(source: LegacyEntry, { record }: RecordPlan): string[] {
  const { redisKey, value, bytes, savedAtMs } = source;
  const saved = savedAtMs === 0 ? "unknown" : describeTime(new Date(savedAtMs));
  const count = Array.isArray(value) ? String(value.length) : "";
  return [shownKey(redisKey), record.name, count, String(bytes), saved, record.encrypted ? "plain text!" : ""];
}

function describeOutcome({ kind, redisKey, reason, record, change }: RecordPlan): string {
  const key = shownKey(redisKey);
  switch (kind) {
    case "merge":
      return `${change!.items.size} items added to ${key}`;
    case "save":
      return `saved as ${key}${record.encrypted ? ", encrypted" : ""}`;
    case "replace":
      return record.encrypted ? "encrypted, under the same name" : "the mirror's, under the same name";
    case "keep":
      return `${key} stays as it is; the old value is kept beside it: \`redis-mirrored history ${record.name}\``;
    case "nothing":
      return "nothing to add";
    default:
      return `not taken over: ${printable(reason!)}`;
  }
}

/** What was to be deleted and was not. The key as a whole: it is to be typed. */
export function describeKept({ source, items }: KeptEntry): string {
  const tasks = items === 1 ? "1 task" : `${items} tasks`;
  const key = printable(source.redisKey);
  return `${tasks} of ${key} stay behind, so the key was kept. To delete it: redis-cli DEL '${key}'`;
}

/** The same for a program. */
export function toReport({
  userId,
  plans,
  agentKeys,
  isDone,
  deleted,
  kept,
}: FoundReport & Omit<CarriedOut, "plans"> & { isDone: boolean }): object {
  const records = plans.map(({ record, redisKey, kind, reason, change, sources }) => ({
    record: record.name,
    redisKey,
    kind,
    reason: reason ?? null,
    added: change?.items.size ?? 0,
    sources: sources.map((source) => ({
      redisKey: source.redisKey,
      items: Array.isArray(source.value) ? source.value.length : null,
      bytes: source.bytes,
      savedAt: source.savedAtMs === 0 ? null : new Date(source.savedAtMs).toISOString(),
    })),
  }));
  return {
    userId,
    isDone,
    records,
    agentKeys,
    deleted: deleted.map(({ redisKey }) => redisKey),
    kept: kept.map(({ source, items }) => ({ redisKey: source.redisKey, itemsLeft: items })),
  };
}
