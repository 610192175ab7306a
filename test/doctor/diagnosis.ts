import { expect } from "chai";
import type { MirrorOptions } from "redis-mirrored";
import { examine } from "#dist/doctor/examine.js";
import type { CheckName, Finding, Severity } from "#dist/doctor/finding.js";
import type { Parts } from "#dist/doctor/visit.js";
import { KEY } from "../support/mirrors.js";

/** Everything that is found, with options that ask nothing of the environment. */
export async function findingsOf(options: MirrorOptions = {}, parts: Partial<Parts> = {}): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of examine({ userId: "alice", keys: [KEY], env: {}, ...options }, parts))
    findings.push(finding);
  for (const { severity, message, remedy } of findings) {
    expect(message).to.match(/^[^\p{Ll}`].*\.$|^[a-z0-9.[`].*\.$/su);
    // Whoever is warned is told what to do.
    if (severity === "warning" || severity === "error") expect(remedy, message).to.match(/\S/);
  }
  return findings;
}

/** On a server of this machine. */
export function findingsAt(port: number, options: MirrorOptions = {}, parts: Partial<Parts> = {}): Promise<Finding[]> {
  return findingsOf({ ...options, redis: { host: "127.0.0.1", port, ...options.redis } }, parts);
}

/** The findings of one check. */
export function of(findings: readonly Finding[], check: CheckName | "skipped"): Finding[] {
  return findings.filter((finding) => finding.check === check);
}

/** All that is worse than good to know. */
export function troubles(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity === "warning" || severity === "error");
}

/** Expects one finding of a check: how bad it is, and what it and its remedy say. */
export function expectOne(
  findings: readonly Finding[],
  check: CheckName | "skipped",
  severity: Severity,
  message: RegExp | string,
  remedy?: RegExp | string,
): void {
  const found = of(findings, check);
  expect(found, check).to.have.length(1);
  const [finding] = found;
  expect(finding!.severity, finding!.message).to.equal(severity);
  if (typeof message === "string") expect(finding!.message).to.contain(message);
  else expect(finding!.message).to.match(message);
  if (typeof remedy === "string") expect(finding!.remedy).to.contain(remedy);
  else if (remedy !== undefined) expect(finding!.remedy).to.match(remedy);
}
