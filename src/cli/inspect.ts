import { parseArgs } from "node:util";
import { Identity } from "../settings/identity.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem } from "../settings/settings.js";
import { MirrorError } from "../sync/errors.js";
import { type ItemAge, type RecordSurvey, surveyRecords } from "../sync/record-survey.js";
import { Catalogue } from "../sync/records.js";
import { type KeyListing, UserKeys } from "../sync/user-keys.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { align, displayWidth, GAP, nameSome, printable, shorten } from "./table.js";
import { fail, say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored inspect [USER] [--items N] [--json]

Shows what Redis holds of a user: of each record its size, how long it still lives, when and by whom it was saved last;
of each list its newest items. Where instances have ids, theirs stand side by side. No value is ever shown.

  USER        whose. Default: ROO_USER_ID, else the id of this machine and user
  --items N   how many items of a list. Default 10
  --json      the same as JSON, with all items

  EXPIRES     when Redis forgets it, unless it is saved, or found by a running instance, before
  WRITER      which process of which local store
  KEPT        overwritten versions: \`redis-mirrored history RECORD\` lists them

Which Redis: from the environment, as for the mirror itself (REDIS_URL, or REDIS_HOST and REDIS_PORT, …).`;

/** The column of what a user's instances share, where there are others. */
export const SHARED = "(shared)";

export const MAX_ID_WIDTH = 36;

const INDENT = "  ";

/** The answer is the exit status. @throws UsageError */
export async function inspect(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      items: { type: "string", default: "10" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(HELP);
  if (positionals.length > 1) throw new UsageError(`Expected one user at most, got ${positionals.join(" ")}`);
  if (!/^\d{1,9}$/.test(values.items)) throw new UsageError(`Expected --items to be a number, got \`${values.items}\``);
  const [given] = positionals;
  const userId = given ?? new Identity({}).current;
  if (!userId) throw new UsageError("Expected a user id, got an empty one");
  const result = resolveSettings({});
  if ("problems" in result) return fail(result.problems.map(describeProblem).join("\n"));
  noticePlaintext(result.settings.address);
  let keys: UserKeys | undefined;
  try {
    keys = await UserKeys.open(result.settings.address, userId);
    const listing = await keys.list();
    const surveys = await surveyRecords(keys, listing.keys, new Catalogue([], result.settings));
    if (values.json) return say(toJson({ userId, records: surveys, strangers: listing.strangers }));
    return say(describe(userId, listing, surveys, Number(values.items)).join("\n"));
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return fail(error.message);
  } finally {
    keys?.close();
  }
}

/** `null` for what is unknown, and not left out: whoever reads it finds every member in every record. */
function toJson(report: object): string {
  return JSON.stringify(report, (_name, value: unknown) => value ?? null, 2);
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
      nameOf(survey),
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
    const head = hasInstances ? `${nameOf(collection)}: ${items.length}` : `${items.length} items`;
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

function nameOf({ instanceId }: RecordSurvey): string {
  return instanceId === undefined ? SHARED : printable(instanceId);
}

function describeItem({ id, recency }: ItemAge, nowMs: number): string[] {
  return [recency === undefined ? "" : describeRecency(recency, nowMs), shorten(printable(id), MAX_ID_WIDTH)];
}

/** An age, if it is a date at all: a number from this century, in milliseconds. */
function describeRecency(recency: number, nowMs: number): string {
  const isDate = recency >= Date.UTC(2001) && recency < Date.UTC(2101);
  return isDate ? `${describeSpan(Math.max(0, nowMs - recency))} ago` : String(recency);
}

function describeSpan(spanMs: number): string {
  const seconds = Math.floor(spanMs / 1_000);
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (minutes === 0) return `${seconds} s`;
  if (hours === 0) return `${minutes} min`;
  return days === 0 ? `${hours} h` : `${days} d ${hours % 24} h`;
}

function describeTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace("T", " ");
}
