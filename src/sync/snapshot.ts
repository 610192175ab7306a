import { isNumberObject } from "node:util/types";
import type { RecordDefinition } from "./records.js";
import { isPrototypal, MAX_NESTING, MAX_VALUES } from "./stored-json.js";

/** A value as it stood at one moment, as JSON; or why it has none. */
export type Snapshot = { readonly text: string } | { readonly refusal: string };

/**
 * Takes down a value at the door, so that nothing the caller does to it afterwards is seen.
 * A value that JSON would silently change (a Map into `{}`, NaN into `null`) is refused, not changed.
 * The refusal names the kind of thing that was found and nothing of what it held.
 */
export function takeSnapshot(record: RecordDefinition, value: unknown): Snapshot {
  if (record.kind === "collection" && !Array.isArray(value)) {
    return refuseToList(value);
  }
  return takeJson(record.kind === "collection" ? newestFirst(value as unknown[], record) : value);
}

/** What is said to a collection that is no array. */
export function refuseToList(value: unknown): { readonly refusal: string } {
  return { refusal: `expected an array, got ${nameOf(value)}` };
}

/** The same of a value by itself, whatever record it is of. */
export function takeJson(value: unknown): Snapshot {
  let text: string | undefined;
  try {
    // First, because it ends on a cycle, which the walk below would not.
    text = JSON.stringify(value);
  } catch (error) {
    // The message would name the properties on the way: those may be anybody's words.
    return {
      refusal:
        error instanceof RangeError
          ? /string/.test(error.message)
            ? "it is too large"
            : TOO_DEEP
          : "it holds a BigInt, a cycle or a throwing `toJSON`",
    };
  }
  if (text === undefined) return { refusal: `JSON cannot carry ${nameOf(value)}` };
  valuesLeft = MAX_VALUES;
  // One level is left for the list of which it may be an item.
  const stranger = findStranger(value, MAX_NESTING - 1);
  if (stranger === undefined) return { text };
  return { refusal: BEYOND_BOUNDS.has(stranger) ? stranger : `JSON cannot carry ${stranger}` };
}

/** What a reader would refuse, so that it is not mirrored in vain. */
const TOO_DEEP = "it is nested too deeply";
const TOO_MANY = `it holds more than ${MAX_VALUES} values`;
const BEYOND_BOUNDS: ReadonlySet<string> = new Set([TOO_DEEP, TOO_MANY]);

/** Of the value that is being looked through: one at a time is. */
let valuesLeft = 0;

/** The first thing in a value that JSON would drop or turn into something else, by its kind. */
function findStranger(value: unknown, levelsLeft: number): string | undefined {
  if (--valuesLeft < 0) return TOO_MANY;
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : "NaN or Infinity";
    case "object":
      return value === null ? undefined : findStrangerInside(value, levelsLeft);
    default:
      return nameOf(value);
  }
}

function findStrangerInside(value: object, levelsLeft: number): string | undefined {
  // What says itself how it is to be written (a Date, a URL) is taken at its word.
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    if (value instanceof Date) return Number.isFinite(value.getTime()) ? undefined : "an invalid Date";
    const word: unknown = toJSON.call(value, "");
    // JSON asks once: what the answer has of `toJSON` itself is not called.
    return typeof word === "object" && word !== null
      ? findStrangerWithin(word, levelsLeft)
      : findStranger(word, levelsLeft);
  }
  return findStrangerWithin(value, levelsLeft);
}

function findStrangerWithin(value: object, levelsLeft: number): string | undefined {
  if (levelsLeft === 0) return TOO_DEEP;
  if (Array.isArray(value)) {
    // By index and not by iterator: holes count, and it is four times as fast.
    for (let index = 0; index < value.length; index++) {
      const stranger = findStranger(value[index], levelsLeft - 1);
      if (stranger !== undefined) return stranger;
    }
    return undefined;
  }
  if (isNumberObject(value)) return findStranger(value.valueOf(), levelsLeft);
  if (!isRecordLike(value)) return nameOf(value);
  if (isPrototypal(value)) return "what every object inherits";
  for (const key in value) {
    const property = (value as Record<string, unknown>)[key];
    // A property that is undefined is one that is not there, in JSON as in the host's own store.
    if (property === undefined) continue;
    const stranger = findStranger(property, levelsLeft - 1);
    if (stranger !== undefined) return stranger;
  }
  return undefined;
}

/** Objects whose own enumerable properties are all there is to them, and boxed primitives; numbers were looked at before. */
function isRecordLike(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return ["Object", "String", "Boolean"].includes(tagOf(value));
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

function nameOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  const kind = typeof value === "object" ? tagOf(value) : typeof value;
  return /^[aeiou]/i.test(kind) ? `an ${kind}` : `a ${kind}`;
}

/** The `limit` newest items, newest first, equally new ones in the host's order. The host's array is left as it is. */
export function newestFirst(items: readonly unknown[], record: RecordDefinition): readonly unknown[] {
  const sorted = sortNewestFirst(items, record).items;
  return sorted.length <= record.limit ? sorted : sorted.slice(0, record.limit);
}

/** All items in that order, and how new each of them is. Those of a list that is in order already are not copied. */
export function sortNewestFirst(
  items: readonly unknown[],
  record: RecordDefinition,
): { readonly items: readonly unknown[]; readonly recencies: readonly number[] } {
  const recencies: number[] = [];
  let isSorted = true;
  for (let index = 0; index < items.length; index++) {
    const recency = recencyOf(items[index], record);
    if (index > 0 && recency > recencies[index - 1]!) isSorted = false;
    recencies.push(recency);
  }
  if (isSorted) return { items, recencies };
  const order = recencies.map((_recency, index) => index).sort((a, b) => recencies[b]! - recencies[a]!);
  return { items: order.map((index) => items[index]), recencies: order.map((index) => recencies[index]!) };
}

function recencyOf(item: unknown, record: RecordDefinition): number {
  const recency = record.recency(item);
  // Below every date, and finite: two of them must compare as equal, not as NaN.
  return Number.isFinite(recency) ? recency! : -Number.MAX_VALUE;
}
