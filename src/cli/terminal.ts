import { createInterface } from "node:readline/promises";

/** What a command says and asks; a parameter, so that both can be tested without a person. */
export interface Terminal {
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** No colours. */
  readonly isPlain: boolean;
  write(text: string): void;
  /** A question that is answered by yes, also by an empty line, or by no, also by the end of the input. */
  ask(question: string): Promise<boolean>;
}

export function thisTerminal(): Terminal {
  // Whoever reads it may have read enough (`| head`), and what is being done goes on.
  process.stdout.on("error", () => {});
  return {
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    isPlain: !process.stdout.isTTY || Boolean(process.env["NO_COLOR"]),
    write: (text) => void process.stdout.write(text),
    ask: (question) => ask(question),
  };
}

/** On the error output, as what a command says may go to a file. */
export async function ask(
  question: string,
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<boolean> {
  const terminal = createInterface({ input, output });
  const ended = new Promise<string>((resolve) => terminal.once("close", () => resolve("no")));
  const answer = await Promise.race([terminal.question(question), ended]);
  terminal.close();
  return !/^\s*n/i.test(answer);
}

/** What a command ends with. The answer is its exit status. */
export function say(text: string): number {
  console.log(text);
  return 0;
}

/** Why a command ends without having done what it was asked for. The answer is its exit status. */
export function fail(reason: string): number {
  console.error(reason);
  return 1;
}
