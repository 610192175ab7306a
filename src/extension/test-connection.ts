import type { CommandParts } from "./commands.js";
import { describeHealth, reportHealth } from "./status-view.js";
import { userOf } from "./stores.js";

/** Says why it does not work. */
export async function testConnection({ window, mirror }: CommandParts): Promise<void> {
  const t = window.translate;
  const report = reportHealth(mirror?.status, userOf(mirror));
  window.inform(describeHealth(report, t).join(" "));
}
