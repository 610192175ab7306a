import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect } from "chai";

const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));

describe("the API reference", function () {
  // It reads all declarations.
  this.timeout(120_000);

  it("says of each export what the code says, and each export says something", () => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts/api-docs.mjs"), "--check"], {
      encoding: "utf8",
    });
    expect([status, stderr]).to.deep.equal([0, ""]);
  });
});
