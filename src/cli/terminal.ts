import { createInterface } from "node:readline/promises";
import { InterruptedError } from "./interruption.js";
import { toJson } from "./json.js";
import { UsageError } from "./usage-error.js";

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
  return {
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    isPlain: !process.stdout.isTTY || Boolean(process.env["NO_COLOR"]),
    write: (text) => void process.stdout.write(text),
    ask: (question) => ask(question),
  };
}

/** Columns, where somebody reads what is written there; `undefined`: it goes to a file, or to a program. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || undefined : undefined;
}

export interface AskOptions {
  /** What an empty line means. Default true: yes. The end of the input is no either way. */
  isYesByDefault?: boolean;
  input?: NodeJS.ReadableStream;
  /** Default: the error output, as what a command says may go to a file. */
  output?: NodeJS.WritableStream;
}

export async function ask(question: string, options: AskOptions = {}): Promise<boolean> {
  const { isYesByDefault = true, input = process.stdin, output = process.stderr } = options;
  const terminal = createInterface({ input, output });
  const ended = new Promise<string>((resolve, reject) => {
    terminal.once("close", () => resolve("no"));
    terminal.once("SIGINT", () => reject(new InterruptedError("Nothing was changed.")));
  });
  try {
    const answer = await Promise.race([terminal.question(question), ended]);
    return isYesByDefault ? !/^\s*n/i.test(answer) : /^\s*y/i.test(answer);
  } finally {
    terminal.close();
  }
}

/**
 * Asks before something is changed that cannot be taken back; who only presses Enter has not agreed.
 * @param isJson What is to be changed was shown to nobody.
 * @throws UsageError
 */
export async function isAgreed(question: string, isJson: boolean): Promise<boolean> {
  if (isJson) throw new UsageError("Expected --yes or --dry-run with --json, got neither");
  if (!process.stdin.isTTY) throw new UsageError("Expected --yes or --dry-run where nobody can be asked, got neither");
  return ask(`${question} [y/N] `, { isYesByDefault: false });
}

/** What a command ends with. The answer is its exit status. */
export function say(text: string): number {
  console.log(text);
  return 0;
}

/** The same for a program. */
export function sayJson(document: unknown): number {
  return say(toJson(document));
}
