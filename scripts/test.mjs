// Runs the tests: `node scripts/test.mjs [mocha's options]`. Where there is no Redis server to be had, those that need
// one are left out, and it says so.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findRedisServer } from "../dist/cli/redis-server.js";

const leftOut = findRedisServer() === undefined ? filesThatNeedRedis() : [];
const ignore = leftOut.flatMap((file) => ["--ignore", file]);
if (leftOut.length > 0) {
  console.error(`Without a redis-server ${leftOut.length} of the test files are left out:\n  ${leftOut.join("\n  ")}`);
}
const { status } = spawnSync(
  process.execPath,
  ["node_modules/mocha/bin/mocha.js", ...ignore, ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
process.exitCode = status ?? 1;

/** They say so by what they import. */
function filesThatNeedRedis() {
  return testFiles().filter((file) =>
    /support\/redis-(server|cluster|sentinels)|\/bench\/|\/chaos\.js/.test(readFileSync(file, "utf8")),
  );
}

function testFiles() {
  const folder = "build/test";
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.js"))
    .map((file) => join(folder, file));
}
