import { align, printable } from "../table.js";
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
      ? [`Redis holds nothing of \`${printable(userId)}\` that would have to be taken over.`]
      : overview(plans);
  if (agentKeys.length > 0)
    lines.push(
      "",
      `${agentKeys.length} keys of agents (${printable(agentKeys[0]!)}${agentKeys.length > 1 ? " …" : ""}) are not the mirror's and stay as they are.`,
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
  const saved = savedAtMs === 0 ? "unknown" : new Date(savedAtMs).toISOString().slice(0, 19).replace("T", " ");
  const count = Array.isArray(value) ? String(value.length) : "";
  return [printable(redisKey), record.name, count, String(bytes), saved, record.encrypted ? "plain text!" : ""];
}

function describeOutcome({ kind, redisKey, reason, record, change }: RecordPlan): string {
  const key = printable(redisKey);
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

/** The same as JSON. */
export function toReport({
  userId,
  plans,
  agentKeys,
  isDone,
  deleted,
}: FoundReport & { isDone: boolean; deleted: readonly LegacyEntry[] }): string {
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
  return JSON.stringify(
    { userId, isDone, records, agentKeys, deleted: deleted.map(({ redisKey }) => redisKey) },
    undefined,
    2,
  );
}
