import type { MirrorStatus } from "../index.js";
import { NOTHING_DONE } from "../sync/mirror-events.js";
import {
  type Cause,
  causeOf,
  describeBytes,
  describeReason,
  describeTime,
  needsSomebody,
  remedyOf,
} from "./reasons.js";
import type { StatusView, Translate } from "./window.js";

/** How the mirror is, in the words of who only wants to know whether it works. */
export type MirrorHealth = "in sync" | "syncing" | "degraded" | "disabled" | "misconfigured";

/** As it is shown, and why. */
export interface HealthReport {
  readonly health: MirrorHealth;
  readonly cause: Cause | undefined;
  readonly status: MirrorStatus;
  /** `undefined`: nobody is signed in. */
  readonly userId: string | undefined;
}

/** `undefined`: none is installed. */
export function reportHealth(status: MirrorStatus | undefined, userId: string | undefined): HealthReport {
  const known = status ?? DISABLED;
  return { health: healthOf(known, userId), cause: causeOf(known), status: known, userId };
}

const DISABLED: MirrorStatus = { state: "disabled", since: new Date(0), ...NOTHING_DONE };

function healthOf({ state, pending, reason }: MirrorStatus, userId: string | undefined): MirrorHealth {
  if (state === "disabled" || state === "misconfigured" || state === "degraded") return state;
  // Redis takes others and refuses a record.
  if (state === "connected" && reason !== undefined) return "degraded";
  if (pending > 0) return "syncing";
  // There is nobody whose records could be sent.
  return state === "connected" || userId === undefined ? "in sync" : "syncing";
}

const ICONS: Readonly<Record<MirrorHealth, string>> = {
  "in sync": "check",
  syncing: "sync~spin",
  degraded: "warning",
  disabled: "circle-slash",
  misconfigured: "error",
};

/** What stands in the status bar. */
export function toStatusView(report: HealthReport, t: Translate): StatusView {
  const { health, cause } = report;
  const [heading, ...lines] = describeHealth(report, t);
  return {
    icon: ICONS[health],
    text: "Redis Mirror",
    severity: severityOf(health, cause),
    tooltip: [heading!, ...lines],
    label: [heading!, ...lines].join(" "),
  };
}

/** A server that is away is no reason to be loud: it comes back by itself, and local work goes on. */
function severityOf(health: MirrorHealth, cause: Cause | undefined): StatusView["severity"] {
  if (health === "misconfigured") return "error";
  return health === "degraded" && needsSomebody(cause) ? "warning" : "none";
}

/** Since when, why, what is pending, and what to do, a line each; the first is a heading. */
export function describeHealth({ health, cause, status, userId }: HealthReport, t: Translate): string[] {
  const { since, reason, pending, pendingBytes, warnings = [] } = status;
  const names: Readonly<Record<MirrorHealth, () => string>> = {
    "in sync": () => t("Redis Mirror: in sync"),
    syncing: () => t("Redis Mirror: syncing"),
    degraded: () => t("Redis Mirror: degraded"),
    disabled: () => t("Redis Mirror: disabled"),
    misconfigured: () => t("Redis Mirror: misconfigured"),
  };
  const lines = [names[health]()];
  if (since.getTime() > 0) lines.push(t("Since {time}.", { time: describeTime(since) }));
  if (reason !== undefined) lines.push(describeReason(reason, t));
  if (pending > 0)
    lines.push(
      pending === 1
        ? t("1 record ({size}) waits to be sent.", { size: describeBytes(pendingBytes) })
        : t("{count} records ({size}) wait to be sent.", { count: pending, size: describeBytes(pendingBytes) }),
    );
  if (health === "disabled") lines.push(t("What you save stays on this machine. Enable it to mirror it."));
  else if (userId === undefined && health !== "misconfigured")
    lines.push(t("Nobody is signed in, so nothing is mirrored."));
  const remedy = remedyOf(cause, t);
  if (remedy !== undefined) lines.push(remedy);
  for (const warning of warnings) lines.push(describeWarning(warning, t));
  return lines;
}

function describeWarning(warning: string, t: Translate): string {
  const hosts = /^What goes to (.+?) is not encrypted: /.exec(warning)?.[1];
  if (hosts === undefined) return warning;
  return t("What goes to {hosts} is not encrypted: turn on TLS in the settings.", { hosts });
}
