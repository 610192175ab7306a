import { BUILT_IN_RECORDS } from "../sync/records.js";

/**
 * Of the provider profiles these are no secrets: by them profiles are told apart. `*`: any name. What is not named here is
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
 */
export function previewTexts(record: string, ...values: readonly unknown[]): string[] {
  const definition = BUILT_IN_RECORDS.find(({ name }) => name === record);
  const numbers = new Map<unknown, number>();
  const isPlain = definition?.encrypted === false;
  const shown = values.map((value) => (isPlain || value === undefined ? value : masked(value, numbers)));
  return shown.map((value) => (value === undefined ? "" : `${JSON.stringify(sorted(value), undefined, 2)}\n`));
}

function masked(value: unknown, numbers: Map<unknown, number>, path: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((each, index) => masked(each, numbers, [...path, String(index)]));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, masked(each, numbers, [...path, name])]),
    );
  if (value === null || typeof value === "boolean" || isShown(path)) return value;
  if (!numbers.has(value)) numbers.set(value, numbers.size + 1);
  return `•••••• (${numbers.get(value)})`;
}

function isShown(path: readonly string[]): boolean {
  const general = path.map((name, index) => (index === 1 ? "*" : name));
  return SHOWN_PATHS.has(general.join("."));
}

/** The order of properties says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}
