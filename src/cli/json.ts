/**
 * A document for programs: `null` for what is unknown, so that each member is in every place; and what a terminal would
 * obey, or not show, as JSON can write it. Ids are anybody's, and JSON itself escapes no control character above U+001F.
 * @param space 0: on one line.
 */
export function toJson(document: unknown, space: 0 | 2 = 2): string {
  const json = JSON.stringify(document, (_name, value: unknown) => value ?? null, space);
  return json.replace(/[^\P{C}\n]/gu, (character) =>
    character.split("").reduce((text, unit) => `${text}\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`, ""),
  );
}
