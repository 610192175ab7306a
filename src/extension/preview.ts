import type { RecordDefinition } from "../sync/records.js";

/**
 * Of the record `provider` these are no secrets: by them profiles are told apart. `*`: any name. What is not named here is
 * masked, whatever it is.
 */
const SHOWN_PATHS = new Set([
  "currentApiConfigName",
  "apiConfigs.*.id",
  "apiConfigs.*.apiProvider",
  "modeApiConfigs.*",
  "cloudProfileIds.*",
  "migrations.*",
]);

/**
 * Two values as texts, to be compared line by line. Of a secret record a value is a number, the same for the same value: it
 * shows what differs, and not what it is.
 * @param record As the mirror has it. `undefined`: nobody knows it, so all of it may be secret.
 */
export function previewTexts(record: RecordDefinition | undefined, ...values: readonly unknown[]): string[] {
  const mask = masking(record?.name === "provider" ? SHOWN_PATHS : new Set());
  const isPlain = record?.encrypted === false;
  const shown = values.map((value) => (isPlain || value === undefined ? value : mask(value)));
  return shown.map((value) => (value === undefined ? "" : `${JSON.stringify(sorted(value), undefined, 2)}\n`));
}

function masking(shownPaths: ReadonlySet<string>): (value: unknown) => unknown {
  const numbers = new Map<unknown, number>();
  const isShown = (path: readonly string[]) =>
    shownPaths.has(path.map((name, index) => (index === 1 ? "*" : name)).join("."));
  const mask = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((each, index) => mask(each, [...path, String(index)]));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mask(each, [...path, name])]));
    if (value === null || typeof value === "boolean" || isShown(path)) return value;
    if (!numbers.has(value)) numbers.set(value, numbers.size + 1);
    return `•••••• (${numbers.get(value)})`;
  };
  return (value) => mask(value, []);
}

/** The order of properties says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}
