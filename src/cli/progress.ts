import { InterruptedError, Interruption } from "./interruption.js";
import { Screen } from "./screen.js";

/** Called before each step with how many are done, of how many. @throws InterruptedError where Ctrl-C was pressed. */
export type Step = (done: number, total: number) => void;

export interface Undertaking {
  /** What is counted, in the plural. */
  readonly noun: string;
  /** What has become of what was done, and what to do for the rest. */
  readonly howToGoOn: string;
  readonly isJson: boolean;
}

/** So often a line is rewritten at most: a terminal may be at the end of a slow wire. */
const REDRAW_MS = 50;

/**
 * Works in steps. Who watches sees on one line of the error output how far it is; where nobody does nothing is said.
 * @throws InterruptedError and what the work does.
 */
export async function withProgress<Result>(
  { noun, howToGoOn, isJson }: Undertaking,
  work: (step: Step) => Promise<Result>,
): Promise<Result> {
  using interruption = new Interruption();
  const screen = new Screen(isJson || !process.stderr.isTTY, (text) => void process.stderr.write(text));
  let drawnAtMs = -Infinity;
  const step: Step = (done, total) => {
    if (interruption.isAsked)
      throw new InterruptedError(`Stopped by Ctrl-C after ${done} of ${total} ${noun}. ${howToGoOn}`);
    const nowMs = performance.now();
    if (nowMs - drawnAtMs < REDRAW_MS) return;
    drawnAtMs = nowMs;
    screen.progress(done, total, `${done} of ${total} ${noun}`);
  };
  try {
    return await work(step);
  } finally {
    screen.endProgress();
  }
}
