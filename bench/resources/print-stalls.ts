import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { RedisServer } from "../../test/support/redis-server.js";
import { type Distribution, printTable } from "../measure.js";
import type { LoopDelayProbe } from "./loop-delay.js";
import { measureReconcile } from "./reconcile.js";
import { measureStalls, STALL_LOADS } from "./stalls.js";

/** What the mirror may add to the delay that 999 of 1,000 due timers stay below. */
export const MAX_ADDED_MS = 10;

const format = (milliseconds: number) => milliseconds.toFixed(2);
const columnsOf = ({ median, p99, p999, max }: Distribution) => [median, p99, p999, max].map(format);

/** Added at p99.9, of what this process was computing. */
export function addedMs({ noop, mirrored }: { noop: LoopDelayProbe; mirrored: LoopDelayProbe }): number {
  return mirrored.busyDelays.p999 - noop.busyDelays.p999;
}

export async function printStalls(seconds: number): Promise<string[]> {
  return [...(await printLoads(seconds)), ...(await printReconciles()), ...(await printFirstConnection(5))];
}

async function printLoads(seconds: number): Promise<string[]> {
  const broken: string[] = [];
  const rows: string[][] = [];
  for (const load of STALL_LOADS) {
    const stalls = await measureStalls(load, { seconds });
    const added = addedMs(stalls);
    const { noop, mirrored } = stalls;
    rows.push(
      [`${load.name}: no-op`, ...columnsOf(noop.delays), ...columnsOf(noop.busyDelays), "", ""],
      ["  mirrored", ...columnsOf(mirrored.delays), ...columnsOf(mirrored.busyDelays), format(added), "≤ 10"],
    );
    if (added > MAX_ADDED_MS) broken.push(`${load.name}: ${format(added)} ms added at p99.9, ${describe(mirrored)}`);
  }
  printTable(
    "How late a due timer is, ms, with two saves a second; in turn with the no-op. Busy: without what others on the machine took",
    ["", "p50", "p99", "p99.9", "max", "busy p50", "p99", "p99.9", "max", "added at p99.9", "promised"],
    rows,
  );
  return broken;
}

async function printReconciles(): Promise<string[]> {
  const broken: string[] = [];
  const rows: string[][] = [];
  for (const isLost of [false, true]) {
    const { probe, seconds, there } = await measureReconcile(10_000, isLost);
    const name = isLost ? "10,000 records, all lost" : "10,000 records, all there";
    rows.push([name, String(there), seconds.toFixed(2), ...columnsOf(probe.busyDelays), describe(probe)]);
    if (probe.busyDelays.max > MAX_ADDED_MS)
      broken.push(`reconcile of ${name}: a stretch of ${format(probe.busyDelays.max)} ms, ${describe(probe)}`);
  }
  printTable(
    "A reconcile, ms that the event loop was kept",
    ["", "there", "seconds", "busy p50", "p99", "p99.9", "max", "in the longest"],
    rows,
  );
  return broken;
}

interface FirstConnection {
  readonly flushed: boolean;
  readonly elapsedMs: number;
  readonly longest: { readonly busyMs: number; readonly marks: string[] }[];
}

async function printFirstConnection(processes: number): Promise<string[]> {
  const server = await RedisServer.start();
  const script = fileURLToPath(new URL("first-connection.js", import.meta.url));
  const runs: FirstConnection[] = [];
  try {
    for (let run = 0; run < processes; run++) {
      const { stdout } = await promisify(execFile)(process.execPath, [script, String(server.port)]);
      runs.push(JSON.parse(stdout) as FirstConnection);
    }
  } finally {
    await server.kill();
  }
  const median = runs.toSorted((a, b) => a.longest[0]!.busyMs - b.longest[0]!.busyMs)[processes >> 1]!;
  printTable(
    `The first save of a process loads the client and connects: the two longest stretches, ms, median of ${processes} processes`,
    ["arrived", "longest", "second", "until it arrived"],
    [
      [
        runs.every(({ flushed }) => flushed) ? "yes" : "no",
        ...median.longest.map(({ busyMs }) => format(busyMs)),
        format(median.elapsedMs),
      ],
    ],
  );
  return [];
}

function describe(probe: LoopDelayProbe): string {
  const [longest] = probe.longest(1);
  return longest === undefined || longest.marks.length === 0
    ? "between calls of the gateway"
    : longest.marks.join(", ");
}
