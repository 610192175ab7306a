import { PassThrough } from "node:stream";
import { expect } from "chai";
import { ask } from "#dist/cli/terminal.js";

describe("a question on the terminal", () => {
  for (const [typed, isYes] of [
    ["\n", true],
    ["y\n", true],
    ["n\n", false],
    [" No\n", false],
    [undefined, false],
  ] as const) {
    it(`is answered ${isYes ? "yes" : "no"} by ${typed === undefined ? "the end of the input" : JSON.stringify(typed)}`, async () => {
      const input = new PassThrough();
      const output = new PassThrough();
      const answer = ask("Go on? [Y/n] ", input, output);
      if (typed === undefined) input.end();
      else input.write(typed);
      expect(await answer).to.equal(isYes);
      expect(String(output.read())).to.contain("Go on? [Y/n] ");
    });
  }
});
