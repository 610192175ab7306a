import type { RestoreOutcome } from "../sync/mirror-events.js";

/** The name of the meter and of the tracer. */
export const SCOPE = "redis-mirrored";

/** Of metrics and spans: what has few values. No user, no key, no value. */
export const ATTRIBUTES = {
  system: "db.system.name",
  operation: "db.operation.name",
  batchSize: "db.operation.batch.size",
  error: "error.type",
  /** As it is called in the catalogue. */
  record: "redis_mirrored.record",
  reason: "redis_mirrored.reason",
  outcome: "redis_mirrored.outcome",
  state: "redis_mirrored.state",
  breakerState: "redis_mirrored.breaker.state",
  bytes: "redis_mirrored.batch.size",
} as const;

export function failureOf(code: string | undefined): { [ATTRIBUTES.error]?: string } {
  return code === undefined ? {} : { [ATTRIBUTES.error]: code };
}

/** A host that has saved meanwhile, and a mirror that has nothing, are no errors. */
const FAILED_RESTORES: ReadonlySet<RestoreOutcome> = new Set(["unreadable", "timed-out", "unavailable", "refused"]);

/** Where a restore has failed: its outcome, as the type of the error. */
export function codeOfRestore(outcome: RestoreOutcome): string | undefined {
  return FAILED_RESTORES.has(outcome) ? outcome : undefined;
}
