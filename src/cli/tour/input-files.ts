import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { HistoryItem, ProviderProfiles } from "../../extension/roo-types.js";
import { UsageError } from "../usage-error.js";

const SAMPLES = new URL("../../../samples/", import.meta.url);

/** Reads an array of history items, or an export that has one under `taskHistory`. @throws UsageError */
export async function readHistory(file = sample("task-history.json")): Promise<HistoryItem[]> {
  const content = await readJson(file);
  const history = Array.isArray(content) ? content : propertyOf(content, "taskHistory");
  const isHistory =
    Array.isArray(history) &&
    history.every((item) => typeof propertyOf(item, "id") === "string" && typeof propertyOf(item, "ts") === "number");
  if (!isHistory)
    throw new UsageError(
      `Expected ${file} to hold an array of tasks, each with an \`id\` and a \`ts\`, got ${kindOf(history)}`,
    );
  return history as HistoryItem[];
}

/** Reads provider profiles, or a settings export that has them under `providerProfiles`. @throws UsageError */
export async function readProfiles(file = sample("provider-profiles.json")): Promise<ProviderProfiles> {
  const content = await readJson(file);
  const profiles = propertyOf(content, "providerProfiles") ?? content;
  const configs = propertyOf(profiles, "apiConfigs");
  const isProfiles =
    typeof configs === "object" && configs !== null && typeof propertyOf(profiles, "currentApiConfigName") === "string";
  if (!isProfiles)
    throw new UsageError(
      `Expected ${file} to hold \`currentApiConfigName\` and \`apiConfigs\`, got ${kindOf(profiles)}`,
    );
  return profiles as ProviderProfiles;
}

function sample(name: string): string {
  return fileURLToPath(new URL(name, SAMPLES));
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(
      `Expected ${file} to be a file that can be read, got ${(error as NodeJS.ErrnoException).code}`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    // Without the parser's words: they quote the file, and it may hold keys.
    throw new UsageError(`Expected ${file} to hold JSON, got ${text.length} characters that are not`);
  }
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length} of something else`;
  // Neither the names in it nor a value: who gives the wrong file may give one that holds keys.
  if (typeof value !== "object" || value === null) return value === undefined ? "undefined" : `a ${typeof value}`;
  return `an object of ${Object.keys(value).length} others`;
}
