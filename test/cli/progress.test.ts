import { expect } from "chai";
import sinon from "sinon";
import { InterruptedError } from "#dist/cli/interruption.js";
import { withProgress } from "#dist/cli/progress.js";

const UNDERTAKING = { noun: "keys", howToGoOn: "Call it again.", isJson: false };

describe("the progress of a command that works in steps", () => {
  let written: string;
  let said: string;
  let isTty: PropertyDescriptor | undefined;
  beforeEach(() => {
    [written, said] = ["", ""];
    isTty = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");
    sinon.stub(process.stderr, "write").callsFake((text) => Boolean((written += String(text))));
    sinon.stub(console, "error").callsFake((text) => void (said += `${String(text)}\n`));
  });
  afterEach(() => {
    sinon.restore();
    if (isTty === undefined) Reflect.deleteProperty(process.stderr, "isTTY");
    else Object.defineProperty(process.stderr, "isTTY", isTty);
  });

  const onTerminal = (isThere: boolean) =>
    Object.defineProperty(process.stderr, "isTTY", { value: isThere, configurable: true });

  it("is one line of the error output, rewritten in place and taken away at the end", async () => {
    onTerminal(true);
    const result = await withProgress(UNDERTAKING, async (step) => {
      step(1, 4);
      return "done";
    });
    expect(result).to.equal("done");
    expect(written.startsWith("\r\u001B[2K")).to.equal(true);
    expect(written.endsWith("1 of 4 keys\r\u001B[2K")).to.equal(true);
    expect(written).not.to.contain("\n");
  });

  it("is not shown where nobody watches, nor to a program", async () => {
    for (const [isThere, isJson] of [
      [false, false],
      [true, true],
    ] as const) {
      onTerminal(isThere);
      await withProgress({ ...UNDERTAKING, isJson }, async (step) => step(1, 4));
    }
    expect([written, said]).to.deep.equal(["", ""]);
  });

  it("ends before the next step once Ctrl-C was pressed, and nobody listens for it any more", async () => {
    const before = process.listenerCount("SIGINT");
    const done: number[] = [];
    const error: unknown = await withProgress(UNDERTAKING, async (step) => {
      for (let each = 0; each < 4; each++) {
        step(each, 4);
        if (each === 1) process.emit("SIGINT");
        done.push(each);
      }
    }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(InterruptedError);
    expect((error as Error).message).to.equal("Stopped by Ctrl-C after 2 of 4 keys. Call it again.");
    expect(done).to.deep.equal([0, 1]);
    expect(said).to.contain("Ctrl-C once more ends it at once.");
    expect(process.listenerCount("SIGINT")).to.equal(before);
  });

  it("ends at once when Ctrl-C is pressed again", async () => {
    const exit = sinon.stub(process, "exit");
    await withProgress(UNDERTAKING, async () => {
      process.emit("SIGINT");
      expect(exit.called).to.equal(false);
      process.emit("SIGINT");
    });
    sinon.assert.calledOnceWithExactly(exit, 130);
  });
});
