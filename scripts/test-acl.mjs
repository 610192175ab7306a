// Runs the tests that use a Redis server once more, with servers that give the mirror no more than docs/access.md does:
// `node scripts/test-acl.mjs [mocha's options]`.
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { NEEDS, needing, testFiles } from "./test-files.mjs";

/** Those about something else, and why. */
const LEFT_OUT = {
  "redis-cli.test.js": "is about what other programs read, which have accounts of their own",
};

const all = testFiles();
const concerned = needing(NEEDS.redisServer, all).filter((file) => LEFT_OUT[basename(file)] === undefined);
for (const [file, reason] of Object.entries(LEFT_OUT)) console.error(`Left out: ${file}, ${reason}`);
const ignore = all.filter((file) => !concerned.includes(file)).flatMap((file) => ["--ignore", file]);
const refusals = ["--require", "build/test/support/refused-commands.js"];
const { status } = spawnSync(
  process.execPath,
  ["node_modules/mocha/bin/mocha.js", ...refusals, ...ignore, ...process.argv.slice(2)],
  { stdio: "inherit", env: { ...process.env, MIRROR_TEST_ACL: "1" } },
);
process.exitCode = status ?? 1;
