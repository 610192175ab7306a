// Runs the tests that use a Redis server once more, with servers that give the mirror no more than docs/access.md does:
// `node scripts/test-acl.mjs [mocha's options]`.
import { spawnSync } from "node:child_process";
import { sep } from "node:path";
import { NEEDS, needing, testFiles } from "./test-files.mjs";

/** Those about something else, by a part of their paths, and why. */
const LEFT_OUT = {
  [`${sep}doctor${sep}`]: "is about what accounts may not, and gives each the rights that it is to have",
  "redis-cli.test.js": "is about what other programs read, which have accounts of their own",
};

const all = testFiles();
const concerned = needing(NEEDS.redisServer, all).filter(
  (file) => !Object.keys(LEFT_OUT).some((part) => file.includes(part)),
);
for (const [file, reason] of Object.entries(LEFT_OUT)) console.error(`Left out: ${file}, ${reason}`);
const ignore = all.filter((file) => !concerned.includes(file)).flatMap((file) => ["--ignore", file]);
const refusals = ["--require", "build/test/support/refused-commands.js"];
const { status } = spawnSync(
  process.execPath,
  ["node_modules/mocha/bin/mocha.js", ...refusals, ...ignore, ...process.argv.slice(2)],
  { stdio: "inherit", env: { ...process.env, MIRROR_TEST_ACL: "1" } },
);
process.exitCode = status ?? 1;
