// Histories of saves, faults and crashes on real servers: `node main.js [--histories N] [--seed N] [--workers N]`.
// Exit status 1 if one did not end with the mirror equal to the local store.
import { parseArgs } from "node:util";
import { ChaosBench, type ChaosResult } from "./chaos.js";

const { values } = parseArgs({
  options: { histories: { type: "string" }, seed: { type: "string" }, workers: { type: "string" } },
});
const count = Number(values.histories ?? 100);
const firstSeed = Number(values.seed ?? Date.now() % 2 ** 30);
const results: ChaosResult[] = [];
let next = 0;

async function work(): Promise<void> {
  const bench = await ChaosBench.open();
  try {
    while (next < count) {
      const seed = firstSeed + next++;
      const result = await bench.play(seed);
      results.push(result);
      if (result.problem === undefined) continue;
      console.log(`Seed ${seed}: ${result.problem}\n  ${result.events.join("\n  ")}`);
      console.log(`Again: npm run chaos -- --histories 1 --seed ${seed}`);
    }
  } finally {
    await bench.close();
  }
}

const begin = performance.now();
await Promise.all(Array.from({ length: Number(values.workers ?? 2) }, work));
const failed = results.filter(({ problem }) => problem !== undefined).length;
const equal = results.map(({ equalAfterMs }) => equalAfterMs).sort((a, b) => a - b);
const worstSaveMs = Math.max(...results.map((result) => result.worstSaveMs));
console.log(
  `${results.length} histories on real servers, first seed ${firstSeed}, ${((performance.now() - begin) / 1_000).toFixed(0)} s: ` +
    `${failed} ended with a record lost or corrupted.`,
);
console.log(
  `From the end of the faults to equality: median ${equal[equal.length >> 1]?.toFixed(0)} ms, worst ${equal.at(-1)?.toFixed(0)} ms ` +
    `(timings a fiftieth to a two-hundredth of the real ones). Slowest of all saves: ${worstSaveMs.toFixed(1)} ms.`,
);
process.exitCode = failed > 0 ? 1 : 0;
