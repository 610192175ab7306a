import type { Words } from "./words.js";

/** What is looked at, in this order. The names stay; docs/doctor.md has a section for each. */
export const CHECKS = [
  "settings",
  "user",
  "keys",
  "resolve",
  "reach",
  "tls",
  "protocol",
  "sentinels",
  "cluster",
  "authentication",
  "server",
  "role",
  "database",
  "rights",
  "sharing",
  "eviction",
  "memory",
  "persistence",
  "clock",
  "latency",
  "records",
  "decryption",
] as const;

export type CheckName = (typeof CHECKS)[number];

/**
 * `ok`: as it should be. `note`: good to know, and nothing has to be done. `warning`: it works, but not as well or as safely
 * as it should. `error`: the mirror, or a part of it, does not work.
 */
export type Severity = "ok" | "note" | "warning" | "error";

/** One thing that was found. Neither text, in whatever language, holds a secret, a value, or anything that a terminal would obey. */
export interface Finding {
  /** A `CheckName`, or `skipped`: it says which were not looked at. */
  readonly check: CheckName | "skipped";
  readonly severity: Severity;
  /** One or two sentences. */
  readonly message: Words;
  /** What to do, where something is to be done. */
  readonly remedy?: Words;
}

/** Findings of one check, as it goes on; the answer is what the checks after it need to know. */
export type Findings<Known = void> = AsyncGenerator<Finding, Known, undefined>;

export function ok(check: CheckName, message: Words): Finding {
  return { check, severity: "ok", message };
}

export function note(check: Finding["check"], message: Words, remedy?: Words): Finding {
  return { check, severity: "note", message, ...(remedy !== undefined && { remedy }) };
}

export function warning(check: CheckName, message: Words, remedy: Words): Finding {
  return { check, severity: "warning", message, remedy };
}

export function error(check: CheckName, message: Words, remedy: Words): Finding {
  return { check, severity: "error", message, remedy };
}
