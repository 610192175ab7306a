// Runs the tests: `node scripts/test.mjs [mocha's options]`. Where something is not to be had that some of them need, a
// Redis server or what reads what it holds, those are left out, and it says so.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findPython } from "../build/test/support/python.js";
import { findRedisCli } from "../build/test/support/redis-cli.js";
import { findRedisServer } from "../dist/cli/redis-server.js";

/** Test files say what they need by what they import. */
const NEEDS = [
  {
    name: "redis-server",
    find: findRedisServer,
    imports: /support\/redis-(server|cluster|sentinels)|canary-bed|\/bench\/|\/(chaos|host-bed|sharing-bench)\.js/,
  },
  { name: "redis-cli", find: findRedisCli, imports: /support\/redis-cli/ },
  { name: "Python with `cryptography`", find: findPython, imports: /support\/python/ },
];

const files = testFiles();
const leftOut = new Set();
for (const { name, find, imports } of NEEDS) {
  const needing = files.filter((file) => imports.test(readFileSync(file, "utf8")));
  if (needing.length === 0 || find() !== undefined) continue;
  console.error(`Without a ${name} ${needing.length} of the test files are left out:\n  ${needing.join("\n  ")}`);
  for (const file of needing) leftOut.add(file);
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

function testFiles() {
  const folder = "build/test";
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.js"))
    .map((file) => join(folder, file));
}
