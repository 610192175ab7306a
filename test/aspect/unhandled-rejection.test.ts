import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const SCRIPT = fileURLToPath(new URL("./ignored-rejection.js", import.meta.url));

// In processes of their own: mocha has its own idea of what to do with an unhandled rejection.
describe("a rejection of a decorated method", () => {
  for (const mirror of ["none", "no-op", "disabled", "healthy", "down", "listening interceptor"]) {
    it(`surfaces once if the caller ignores it, and not at all if not, with mirror: ${mirror}`, () => {
      const run = (handling: string): unknown =>
        JSON.parse(execFileSync(process.execPath, [SCRIPT, mirror, handling], { encoding: "utf8" }));
      expect(run("ignored")).to.deep.equal(["the disk is full"]);
      expect(run("handled")).to.deep.equal([]);
    });
  }
});
