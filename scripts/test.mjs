// Runs the tests: `node scripts/test.mjs [mocha's options]`. Where something is not to be had that some of them need, a
// Redis server or what reads what it holds, those are left out, and it says so.
import { spawnSync } from "node:child_process";
import { findPython } from "../build/test/support/python.js";
import { findRedisCli } from "../build/test/support/redis-cli.js";
import { findRedisServer } from "../dist/cli/redis-server.js";
import { NEEDS, needing, testFiles } from "./test-files.mjs";

const OFTEN_MISSING = [
  { name: "redis-server", find: findRedisServer, imports: NEEDS.redisServer },
  { name: "redis-cli", find: findRedisCli, imports: NEEDS.redisCli },
  { name: "Python with `cryptography`", find: findPython, imports: NEEDS.python },
];

const files = testFiles();
const leftOut = new Set();
for (const { name, find, imports } of OFTEN_MISSING) {
  const lacking = needing(imports, files);
  if (lacking.length === 0 || find() !== undefined) continue;
  console.error(`Without a ${name} ${lacking.length} of the test files are left out:\n  ${lacking.join("\n  ")}`);
  for (const file of lacking) leftOut.add(file);
}
const ignore = [...leftOut].flatMap((file) => ["--ignore", file]);
const { status } = spawnSync(
  process.execPath,
  ["node_modules/mocha/bin/mocha.js", ...ignore, ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
process.exitCode = status ?? 1;
