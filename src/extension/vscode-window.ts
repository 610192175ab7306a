import type * as VsCode from "vscode";
import type { HostWindow } from "./window.js";

/** VS Code's window; `undefined` where the extension runs in plain Node. Does not reject. */
export async function openVsCodeWindow(): Promise<HostWindow | undefined> {
  try {
    return new VsCodeWindow(await import("vscode"));
  } catch {
    return undefined;
  }
}

class VsCodeWindow implements HostWindow {
  readonly #vscode: typeof VsCode;

  constructor(vscode: typeof VsCode) {
    this.#vscode = vscode;
  }

  register(command: string, run: () => Promise<void>): { dispose(): unknown } {
    return this.#vscode.commands.registerCommand(command, run);
  }

  async confirm(question: string, detail: string, action: string): Promise<boolean> {
    const options = { modal: true, detail };
    return (await this.#vscode.window.showWarningMessage(question, options, action)) === action;
  }

  async askSecret(
    title: string,
    prompt: string,
    describeProblem: (text: string) => string | undefined,
  ): Promise<string | undefined> {
    return this.#vscode.window.showInputBox({
      title,
      prompt,
      password: true,
      // It is copied from elsewhere.
      ignoreFocusOut: true,
      validateInput: describeProblem,
    });
  }

  async copy(text: string): Promise<void> {
    await this.#vscode.env.clipboard.writeText(text);
  }

  inform(message: string): void {
    void this.#vscode.window.showInformationMessage(message);
  }

  warn(message: string): void {
    void this.#vscode.window.showWarningMessage(message);
  }

  async withProgress<T>(
    title: string,
    work: (onProgress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T> {
    const location = this.#vscode.ProgressLocation.Notification;
    return this.#vscode.window.withProgress({ location, title }, (progress) => {
      let shown = 0;
      return work((done, total) => {
        // VS Code adds up what it is told.
        const percent = total === 0 ? 0 : Math.floor((100 * done) / total);
        progress.report({ message: `${done} of ${total}`, increment: Math.max(0, percent - shown) });
        shown = Math.max(shown, percent);
      });
    });
  }
}
