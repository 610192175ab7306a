import type { Mirror } from "../index.js";
import { isShowableHost } from "../sync/plaintext.js";
import { nameOf } from "../sync/redis-address.js";
import { describeBytes, describeTime } from "./reasons.js";
import { describeHealth, reportHealth } from "./status-view.js";
import { settingsOf, userOf } from "./stores.js";
import type { HostWindow } from "./window.js";

/** All that the status bar says, and the figures, in a document to be read and passed on. */
export async function showStatus(window: HostWindow, mirror: Mirror | undefined): Promise<void> {
  const t = window.translate;
  const userId = userOf(mirror);
  const report = reportHealth(mirror?.status, userId);
  const { status } = report;
  const [heading = "", ...lines] = describeHealth(report, t);
  const text = [
    heading,
    "=".repeat(2 * heading.length),
    "",
    ...lines,
    "",
    ...placeOf(mirror, window),
    ...(userId === undefined ? [] : [t("User: {userId}", { userId })]),
    "",
    t("Saves taken: {count}", { count: status.saves }),
    t("Batches sent: {count}", { count: status.batches }),
    t("Values in Redis: {count} ({size})", { count: status.sentKeys, size: describeBytes(status.sentBytes) }),
    t("Waiting: {count} ({size})", { count: status.pending, size: describeBytes(status.pendingBytes) }),
    "",
    t("As of {time}.", { time: describeTime(new Date()) }),
  ];
  await window.documents.show("Redis Mirror.txt", `${text.join("\n")}\n`);
}

function placeOf(mirror: Mirror | undefined, { translate: t }: HostWindow): string[] {
  const settings = settingsOf(mirror);
  if (settings === undefined) return [];
  const { address, instanceId } = settings;
  const servers = address.cluster ?? address.sentinels?.endpoints ?? [address];
  const lines = [
    t("Server: {servers}, database {database}", {
      // The document is passed on, and what is no host's name may be a URL with a password in it.
      servers: servers.map(({ host, port }) => nameOf({ host: isShowableHost(host) ? host : "?", port })).join(", "),
      database: address.database,
    }),
    address.tls === undefined ? t("TLS: no") : t("TLS: yes"),
  ];
  return instanceId === "" ? lines : [...lines, t("Instance: {instanceId}", { instanceId })];
}
