import { type ItemAge, type RecordSurvey, surveyRecords } from "../../sync/record-survey.js";
import { Catalogue } from "../../sync/records.js";
import type { KeyListing } from "../../sync/user-keys.js";
import { settingsInForce, userInForce, withUserKeys } from "../in-force.js";
import { printable } from "../printable.js";
import { align, displayWidth, GAP, nameOfInstance, nameSome, shownId } from "../table.js";
import { say, sayJson } from "../terminal.js";
import { describeSpan, describeTime } from "../times.js";

const INDENT = "  ";

export interface InspectOptions {
  readonly items: number;
  readonly json: boolean;
}

/** The answer is the exit status. */
export async function inspect({ items, json }: InspectOptions, user: string | undefined): Promise<number> {
  const userId = userInForce(user);
  const settings = settingsInForce();
  return withUserKeys(settings, userId, async (keys) => {
    const listing = await keys.list();
    const records = await surveyRecords(keys, listing.keys, new Catalogue([], settings));
    if (json) return sayJson({ userId, records, strangers: listing.strangers });
    return say(describe(userId, listing, records, items).join("\n"));
  });
}

function describe(
  userId: string,
  { strangers }: KeyListing,
  surveys: readonly RecordSurvey[],
  itemCount: number,
): string[] {
  if (surveys.length === 0 && strangers.length === 0) return [`Redis holds nothing of \`${printable(userId)}\`.`];
  const hasInstances = surveys.some(({ instanceId }) => instanceId !== undefined);
  const lines = surveys.length === 0 ? [] : overview(surveys, hasInstances);
  for (const record of new Set(surveys.map(({ record: name }) => name))) {
    const collections = surveys.filter((survey) => survey.record === record && survey.items !== undefined);
    if (itemCount > 0 && collections.some(({ items }) => items!.length > 0))
      lines.push("", ...sideBySide(record, collections, hasInstances, itemCount));
  }
  if (strangers.length > 0) {
    const named = `Not the mirror's, but under the user's name: ${nameSome(strangers)}`;
    lines.push(...(lines.length > 0 ? [""] : []), named);
  }
  return lines;
}

function overview(surveys: readonly RecordSurvey[], hasInstances: boolean): string[] {
  const head = ["RECORD", "INSTANCE", "ITEMS", "BYTES", "EXPIRES", "SAVED", "WRITER", "KEPT"];
  const rows = surveys.map((survey) => {
    const { record, state, isEncrypted, bytes, ttlSeconds, savedAt, writer, kept, items } = survey;
    return [
      record,
      nameOfInstance(survey.instanceId),
      items === undefined ? (isEncrypted ? "encrypted" : "") : String(items.length),
      state === "there" ? String(bytes) : state,
      ttlSeconds === undefined ? "never" : describeSpan(ttlSeconds * 1_000),
      savedAt === undefined ? "unknown" : describeTime(savedAt),
      writer ?? "unknown",
      String(kept),
    ];
  });
  const table = [head, ...rows].map((row) => (hasInstances ? row : row.toSpliced(1, 1)));
  const figures = hasInstances ? [2, 3, 4, 7] : [1, 2, 3, 6];
  return align(table, new Set(figures));
}

/** A column an instance, as many next to each other as the terminal is wide enough for. */
function sideBySide(
  record: string,
  collections: readonly RecordSurvey[],
  hasInstances: boolean,
  itemCount: number,
): string[] {
  const nowMs = Date.now();
  const columns = collections.map((collection) => {
    const items = collection.items!;
    const head = hasInstances ? `${nameOfInstance(collection.instanceId)}: ${items.length}` : `${items.length} items`;
    const rest = items.length - itemCount;
    const cells = align(
      items.slice(0, itemCount).map((item) => describeItem(item, nowMs)),
      new Set([0]),
    );
    return [head, ...cells, ...(rest > 0 ? [`and ${rest} more`] : [])];
  });
  const widest = Math.max(...columns.flatMap((column) => column.map(displayWidth)));
  const fitting = Math.max(1, Math.floor((terminalWidth() - INDENT.length + GAP) / (widest + GAP)));
  const lines = [`${record}, newest first`];
  for (let from = 0; from < columns.length; from += fitting) {
    const shown = columns.slice(from, from + fitting);
    const height = Math.max(...shown.map(({ length }) => length));
    const rows = Array.from({ length: height }, (_none, row) => shown.map((column) => column[row] ?? ""));
    lines.push(...(from > 0 ? [""] : []), ...align(rows).map((line) => INDENT + line));
  }
  return lines;
}

function terminalWidth(): number {
  return process.stdout.columns || Number(process.env["COLUMNS"]) || Infinity;
}

function describeItem({ id, recency }: ItemAge, nowMs: number): string[] {
  return [recency === undefined ? "" : describeRecency(recency, nowMs), shownId(id)];
}

/** An age, if it is a date at all: a number from this century, in milliseconds. */
function describeRecency(recency: number, nowMs: number): string {
  const isDate = recency >= Date.UTC(2001) && recency < Date.UTC(2101);
  return isDate ? `${describeSpan(Math.max(0, nowMs - recency))} ago` : String(recency);
}
