// Tries each reader with random inputs, each the same for the same seed: `node main.js [--runs N] [--seed N]`, N inputs a
// property. Exit status 1 if one failed, and then the input is printed.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { runs: { type: "string" }, seed: { type: "string" } } });
const runs = Number(values.runs ?? 10_000);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
console.log(`${runs} inputs a property, seed ${seed}. Again: npm run fuzz -- --runs ${runs} --seed ${seed}`);

const folder = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(folder).filter((file) => file.endsWith(".test.js"));
const { status } = spawnSync(
  process.execPath,
  ["node_modules/mocha/bin/mocha.js", "--no-config", "--enable-source-maps", "--timeout", "0"].concat(
    files.map((file) => folder + file),
  ),
  { stdio: "inherit", env: { ...process.env, FUZZ_RUNS: String(runs), FUZZ_SEED: String(seed) } },
);
process.exitCode = status ?? 1;
