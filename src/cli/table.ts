import { printable } from "../sync/printable.js";

export { printable };

/** Characters that take two columns of a terminal: those of East Asian scripts, and emoji. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;

/** Columns of a terminal between two of a table. */
export const GAP = 3;

/** How many columns of a terminal a text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** A text that takes no more than `width` columns. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let [shortened, taken] = ["", 0];
  for (const character of text) {
    taken += displayWidth(character);
    if (taken > width - 1) break;
    shortened += character;
  }
  return `${shortened}…`;
}

/** How many of a list of names are shown. */
const MAX_NAMES = 5;

/** The first of some names that were somebody else's, and how many more there are. */
export function nameSome(names: readonly string[]): string {
  const rest = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).map(printable).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** Rows of cells as lines, the columns of which line up. @param rightAligned The columns that hold figures. */
export function align(rows: readonly (readonly string[])[], rightAligned: ReadonlySet<number> = new Set()): string[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_none, column) =>
    Math.max(0, ...rows.map((row) => displayWidth(row[column] ?? ""))),
  );
  return rows.map((row) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? "";
        const padding = " ".repeat(width - displayWidth(cell));
        return rightAligned.has(column) ? padding + cell : cell + padding;
      })
      .join(" ".repeat(GAP))
      .trimEnd(),
  );
}
