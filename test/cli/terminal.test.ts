import { PassThrough } from "node:stream";
import { expect } from "chai";
import { InterruptedError } from "#dist/cli/interruption.js";
import { ask } from "#dist/cli/terminal.js";

describe("a question on the terminal", () => {
  for (const [typed, byDefaultYes, byDefaultNo] of [
    ["\n", true, false],
    ["y\n", true, true],
    ["n\n", false, false],
    [" No\n", false, false],
    ["what?\n", true, false],
    [undefined, false, false],
  ] as const) {
    for (const [isYesByDefault, isYes] of [
      [true, byDefaultYes],
      [false, byDefaultNo],
    ] as const) {
      const answer = typed === undefined ? "the end of the input" : JSON.stringify(typed);
      it(`whose default is ${isYesByDefault ? "yes" : "no"} is answered ${isYes ? "yes" : "no"} by ${answer}`, async () => {
        const input = new PassThrough();
        const output = new PassThrough();
        const asked = ask("Go on? ", { isYesByDefault, input, output });
        if (typed === undefined) input.end();
        else input.write(typed);
        expect(await asked).to.equal(isYes);
        expect(String(output.read())).to.contain("Go on? ");
      });
    }
  }

  it("is answered by Ctrl-C with the end of the command", async () => {
    const input = new PassThrough();
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    const asked = ask("Go on? ", { input, output });
    input.write("\u0003");
    const error: unknown = await asked.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(InterruptedError).and.to.have.property("message", "Nothing was changed.");
  });
});
