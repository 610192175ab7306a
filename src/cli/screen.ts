import { align } from "./table.js";
import { wrap } from "./wrap.js";

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof CODES;

/** Where a command is shown: with colours and a line that redraws itself, or plain, for a file or a screen reader. */
export class Screen {
  readonly #isPlain: boolean;
  readonly #write: (text: string) => void;
  #step = 0;

  constructor(isPlain: boolean, write: (text: string) => void = (text) => process.stdout.write(text)) {
    this.#isPlain = isPlain;
    this.#write = write;
  }

  paint(style: Style, text: string): string {
    return this.#isPlain ? text : `\u001B[${CODES[style]}m${text}\u001B[0m`;
  }

  line(text = ""): void {
    this.#write(text === "" ? "\n" : `  ${text}\n`);
  }

  /**
   * One that may be longer than the terminal is wide.
   * @param indent Of what comes after its first line.
   * @param width As `terminalWidth` says it.
   */
  paragraph(text: string, indent: number, width: number | undefined): void {
    for (const line of wrap(`  ${text}`, width, indent + 2)) this.#write(`${line}\n`);
  }

  title(text: string, subtitle: string): void {
    this.line();
    this.line(this.paint("bold", text));
    this.line(this.paint("dim", subtitle));
  }

  step(text: string): void {
    this.line();
    this.line(`${this.paint("cyan", `${++this.#step}`)}  ${this.paint("bold", text)}`);
  }

  /** A line below a step. */
  note(text: string): void {
    this.line(`   ${text}`);
  }

  /** Redraws one line as things go on; where that is not possible only the last state is shown, by `note`. */
  progress(done: number, total: number, text: string): void {
    if (this.#isPlain) return;
    const width = 24;
    const filled = Math.round((done / total) * width);
    const bar = `${this.paint("cyan", "━".repeat(filled))}${this.paint("dim", "━".repeat(width - filled))}`;
    this.#write(`\r\u001B[2K     ${bar} ${text}`);
    if (done >= total) this.endProgress();
  }

  /** Takes away the line that was redrawn. */
  endProgress(): void {
    if (!this.#isPlain) this.#write("\r\u001B[2K");
  }

  /** The first column to the left, the others to the right. */
  table(head: readonly string[], rows: readonly (readonly string[])[], indent = "   "): void {
    const figures = new Set(head.keys());
    figures.delete(0);
    const [first, ...others] = align([head.map((cell) => this.paint("dim", cell)), ...rows], figures);
    this.line();
    for (const row of [first, ...others]) this.line(`${indent}${row}`);
  }
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(2)} MB`;
}

export function formatMs(milliseconds: number): string {
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(2)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
}
