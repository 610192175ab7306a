// What the mirror may take of a process, and what it took: `npm run bench:resources -- [--only reconnects|heap|sizes|users|stalls]
// [--reconnects N] [--saves N] [--users N] [--seconds N]`. Exit status 1 if a bound was not kept.
import { parseArgs } from "node:util";
import { printHeap } from "./print-heap.js";
import { printReconnects } from "./print-reconnects.js";
import { printSizes } from "./print-sizes.js";
import { printStalls } from "./print-stalls.js";
import { printUsers } from "./print-users.js";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    reconnects: { type: "string", default: "10000" },
    saves: { type: "string", default: "1000000" },
    users: { type: "string", default: "100000" },
    seconds: { type: "string", default: "24" },
  },
});

/** Each prints its tables; the answer is which bounds were not kept. */
const SECTIONS = {
  reconnects: () => printReconnects(Number(values.reconnects)),
  heap: () => printHeap(Number(values.saves)),
  sizes: () => printSizes(),
  users: () => printUsers(Number(values.users)),
  stalls: () => printStalls(Number(values.seconds)),
};

const names = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[];
const chosen = names.filter((name) => values.only === undefined || values.only === name);
if (chosen.length === 0)
  throw new TypeError(`Expected \`--only\` to be one of ${names.join(", ")}, got \`${values.only}\``);
console.log(
  `What the mirror takes of a process, Node ${process.versions.node}. On one machine: a loaded one is slower.`,
);
const broken: string[] = [];
for (const name of chosen) {
  const begin = performance.now();
  broken.push(...(await SECTIONS[name]()));
  console.log(`\n  ${((performance.now() - begin) / 1_000).toFixed(0)} s`);
}
console.log(broken.length === 0 ? "\nEvery bound was kept." : `\nNot kept:\n  ${broken.join("\n  ")}`);
process.exitCode = broken.length === 0 ? 0 : 1;
