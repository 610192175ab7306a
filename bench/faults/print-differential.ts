import { installMirror } from "redis-mirrored";
import { printTable } from "../measure.js";
import { type Counts, playDifferential } from "./differential.js";

/** Long enough for an attempt that waits for an answer until its deadline, and for five that fail at once. */
const PHASE_MS = 3_500;

const COLUMNS: Record<keyof Counts, string> = {
  calls: "calls",
  differences: "differ",
  notOnce: "body not once",
  ignored: "ignored rejections",
  surfacedWrongly: "surfaced wrongly",
  batches: "batches",
  failedAttempts: "failed attempts",
};
const NAMES = Object.keys(COLUMNS) as (keyof Counts)[];

/** The answer is whether no caller could tell a decorated method from the bare one. */
export async function printDifferential(calls: number): Promise<boolean> {
  const begin = performance.now();
  const { tallies, changedValues } = await playDifferential({
    calls,
    phaseMs: PHASE_MS,
    installMirror: (bed) => installMirror(bed.mirrorOptions),
  });
  const seconds = (performance.now() - begin) / 1_000;
  const total = (name: keyof Counts) => tallies.reduce((sum, { counts }) => sum + counts[name], 0);
  const format = (count: number) => count.toLocaleString("en");
  printTable(
    `${format(calls)} calls, each made to a bare method and to its decorated twin, ${seconds.toFixed(0)} s`,
    ["Redis", ...Object.values(COLUMNS)],
    [
      ...tallies.map(({ fault, counts }) => [fault.name, ...NAMES.map((name) => format(counts[name]))]),
      ["all", ...NAMES.map((name) => format(total(name)))],
    ],
  );
  for (const { fault, examples } of tallies) for (const example of examples) console.log(`  ${fault.name}: ${example}`);
  console.log(`\n  Values that were changed by anybody: ${changedValues}`);
  return changedValues + total("differences") + total("notOnce") + total("surfacedWrongly") === 0;
}
