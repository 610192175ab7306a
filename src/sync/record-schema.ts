import { isPromise } from "node:util/types";
import { UnreadableValueError } from "./errors.js";
import type { RecordDefinition } from "./records.js";

/**
 * What zod, valibot, arktype and others have in common. What it answers decides, and not what it makes of the value: the
 * host gets that as it was saved. It must answer synchronously.
 * @see https://standardschema.dev
 */
export interface StandardSchema {
  readonly "~standard": { readonly validate: (value: unknown) => unknown };
}

/** Whether a value of a document, or an item of a collection, is one that the host can work with. */
export type RecordSchema = StandardSchema | ((value: unknown) => boolean);

/** `undefined` where it is neither of the two. */
export function predicateOf(schema: unknown): ((value: unknown) => boolean) | undefined {
  // First, because the schemas of some libraries are functions too.
  const standard = (schema as Partial<StandardSchema> | null | undefined)?.["~standard"];
  if (typeof standard?.validate === "function") return (value) => isWithoutIssues(standard.validate(value));
  return typeof schema === "function" ? (value) => schema(value) === true : undefined;
}

function isWithoutIssues(result: unknown): boolean {
  if (isPromise(result)) {
    // Whoever waits for a record does not wait for this too. What comes of it is of no interest.
    result.catch(() => {});
    return false;
  }
  return typeof result === "object" && result !== null && (result as { issues?: unknown }).issues === undefined;
}

/** What of a value from Redis the host may get. */
export interface AcceptedValue {
  readonly value: unknown;
  /** How many items of a collection are not in it. */
  readonly leftOut: number;
}

/** @throws UnreadableValueError for a document that does not pass. */
export function acceptValue(record: RecordDefinition, value: unknown): AcceptedValue {
  if (record.kind === "document") {
    if (!passes(record, value)) throw new UnreadableValueError("It does not pass the record's schema.");
    return { value, leftOut: 0 };
  }
  const items = value as readonly unknown[];
  const accepted = items.filter((item) => passes(record, item));
  return { value: accepted, leftOut: items.length - accepted.length };
}

/** A schema that throws has not said yes. */
function passes({ schema }: RecordDefinition, value: unknown): boolean {
  try {
    return schema(value);
  } catch {
    return false;
  }
}
