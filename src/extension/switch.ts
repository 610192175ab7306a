import type { CommandParts } from "./commands.js";
import { describeHealth, reportHealth } from "./status-view.js";
import { userOf } from "./stores.js";

/** Turns the mirror on or off, for all windows and until it is said otherwise: it is a setting. */
export async function switchMirror({ window, mirror }: CommandParts, isOn: boolean): Promise<void> {
  const t = window.translate;
  if (mirror === undefined) return window.warn(t("No mirror is installed."));
  await window.settings.update("enabled", isOn);
  // The window tells of it too; this is for the answer.
  await mirror.configure();
  // A host may have said otherwise, also by an option, which goes before the setting.
  if ((mirror.status.state === "disabled") === isOn) await (isOn ? mirror.enable() : mirror.disable());
  if (!isOn) return window.inform(t("Redis Mirror is disabled. What you save stays on this machine."));
  const report = reportHealth(mirror.status, userOf(mirror));
  if (report.health === "misconfigured") return window.warn(describeHealth(report, t).join(" "));
  window.inform(t("Redis Mirror is enabled."));
}
