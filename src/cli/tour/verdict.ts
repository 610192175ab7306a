import { formatMs } from "../screen.js";
import type { Stretch } from "./session.js";

/** What one run has measured; `undefined` where it could not be. */
export interface Measurements {
  /** From the last save until Redis held everything, ms. */
  readonly syncedMs: number | undefined;
  readonly healthy: Stretch | undefined;
  readonly down: Stretch | undefined;
  /** From the start of the empty server until it held everything, without a save, ms. `"skipped"`: the server is not ours to stop. */
  readonly recoveredMs: number | "skipped" | undefined;
  /** From opening the empty local store until it held everything again, ms. */
  readonly restoredMs: number | undefined;
  readonly hasRedis: boolean;
}

export interface Verdict {
  readonly name: string;
  readonly promised: string;
  readonly measured: string;
  /** `undefined`: there was no Redis to measure it on. */
  readonly isKept: boolean | undefined;
}

const SYNCED_LIMIT_MS = 1_000;
const RECOVERED_LIMIT_MS = 10_000;

export function judge(measurements: Measurements): Verdict[] {
  return [judgeSynced(measurements), judgeUnaffected(measurements), judgeRecovered(measurements)];
}

function judgeSynced({ syncedMs, hasRedis }: Measurements): Verdict {
  const promised = `in Redis within ${SYNCED_LIMIT_MS / 1_000} s of the last save`;
  if (!hasRedis) return { name: "synced", promised, measured: "no Redis here", isKept: undefined };
  const measured = syncedMs === undefined ? "not in Redis" : formatMs(syncedMs);
  return { name: "synced", promised, measured, isKept: syncedMs !== undefined && syncedMs <= SYNCED_LIMIT_MS };
}

/** Each stretch against the same saves without the mirror, which took place beside it. */
function judgeUnaffected({ healthy, down }: Measurements): Verdict {
  const stretches = [
    { name: "healthy", stretch: healthy },
    { name: "down", stretch: down },
  ].flatMap(({ name, stretch }) => (stretch === undefined ? [] : [{ name, ...stretch }]));
  const failures = stretches.reduce((sum, stretch) => sum + stretch.failures, 0);
  const compared = stretches.map(
    ({ name, timesMs, bareTimesMs }) =>
      `${name} ${formatMs(medianOf(timesMs))} (${formatMs(medianOf(bareTimesMs))} without)`,
  );
  const isSteady = stretches.every(({ timesMs, bareTimesMs }) => medianOf(timesMs) <= medianOf(bareTimesMs) * 3 + 1);
  return {
    name: "unaffected",
    promised: "no save fails; the median stays",
    measured: [...compared, `${failures} failed`].join(", "),
    isKept: failures === 0 && stretches.length > 0 && isSteady,
  };
}

function judgeRecovered({ recoveredMs, restoredMs, hasRedis }: Measurements): Verdict {
  const promised = `Redis full again within ${RECOVERED_LIMIT_MS / 1_000} s; local restored`;
  if (!hasRedis) return { name: "recovered", promised, measured: "no Redis here", isKept: undefined };
  const redis =
    recoveredMs === "skipped"
      ? "server not stopped"
      : recoveredMs === undefined
        ? "Redis incomplete"
        : formatMs(recoveredMs);
  const local = restoredMs === undefined ? "local incomplete" : `restored in ${formatMs(restoredMs)}`;
  const isRedisKept = recoveredMs === "skipped" || (recoveredMs !== undefined && recoveredMs <= RECOVERED_LIMIT_MS);
  return {
    name: "recovered",
    promised,
    measured: `${redis}, ${local}`,
    isKept: isRedisKept && restoredMs !== undefined,
  };
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
