import { expect } from "chai";
import type { MirrorOptions } from "redis-mirrored";
import { examine } from "#dist/doctor/examine.js";
import type { CheckName, Finding, Severity } from "#dist/doctor/finding.js";
import type { Parts } from "#dist/doctor/visit.js";
import { translated } from "#dist/extension/test-connection.js";
import { expectChinese, inChinese } from "../support/chinese.js";
import { KEY } from "../support/mirrors.js";

/** A finding as the command says it. */
export interface SaidFinding extends Pick<Finding, "check" | "severity"> {
  readonly message: string;
  readonly remedy?: string;
}

/** Everything that is found, with options that ask nothing of the environment. */
export async function findingsOf(options: MirrorOptions = {}, parts: Partial<Parts> = {}): Promise<SaidFinding[]> {
  const findings: SaidFinding[] = [];
  for await (const finding of examine({ userId: "alice", keys: [KEY], env: {}, ...options }, parts)) {
    // Whatever is found can be said to who reads Chinese.
    for (const words of [finding.message, finding.remedy])
      if (words !== undefined) expectChinese(translated(words, inChinese));
    findings.push(JSON.parse(JSON.stringify(finding)) as SaidFinding);
  }
  for (const { severity, message, remedy } of findings) {
    expect(message).to.match(/^[^\p{Ll}`].*\.$|^[a-z0-9.[`].*\.$/su);
    // Whoever is warned is told what to do.
    if (severity === "warning" || severity === "error") expect(remedy, message).to.match(/\S/);
  }
  return findings;
}

/** On a server of this machine. */
export function findingsAt(
  port: number,
  options: MirrorOptions = {},
  parts: Partial<Parts> = {},
): Promise<SaidFinding[]> {
  return findingsOf({ ...options, redis: { host: "127.0.0.1", port, ...options.redis } }, parts);
}

/** The findings of one check. */
export function of(findings: readonly SaidFinding[], check: CheckName | "skipped"): SaidFinding[] {
  return findings.filter((finding) => finding.check === check);
}

/** All that is worse than good to know. */
export function troubles(findings: readonly SaidFinding[]): SaidFinding[] {
  return findings.filter(({ severity }) => severity === "warning" || severity === "error");
}

/** Expects one finding of a check: how bad it is, and what it and its remedy say. */
export function expectOne(
  findings: readonly SaidFinding[],
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
