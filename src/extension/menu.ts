import type { Mirror } from "../index.js";
import { needsSomebody } from "./reasons.js";
import { describeHealth, type HealthReport, reportHealth } from "./status-view.js";
import { userOf } from "./stores.js";
import type { Choice, HostWindow, Translate } from "./window.js";

/** The commands that fit how the mirror is, the most likely first. */
export async function showMenu(window: HostWindow, mirror: Mirror | undefined): Promise<void> {
  const report = reportHealth(mirror?.status, userOf(mirror));
  const [heading = ""] = describeHealth(report, window.translate);
  const command = await window.pick(heading, choicesFor(report, window.translate));
  if (command === OPEN_SETTINGS) window.settings.open("redisMirrored");
  else if (command !== undefined) await window.execute(`redisMirrored.${command}`);
}

const OPEN_SETTINGS = "settings";

function choicesFor({ health, cause }: HealthReport, t: Translate): Choice<string>[] {
  const choices: Readonly<Record<string, string>> = {
    showStatus: `$(info) ${t("Show Status")}`,
    syncNow: `$(sync) ${t("Sync Now")}`,
    restore: `$(history) ${t("Restore from Redis…")}`,
    testConnection: `$(plug) ${t("Test Connection")}`,
    setPassword: `$(lock) ${t("Set Password")}`,
    importKey: `$(key) ${t("Import Mirror Key")}`,
    showKey: `$(key) ${t("Copy Mirror Key")}`,
    [OPEN_SETTINGS]: `$(gear) ${t("Open Settings")}`,
    showLog: `$(output) ${t("Show Log")}`,
    enable: `$(play) ${t("Enable")}`,
    disable: `$(circle-slash) ${t("Disable")}`,
    openWalkthrough: `$(book) ${t("Get Started")}`,
  };
  return namesFor(health, cause).map((value) => ({ label: choices[value]!, value }));
}

function namesFor(health: HealthReport["health"], cause: HealthReport["cause"]): string[] {
  if (health === "disabled") return ["enable", "showStatus", OPEN_SETTINGS, "showLog", "openWalkthrough"];
  if (health === "misconfigured") return [OPEN_SETTINGS, "showStatus", "showLog", "disable", "openWalkthrough"];
  const usual = ["showStatus", "syncNow", "restore", "testConnection", "setPassword", "showKey", "importKey"];
  const first =
    health !== "degraded"
      ? []
      : cause === "login"
        ? ["setPassword", "testConnection"]
        : cause === "unknown-key"
          ? ["importKey"]
          : needsSomebody(cause)
            ? ["testConnection", OPEN_SETTINGS]
            : ["testConnection"];
  return [...new Set([...first, ...usual, OPEN_SETTINGS, "showLog", "disable", "openWalkthrough"])];
}
