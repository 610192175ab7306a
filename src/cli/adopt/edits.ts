import type { Span } from "./syntax-tree.js";

/** What takes the place of a stretch of the text, of none where something is only added. */
export interface Edit extends Span {
  readonly text: string;
}

/** @param edits None overlaps another; those at one position keep their order. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let [result, done] = ["", 0];
  for (const edit of edits.toSorted((one, other) => one.start - other.start)) {
    result += text.slice(done, edit.start) + edit.text;
    done = edit.end;
  }
  return result + text.slice(done);
}

/**
 * A line of its own above what is at a position, indented as that is; where something stands before it on its line, on
 * that line and with a space behind. `removeLine` undoes either.
 */
export function insertLineBefore(text: string, position: number, line: string): Edit {
  const start = lineStart(text, position);
  const indent = text.slice(start, position);
  if (indent.trim() !== "") return { start: position, end: position, text: `${line} ` };
  return { start, end: start, text: indent + line + eolAt(text, position) };
}

/** What may stand behind a statement on its line and stay there: a semicolon and one comment that ends there. */
const REST_OF_STATEMENT = /^[ \t]*;?[ \t]*(?:\/\/.*|\/\*(?:(?!\*\/).)*\*\/[ \t]*)?$/;

/** A line of its own below what ends at a position; `undefined` where something else goes on there. */
export function insertLineAfter(text: string, end: number, line: string): Edit | undefined {
  const eol = eolAt(text, end);
  const lineEnd = text.indexOf("\n", end);
  const rest = text.slice(end, lineEnd === -1 ? undefined : lineEnd).replace(/\r$/, "");
  if (!REST_OF_STATEMENT.test(rest)) return undefined;
  if (lineEnd === -1) return { start: text.length, end: text.length, text: eol + line };
  return { start: lineEnd + 1, end: lineEnd + 1, text: line + eol };
}

/** Takes out what stands alone on its lines together with these; what shares a line, and one space behind it. */
export function removeLine(text: string, span: Span): Edit {
  const { start } = span;
  // Where lines have no semicolons, one that begins the next line counts for the end of this statement.
  const end = start + text.slice(start, span.end).replace(/\s*\n\s*;$/, "").length;
  const first = lineStart(text, start);
  const newline = text.indexOf("\n", end);
  const isAlone =
    text.slice(first, start).trim() === "" && text.slice(end, newline === -1 ? undefined : newline).trim() === "";
  if (!isAlone) return { start, end: text[end] === " " ? end + 1 : end, text: "" };
  if (newline !== -1) return { start: first, end: newline + 1, text: "" };
  const previous = text.slice(0, first).replace(/\r?\n$/, "").length;
  return { start: previous, end: text.length, text: "" };
}

/** Puts an item into a comma-separated list that has some, before the one at `index`, or last. */
export function insertItem(text: string, items: readonly Span[], index: number, item: string): Edit {
  const next = items[index];
  const { start } = next ?? items.at(-1)!;
  const separator = isFirstOnLine(text, start) ? eolAt(text, start) + indentAt(text, start) : " ";
  if (next !== undefined) return { start, end: start, text: `${item},${separator}` };
  const { end } = items.at(-1)!;
  return { start: end, end, text: `,${separator}${item}` };
}

/** Takes items out of a comma-separated list of which at least one stays. */
export function removeItems(items: readonly Span[], isRemoved: (index: number) => boolean): Edit[] {
  const lastKept = items.findLastIndex((_item, index) => !isRemoved(index));
  const inner = items.flatMap(({ start }, index) =>
    index < lastKept && isRemoved(index) ? [{ start, end: items[index + 1]!.start, text: "" }] : [],
  );
  if (lastKept === items.length - 1) return inner;
  return [...inner, { start: items[lastKept]!.end, end: items.at(-1)!.end, text: "" }];
}

export function isFirstOnLine(text: string, position: number): boolean {
  return text.slice(lineStart(text, position), position).trim() === "";
}

/** The white space that the line of a position begins with. */
export function indentAt(text: string, position: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, position)))![0];
}

/** Counted from 1. */
export function lineNumber(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

/** How the line of a position ends; that of the first one for the last, which may not end at all. */
export function eolAt(text: string, position: number): string {
  const end = text.indexOf("\n", position);
  const newline = end === -1 ? text.indexOf("\n") : end;
  return newline > 0 && text[newline - 1] === "\r" ? "\r\n" : "\n";
}

const BYTE_ORDER_MARK = "\uFEFF";

function lineStart(text: string, position: number): number {
  const start = position === 0 ? 0 : text.lastIndexOf("\n", position - 1) + 1;
  return start === 0 && text.startsWith(BYTE_ORDER_MARK) ? 1 : start;
}
