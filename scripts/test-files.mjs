// Which test files there are, and which of them need what.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Test files say what they need by what they import. */
export const NEEDS = {
  redisServer:
    /support\/(redis-(server|cluster|sentinels)|test-bed)|canary-bed|\/bench\/|\/(chaos|host-bed|sharing-bench)\.js/,
  redisCli: /support\/redis-cli/,
  python: /support\/python/,
};

export function testFiles() {
  const folder = "build/test";
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.js"))
    .map((file) => join(folder, file));
}

/** Those that import such a thing. */
export function needing(imports, files) {
  return files.filter((file) => imports.test(readFileSync(file, "utf8")));
}
