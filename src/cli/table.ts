import Table, { type CharName } from "cli-table3";
import stringWidth from "string-width";
import { printable } from "./printable.js";

/** Columns of a terminal between two of a table. */
export const GAP = 3;

/** Of what is somebody's, and may be of any length. */
export const MAX_ID_WIDTH = 36;

/** Of a key of Redis, which is made of several of them. */
const MAX_KEY_WIDTH = 100;

/** The column of what a user's instances share, where there are others. */
export const SHARED = "(shared)";

/** Neither lines around a table nor between its rows. */
const NO_LINES: Partial<Record<CharName, string>> = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " ".repeat(GAP),
};

const characters = new Intl.Segmenter("en", { granularity: "grapheme" });

/** How many columns of a terminal a text takes; colours take none. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/** A text that takes no more than `width` columns. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let [shortened, taken] = ["", 0];
  for (const { segment } of characters.segment(text)) {
    taken += displayWidth(segment);
    if (taken > width - 1) break;
    shortened += segment;
  }
  return `${shortened}…`;
}

/** An id that was somebody else's, as a table has room for it. */
export function shownId(id: string): string {
  return shorten(printable(id), MAX_ID_WIDTH);
}

/** A key of Redis, each of its parts as a table has room for it: the record, which is last, says most. */
export function shownKey(redisKey: string): string {
  return shorten(printable(redisKey).split(":").map(shownId).join(":"), MAX_KEY_WIDTH);
}

export function nameOfInstance(instanceId: string | undefined): string {
  return instanceId === undefined ? SHARED : shownId(instanceId);
}

/** How many of a list of names are shown. */
const MAX_NAMES = 5;

/** The first of some names that were somebody else's, and how many more there are. */
export function nameSome(names: readonly string[]): string {
  const rest = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).map(shownKey).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** Rows of cells as lines, the columns of which line up. @param rightAligned The columns that hold figures. */
export function align(rows: readonly (readonly string[])[], rightAligned: ReadonlySet<number> = new Set()): string[] {
  if (rows.length === 0) return [];
  const columns = Math.max(...rows.map(({ length }) => length));
  const table = new Table({
    chars: NO_LINES,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
    colAligns: Array.from({ length: columns }, (_none, column) => (rightAligned.has(column) ? "right" : "left")),
  });
  for (const row of rows) table.push(Array.from({ length: columns }, (_none, column) => row[column] ?? ""));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}
