import type { Finding, Severity } from "../doctor/finding.js";
import type { Words } from "../doctor/words.js";
import type { MirrorOptions } from "../index.js";
import type { CommandParts } from "./commands.js";
import { describeExpected } from "./mistakes.js";
import { describeReason } from "./reasons.js";
import { userOf } from "./stores.js";
import type { Translate } from "./window.js";

const SEVERITIES: readonly Severity[] = ["ok", "note", "warning", "error"];

/**
 * Finds out why it does not work: what was found is in the log, line by line and in English as all of it, and a message says
 * what comes of it in the language of the window.
 */
export async function testConnection({ window, mirror, log, options }: CommandParts): Promise<void> {
  const t = window.translate;
  const findings = await window.withProgress(t("Redis Mirror: testing the connection"), () =>
    examineAll({ ...options, ...currentUser(mirror) }),
  );
  log.answer(findings.map(lineOf));
  const worst = SEVERITIES.findLast((severity) => findings.some((finding) => finding.severity === severity)) ?? "ok";
  const message = describeOutcome(worst, findings, t);
  if (worst === "ok" || worst === "note") return window.inform(message);
  const showLog = t("Show Log");
  if ((await window.offer(message, worst, [showLog])) === showLog) log.show();
}

async function examineAll(options: MirrorOptions): Promise<Finding[]> {
  const { examine } = await import("../doctor/examine.js");
  const findings: Finding[] = [];
  for await (const finding of examine(options)) findings.push(finding);
  return findings;
}

/** Whoever is signed in, whatever the settings say. */
function currentUser(mirror: CommandParts["mirror"]): Pick<MirrorOptions, "userId"> {
  const userId = userOf(mirror);
  return userId === undefined ? {} : { userId };
}

function lineOf({ check, severity, message, remedy }: Finding): string {
  return `[${severity}] ${check}: ${message}${remedy === undefined ? "" : ` → ${remedy}`}`;
}

/** The first of the worst, in the words of who found it; the others are counted. */
function describeOutcome(worst: Severity, findings: readonly Finding[], t: Translate): string {
  if (worst === "ok" || worst === "note") return t("The mirror can work: all is as it should be.");
  const those = findings.filter(({ severity }) => severity === worst);
  const [message = "", remedy = ""] = [those[0]?.message, those[0]?.remedy].map((each) => each && translated(each, t));
  const count = those.length;
  if (worst === "error")
    return count === 1
      ? t("The mirror does not work. {message} {remedy}", { message, remedy })
      : t("The mirror does not work, for {count} reasons. {message} {remedy}", { count, message, remedy });
  return count === 1
    ? t("The mirror works, but not as well as it could. {message} {remedy}", { message, remedy })
    : t("The mirror works, but not as well as it could, for {count} reasons. {message} {remedy}", {
        count,
        message,
        remedy,
      });
}

/** What the doctor says, in the language of the window. */
export function translated(words: Words, t: Translate): string {
  return words.in({ say: t, repeat: (saying) => describeExpected(saying, t) ?? describeReason(saying, t) });
}
