/**
 * Text that was somebody else's, for a terminal: what could move the cursor, change colours or the direction of writing
 * is shown as `\u{…}`.
 */
export function printable(text: string): string {
  return text.replace(
    /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
