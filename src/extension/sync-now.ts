import type { CommandParts } from "./commands.js";
import { describeReason } from "./reasons.js";
import { reportHealth, describeHealth } from "./status-view.js";
import { showLocalStores, userOf } from "./stores.js";

/** Longer than a batch takes on a slow link; whoever has asked waits. */
const PATIENCE_MS = 15_000;

/** Compares what is kept here with the mirror, sends what that lacks, and says whether all of it is in Redis. */
export async function syncNow({ context, window, mirror, stores }: CommandParts): Promise<void> {
  const t = window.translate;
  const report = reportHealth(mirror?.status, userOf(mirror));
  if (mirror === undefined || report.health === "disabled" || report.health === "misconfigured")
    return window.warn(describeHealth(report, t).join(" "));
  if (report.userId === undefined) return window.warn(t("Nobody is signed in, so nothing is mirrored."));
  const result = await window.withProgress(t("Redis Mirror: syncing"), async () => {
    await showLocalStores(context, stores);
    return mirror.sync({ timeoutMs: PATIENCE_MS });
  });
  if (!result.flushed)
    return window.warn(t("Not all of it is in Redis: {reason}", { reason: describeReason(result.reason, t) }));
  window.inform(t("All that is saved here is in Redis."));
}
