import { printable } from "../sync/printable.js";

export { printable };

/** The same of text of our own that has somebody else's words in it. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** The longest that is quoted of what was typed, in characters. */
const MAX_QUOTED = 40;

/** What was typed, as a message shows it. */
export function quoted(text: string): string {
  const characters = Array.from(text);
  const shown = characters.length > MAX_QUOTED ? `${characters.slice(0, MAX_QUOTED).join("")}…` : text;
  return `\`${printable(shown)}\``;
}
