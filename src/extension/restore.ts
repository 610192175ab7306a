import type { Mirror, RecordVersion } from "../index.js";
import { BUILT_IN_RECORDS } from "../sync/records.js";
import type { CommandParts } from "./commands.js";
import { isAdoptable, type KeptRecord, localValueOf, adoptVersion, replacedBy } from "./kept-record.js";
import { previewTexts } from "./preview.js";
import { describeBytes, describeReason, describeSpan, describeTime } from "./reasons.js";
import { describeHealth, reportHealth } from "./status-view.js";
import { catalogueOf, userOf } from "./stores.js";
import type { Choice, HostWindow, Translate } from "./window.js";

/** Longer than a batch takes on a slow link. */
const PATIENCE_MS = 15_000;

/** Asks for a record and a version where the call names none, shows what would change, asks, and takes it over. */
export async function restore(parts: CommandParts, target: unknown): Promise<void> {
  const { window } = parts;
  const t = window.translate;
  const mirror = activeMirror(parts);
  if (mirror === undefined) return;
  const kept = await chooseKept(parts, mirror, target);
  if (kept === undefined) return;
  const { record, version } = kept;
  const value = await showPreview(parts, mirror, kept);
  const isAgreed = await window.confirm(
    t("Replace the local {record} by the version of {time}?", { record, time: describeTime(version.savedAt) }),
    t("What is replaced stays in Redis among the kept versions, and can be restored in the same way."),
    t("Restore"),
  );
  if (!isAgreed) return window.inform(t("Nothing was changed."));
  const problem = await window.withProgress(t("Redis Mirror: restoring"), async () => {
    // Only what is in Redis can be brought back from there.
    const sent = await mirror.flush({ timeoutMs: PATIENCE_MS });
    if (!sent.flushed) return sent.reason;
    const local = await localValueOf(parts, record);
    await mirror.restore({ record, version: version.version, local, timeoutMs: PATIENCE_MS });
    await adoptVersion(parts, record, value);
    return undefined;
  });
  if (problem !== undefined)
    return window.warn(
      t(
        "Nothing was changed: the latest saves are not in Redis, so what is replaced could not be brought back. {reason}",
        {
          reason: describeReason(problem, t),
        },
      ),
    );
  parts.tree()?.refresh();
  window.inform(
    t("The local {record} is what it was at {time}. What was replaced is among the kept versions.", {
      record,
      time: describeTime(version.savedAt),
    }),
  );
}

/** Shows what a version holds beside what is here, and changes nothing. */
export async function preview(parts: CommandParts, target: unknown): Promise<void> {
  const mirror = activeMirror(parts);
  const kept = mirror && (await chooseKept(parts, mirror, target));
  if (kept !== undefined) await showPreview(parts, mirror!, kept);
}

/** `undefined`: there is none, and why was said. */
function activeMirror({ window, mirror }: CommandParts): Mirror | undefined {
  const report = reportHealth(mirror?.status, userOf(mirror));
  const isOff = report.health === "disabled" || report.health === "misconfigured";
  if (mirror !== undefined && !isOff && report.userId !== undefined) return mirror;
  window.warn(describeHealth(report, window.translate).join(" "));
  return undefined;
}

/** The answer is the version's value. */
async function showPreview(parts: CommandParts, mirror: Mirror, kept: KeptRecord): Promise<unknown> {
  const { window } = parts;
  const t = window.translate;
  const { record, version } = kept;
  const value = await mirror.readVersion({ record, version: version.version });
  const local = await localValueOf(parts, record);
  const definition = catalogueOf(mirror).find(record);
  const [before = "", after = ""] = previewTexts(definition, local, replacedBy(parts, record, local, value));
  await window.documents.compare(
    t("{record}: on this machine ↔ Redis, {time}", { record, time: describeTime(version.savedAt) }),
    { name: `${record}.local.json`, text: before },
    { name: `${record}.json`, text: after },
  );
  return value;
}

async function chooseKept(parts: CommandParts, mirror: Mirror, target: unknown): Promise<KeptRecord | undefined> {
  const { window } = parts;
  const t = window.translate;
  const named = namedBy(target);
  if (named?.version !== undefined) {
    const versions = await restorableVersions(mirror, named.record);
    const version = versions.find((each) => each.version === named.version);
    if (version !== undefined) return { record: named.record, version };
    window.warn(t("This version is not kept any more."));
    return undefined;
  }
  const record = named?.record ?? (await chooseRecord(window));
  if (record === undefined) return undefined;
  const versions = await window.withProgress(t("Redis Mirror: looking at what is there"), () =>
    restorableVersions(mirror, record),
  );
  if (versions.length === 0) {
    window.inform(t("Redis holds no version of {record}.", { record }));
    return undefined;
  }
  const version = await window.pick(
    t("Restore {record}: which version?", { record }),
    versions.map((each) => toChoice(each, t)),
  );
  return version && { record, version };
}

/** That a record was deleted is a version too, and holds nothing that could be restored. */
async function restorableVersions(mirror: Mirror, record: string): Promise<RecordVersion[]> {
  return (await mirror.history({ record })).filter(({ bytes }) => bytes > 0);
}

async function chooseRecord(window: HostWindow): Promise<string | undefined> {
  const t = window.translate;
  const records = BUILT_IN_RECORDS.map(({ name }) => name).filter(isAdoptable);
  return window.pick(
    t("Restore from Redis: which record?"),
    records.map((value) => ({ label: value, description: describeRecord(value, t), value })),
  );
}

/** What each is, for who does not know its name. */
export function describeRecord(record: string, t: Translate): string {
  const descriptions: Readonly<Record<string, () => string>> = {
    taskHistory: () => t("the list of tasks"),
    provider: () => t("the provider profiles, with their API keys"),
    customInstructions: () => t("the custom instructions"),
    customModes: () => t("the custom modes"),
    pinnedApiConfigs: () => t("the pinned profiles"),
    mcpSettings: () => t("the MCP servers"),
  };
  return descriptions[record]?.() ?? "";
}

function toChoice(version: RecordVersion, t: Translate): Choice<RecordVersion> {
  const { savedAt, bytes, writer, isCurrent } = version;
  const age = describeSpan(Date.now() - savedAt.getTime(), t);
  return {
    label: describeTime(savedAt),
    description: isCurrent ? t("the current one in Redis") : t("{age} ago", { age }),
    detail: t("{size}, saved by {writer}", { size: describeBytes(bytes), writer }),
    value: version,
  };
}

/** A line of the tree that the command was called on. */
function namedBy(target: unknown): { record: string; version: string | undefined } | undefined {
  const { record, version } = (target ?? {}) as { record?: unknown; version?: unknown };
  if (typeof record !== "string" || !isAdoptable(record)) return undefined;
  return { record, version: typeof version === "string" ? version : undefined };
}
