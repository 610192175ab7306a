// What a host notices of the faults of Redis: `node main.js [--calls N] [--saves N]`, 0 to leave a part out.
// Exit status 1 if it is more than was promised.
import { parseArgs } from "node:util";
import { printBounds } from "./bounds.js";
import { printDifferential } from "./print-differential.js";
import { printWorstSaves } from "./worst-saves.js";

const { values } = parseArgs({ options: { calls: { type: "string" }, saves: { type: "string" } } });
const calls = Number(values.calls ?? 1_000_000);
const saves = Number(values.saves ?? 20_000);

console.log(
  `redis-mirrored, Node ${process.versions.node}, real servers, default timings. About five minutes for a million calls ` +
    "and 20,000 saves. A loaded machine shows in what is worst, and least in the time of the processor.",
);
const kept: boolean[] = [];
if (calls > 0) kept.push(await printDifferential(calls));
if (saves > 0) await printWorstSaves(saves);
kept.push(await printBounds({ gets: 20, closes: 3 }));
process.exitCode = kept.every(Boolean) ? 0 : 1;
