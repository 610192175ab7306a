import { structuredPatch } from "diff";
import type { Screen } from "../screen.js";
import { printable } from "../printable.js";
import type { FileChange } from "./changes.js";

const CONTEXT_LINES = 2;
const TAB = "    ";

/** Shows what becomes of each file, as `git diff` would. @param nameOf The path as it is to be shown. */
export function showDiff(screen: Screen, changes: readonly FileChange[], nameOf: (path: string) => string): void {
  for (const { path, before, after } of changes) {
    const { hunks } = structuredPatch("", "", before, after, undefined, undefined, { context: CONTEXT_LINES });
    screen.line();
    screen.note(screen.paint("bold", printable(nameOf(path))));
    for (const { oldStart, oldLines, newStart, newLines, lines } of hunks) {
      screen.note(screen.paint("dim", `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`));
      for (const line of lines)
        screen.note(paintLine(screen, printable(line.replace(/\r$/, "").replaceAll("\t", TAB))));
    }
  }
}

/** How many lines the changes add, and how many they take away. */
export function countLines(changes: readonly FileChange[]): { readonly added: number; readonly removed: number } {
  const marks = changes.flatMap(({ before, after }) =>
    structuredPatch("", "", before, after, undefined, undefined, { context: 0 }).hunks.flatMap(({ lines }) =>
      lines.map((line) => line[0]),
    ),
  );
  const countOf = (mark: string) => marks.filter((each) => each === mark).length;
  return { added: countOf("+"), removed: countOf("-") };
}

function paintLine(screen: Screen, line: string): string {
  if (line.startsWith("+")) return screen.paint("green", line);
  return line.startsWith("-") ? screen.paint("red", line) : screen.paint("dim", line);
}
