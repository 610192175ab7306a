import { displayWidth } from "./table.js";

/** Columns that have to be left for a text, or it is not worth it. */
const MIN_TEXT_WIDTH = 20;

/** What stands before a word, and the word. What is in backticks is one: a command that is broken cannot be pasted. */
const WORD = /(\s*)((?:[^\s`]*`[^`]*`)+[^\s`]*|\S+)/g;

/**
 * A text of one line in lines that a terminal has room for; those after the first are indented. A word that is longer than
 * a line has one of its own, which the terminal breaks.
 * @param width Columns. `undefined`: it is for no terminal, and stays as it is.
 */
export function wrap(text: string, width: number | undefined, indent: number): string[] {
  if (width === undefined || width < indent + MIN_TEXT_WIDTH || displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = "";
  for (const [, gap = "", word = ""] of text.matchAll(WORD)) {
    const longer = `${line}${gap}${word}`;
    if (line.trim() === "" || displayWidth(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = `${" ".repeat(indent)}${word}`;
    }
  }
  return [...lines, line];
}
