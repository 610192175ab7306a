import type { Logger } from "../settings/logger.js";
import type { RedisSyncService } from "../sync/redis-sync-service.js";

const HOUR_MS = 60 * 60 * 1000;

/**
 * A line for each change of state and one for each kind of loss: a mirror that is down all day is one line, not one a save.
 * The answer says one of the status's warnings that came after the connection, once.
 */
export function logEvents(service: RedisSyncService, logger: Logger): (warning: string) => void {
  const warned = new Set<string>();
  const warnOnce = (key: string, message: string) => {
    if (warned.has(key)) return;
    warned.add(key);
    logger.warn(message);
  };
  const warnOf = (warning: string) => warnOnce(warning, `redis-mirrored: ${warning}`);
  service.on("status", ({ state, reason, pending, warnings = [] }) => {
    if (state === "connected") {
      logger.info("redis-mirrored: connected.");
      warnings.forEach(warnOf);
    }
    if (state !== "degraded") return;
    const waiting = pending === 1 ? "1 record waits" : `${pending} records wait`;
    logger.warn(`redis-mirrored: Redis cannot be used. ${reason ?? ""} Local work is unaffected; ${waiting}.`);
  });
  service.on("breaker", ({ from, to, reason }) => {
    // Closing is the status line above. A long outage is one warning, and a line a minute for who looks for them.
    if (from === "closed") logger.warn(`redis-mirrored: writing pauses after repeated failures. ${reason ?? ""}`);
    else if (to !== "closed")
      logger.debug?.(
        to === "open"
          ? "redis-mirrored: the probe failed; writing stays paused."
          : "redis-mirrored: one attempt, to see.",
      );
  });
  service.on("dropped", ({ record, reason, detail }) => {
    if (reason !== "closed")
      warnOnce(`${record} ${reason}`, `redis-mirrored: \`${record}\` is not mirrored: ${detail}.`);
  });
  service.on("held", ({ record, reason }) => {
    warnOnce(`${record} ${reason}`, `redis-mirrored: \`${record}\` waits while others are mirrored. ${reason}`);
  });
  service.on("skew", ({ writer, aheadMs }) => {
    const hours = Math.round(aheadMs / HOUR_MS);
    warnOnce(
      `skew ${writer}`,
      `redis-mirrored: the clock of ${writer} is ${hours} hours ahead of this one, or this one is behind. What it saved is not believed.`,
    );
  });
  service.on("unheard", ({ reason }) => {
    warnOnce("unheard", `redis-mirrored: what other instances change is heard of minutes later. ${reason}`);
  });
  service.on("unreadable", ({ record, detail, items }) => {
    if (items === undefined)
      warnOnce(`${record} unreadable`, `redis-mirrored: the mirrored \`${record}\` counts as absent: ${detail}`);
    else
      warnOnce(`${record} items`, `redis-mirrored: a part of the mirrored \`${record}\` counts as absent: ${detail}`);
  });
  return warnOf;
}
