// Plays histories of saves, faults and crashes on a virtual clock, each the same for the same seed:
// `node simulate.js [--sharing | --tabs] [--histories N] [--seed N]`. Exit status 1 if one ended wrong.
import { parseArgs } from "node:util";
import { simulate, simulateSharing, simulateTabs } from "./histories.js";

const { values } = parseArgs({
  options: {
    histories: { type: "string" },
    seed: { type: "string" },
    sharing: { type: "boolean" },
    tabs: { type: "boolean" },
  },
});
const count = Number(values.histories ?? 10_000);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);

const begin = performance.now();
const [simulated, flag, schedules] = values.tabs
  ? [simulateTabs, " --tabs", "schedules of windows with two stores each"]
  : values.sharing
    ? [simulateSharing, " --sharing", "schedules of two to five windows"]
    : [simulate, "", undefined];
const { histories, failure } = await simulated(count, seed);
const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
if (failure === undefined) {
  console.log(
    schedules !== undefined
      ? `${histories} ${schedules}, seed ${seed}, ${seconds} s: 0 diverged.`
      : `${histories} histories, seed ${seed}, ${seconds} s: 0 records lost, resurrected or corrupted.`,
  );
} else {
  console.log(`After ${histories} histories, ${seconds} s, one ended wrong: ${failure.problem}\n`);
  for (const step of failure.history.steps) console.log(`  ${JSON.stringify(step)}`);
  const { machines, seed: worldSeed } = failure.history;
  console.log(`\n  on ${machines} machine(s), with the world's seed ${worldSeed}.`);
  console.log(`Again: npm run simulate --${flag} --seed ${failure.seed} --histories ${count}`);
  process.exitCode = 1;
}
