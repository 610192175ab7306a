import type { HostWindow } from "#dist/extension/window.js";

/** A window in which somebody answers as they were told to, and that keeps what they saw. */
export class FakeWindow implements HostWindow {
  readonly commands = new Map<string, () => Promise<void>>();
  /** What was asked, said and shown, in order. What went to the clipboard is not shown. */
  readonly shown: string[] = [];
  readonly progress: (readonly [done: number, total: number])[] = [];
  clipboard: string | undefined;
  isAgreeing = true;
  /** What is typed where a secret is asked for; `undefined`: it is cancelled. */
  typed: string | undefined;
  /** What was wrong with it, as it was shown below the input. */
  problem: string | undefined;
  /** Called before the answer to a question is given. */
  onAsked: () => unknown = () => {};

  /** As VS Code runs a command that was picked. */
  async run(command: string): Promise<void> {
    await this.commands.get(command)!();
  }

  register(command: string, run: () => Promise<void>): { dispose(): unknown } {
    this.commands.set(command, run);
    return { dispose: () => this.commands.delete(command) };
  }

  async confirm(question: string, detail: string, action: string): Promise<boolean> {
    this.shown.push(`${question} ${detail} [${action}]`);
    await this.onAsked();
    return this.isAgreeing;
  }

  async askSecret(
    title: string,
    prompt: string,
    describeProblem: (text: string) => string | undefined,
  ): Promise<string | undefined> {
    this.shown.push(`${title} ${prompt}`);
    await this.onAsked();
    this.problem = this.typed === undefined ? undefined : describeProblem(this.typed);
    if (this.problem !== undefined) this.shown.push(this.problem);
    return this.typed;
  }

  async copy(text: string): Promise<void> {
    this.clipboard = text;
  }

  inform(message: string): void {
    this.shown.push(`i ${message}`);
  }

  warn(message: string): void {
    this.shown.push(`! ${message}`);
  }

  async withProgress<T>(
    title: string,
    work: (onProgress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T> {
    this.shown.push(title);
    return work((...step) => void this.progress.push(step));
  }
}
