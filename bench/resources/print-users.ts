import { formatMebibytes, formatMicroseconds, printTable } from "../measure.js";
import { type ManyUsers, type ManyUsersLoad, MAX_PENDING, measureManyUsers } from "./many-users.js";

/** 10,000 keys, their small values, and what the engine and the ledger note of each. */
export const MAX_HELD_BYTES = 32 * 2 ** 20;

/** In which way an outcome is not as it was promised. */
export function brokenByUsers({ users, usersPerWindow = users }: ManyUsersLoad, outcome: ManyUsers): string[] {
  const { arrived, newestArrived, dropped, warnings, heldBytes } = outcome;
  const isSpread = usersPerWindow < users;
  const kinds = new Set(warnings.map((line) => line.replaceAll(/\d+/g, "N")));
  const held = Math.max(heldBytes.full, heldBytes.all);
  return [
    ...(arrived + dropped === users ? [] : [`${arrived} arrived and ${dropped} were reported of ${users}`]),
    ...(!isSpread && arrived > MAX_PENDING ? [`${arrived} waited, of which ${MAX_PENDING} may`] : []),
    ...(isSpread && arrived < users ? [`${arrived} arrived of ${users} that were spread in time`] : []),
    ...(newestArrived === Math.min(users, MAX_PENDING)
      ? []
      : [`${newestArrived} of the newest ${MAX_PENDING} arrived`]),
    ...(warnings.length === kinds.size ? [] : [`${warnings.length} log lines of ${kinds.size} kinds`]),
    ...(held <= MAX_HELD_BYTES ? [] : [`${formatMebibytes(held)} held for them`]),
  ];
}

export async function printUsers(users: number): Promise<string[]> {
  const loads = [
    { name: "in one go, Redis up", users, redis: "up" },
    { name: "in one go, Redis down until then", users, redis: "down" },
    { name: "500 each 100 ms, Redis up", users, redis: "up", usersPerWindow: 500 },
  ] as const;
  const broken: string[] = [];
  const rows: string[][] = [];
  for (const { name, ...load } of loads) {
    const outcome = await measureManyUsers(load);
    const { arrived, newestArrived, dropped, warnings, heldBytes, saveMicroseconds, probe } = outcome;
    rows.push([
      name,
      String(arrived),
      String(newestArrived),
      String(dropped),
      String(warnings.length),
      "usersPerWindow" in load ? "" : formatMebibytes(heldBytes.full),
      formatMebibytes(heldBytes.all),
      formatMicroseconds(saveMicroseconds),
      `${probe.busyDelays.max.toFixed(0)} ms`,
    ]);
    broken.push(...brokenByUsers(load, outcome).map((problem) => `${users} users ${name}: ${problem}`));
  }
  printTable(
    `${users} users of one process, a save each; 10,000 may wait`,
    [
      "",
      "arrived",
      "of the newest 10,000",
      "reported",
      "log lines",
      "heap at 10,000",
      "at all",
      "a save",
      "longest stall",
    ],
    rows,
  );
  console.log(
    "\n  Promised: each arrives or is reported, the newest 10,000 arrive, all of those that are spread in time; a log line a kind; the heap is bounded.",
  );
  return broken;
}
