import { printable } from "../printable.js";
import { align, nameOfInstance, nameSome, shorten } from "../table.js";
import type { FoundKey, Footprint } from "./user-footprint.js";

export interface PurgeReport extends Footprint {
  readonly userId: string;
  /** Of each key; `undefined`: Redis does not say. */
  readonly sizes: ReadonlyMap<FoundKey, number> | undefined;
  /** Whether the ambiguous ones go too. */
  readonly isThorough: boolean;
}

/** What goes of one record of one instance. */
interface Row {
  readonly record: string;
  readonly instanceId: string | undefined;
  readonly keys: number;
  readonly bytes: number | undefined;
}

/** What will be removed, and what is left alone; no value, and no part of one. */
export function describeFootprint(report: PurgeReport): string[] {
  const { userId, ambiguous, isThorough } = report;
  const strangers = strangersOf(report);
  const lines: string[] = [];
  if (goingOf(report).length === 0) lines.push(`Redis holds nothing of \`${printable(shorten(userId, 100))}\`.`);
  else {
    const rows = rowsOf(report).map(({ record, instanceId, keys, bytes }) => [
      record,
      nameOfInstance(instanceId),
      String(keys),
      bytes === undefined ? "unknown" : String(bytes),
    ]);
    if (rows.length > 0) lines.push(...align([["RECORD", "INSTANCE", "KEYS", "BYTES"], ...rows], new Set([2, 3])));
    if (strangers.length > 0) lines.push(`Not the mirror's, but under the user's name: ${nameSome(strangers)}`);
  }
  if (ambiguous.length > 0) {
    const fate = isThorough ? "goes too" : "is left alone; --ambiguous removes it too";
    lines.push(`Of this user or of another one, which ${fate}: ${nameSome(ambiguous.map(({ text }) => text))}`);
  }
  return lines;
}

/** The same for a program. */
export function toReport(report: PurgeReport, outcome: { removed: number; remaining: number } | undefined): object {
  const { userId, ambiguous } = report;
  const records = rowsOf(report).map((row) => ({
    ...row,
    instanceId: row.instanceId ?? null,
    bytes: row.bytes ?? null,
  }));
  const { removed = 0, remaining = null } = outcome ?? {};
  const names = ambiguous.map(({ text }) => text);
  const isDone = outcome !== undefined;
  return { userId, isDone, records, strangers: strangersOf(report), ambiguous: names, removed, remaining };
}

export function goingOf({ certain, ambiguous, isThorough }: PurgeReport): readonly FoundKey[] {
  return isThorough ? [...certain, ...ambiguous] : certain;
}

function strangersOf({ certain }: PurgeReport): string[] {
  return certain.filter(({ parts }) => parts === undefined).map(({ text }) => text);
}

function rowsOf({ certain, sizes }: PurgeReport): Row[] {
  const rows = new Map<string, Row>();
  for (const key of certain) {
    if (key.parts === undefined) continue;
    const { record, instanceId } = key.parts;
    const name = JSON.stringify([record, instanceId]);
    const row = rows.get(name) ?? { record, instanceId, keys: 0, bytes: sizes && 0 };
    rows.set(name, { ...row, keys: row.keys + 1, bytes: sizes && row.bytes! + (sizes.get(key) ?? 0) });
  }
  return [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}
