import type * as VsCode from "vscode";
import { unheeded } from "./unheeded.js";
import { VsCodeDocuments } from "./vscode/vscode-documents.js";
import { openVsCodeLog } from "./vscode/vscode-log.js";
import { VsCodeSettings } from "./vscode/vscode-settings.js";
import { openVsCodeStatusItem } from "./vscode/vscode-status-item.js";
import { VsCodeTree } from "./vscode/vscode-tree.js";
import type { Choice, Disposable, HostWindow, StatusItem, Texts, Tree, TreeNode, WindowLog } from "./window.js";

/** VS Code's window; `undefined` where the extension runs in plain Node. Does not reject. */
export async function openVsCodeWindow(): Promise<HostWindow | undefined> {
  try {
    return new VsCodeWindow(await import("vscode"));
  } catch {
    return undefined;
  }
}

type Run = (target?: unknown) => Promise<void>;

/** A command that is there before what it does. */
class AnnouncedCommand implements Disposable {
  is!: (run: Run) => void;
  readonly #registration: Disposable;

  constructor({ commands }: typeof VsCode, name: string) {
    const registered = new Promise<Run>((resolve) => (this.is = resolve));
    this.#registration = commands.registerCommand(name, async (target?: unknown) => (await registered)(target));
  }

  dispose(): void {
    this.#registration.dispose();
  }
}

/** What the parts have in common: commands, questions, messages. */
export class VsCodeWindow implements HostWindow {
  readonly #vscode: typeof VsCode;
  readonly settings: VsCodeSettings;
  readonly #announced = new Map<string, AnnouncedCommand>();
  #documents: VsCodeDocuments | undefined;

  constructor(vscode: typeof VsCode) {
    this.#vscode = vscode;
    this.settings = new VsCodeSettings(vscode);
  }

  dispose(): void {
    this.#documents?.dispose();
    for (const command of this.#announced.values()) command.dispose();
  }

  translate = (message: string, values: Texts = {}): string => this.#vscode.l10n.t(message, { ...values });

  get documents(): VsCodeDocuments {
    this.#documents ??= new VsCodeDocuments(this.#vscode);
    return this.#documents;
  }

  openLog(): WindowLog {
    return openVsCodeLog(this.#vscode);
  }

  openStatusItem(command: string): StatusItem {
    return openVsCodeStatusItem(this.#vscode, command);
  }

  openTree(id: string, roots: () => Promise<readonly TreeNode[]>): Tree {
    return new VsCodeTree(this.#vscode, id, roots);
  }

  setContext(name: string, value: unknown): void {
    void this.execute("setContext", name, value);
  }

  announce(commands: readonly string[]): void {
    for (const command of commands) {
      try {
        this.#announced.set(command, new AnnouncedCommand(this.#vscode, command));
      } catch {
        // Somebody else has it: no reason to do without the others, nor without the mirror.
      }
    }
  }

  register(command: string, run: Run): Disposable {
    const announced = this.#announced.get(command);
    if (announced === undefined) return this.#vscode.commands.registerCommand(command, run);
    announced.is(run);
    return announced;
  }

  async execute(command: string, ...args: unknown[]): Promise<void> {
    await unheeded(() => this.#vscode.commands.executeCommand(command, ...args));
  }

  async confirm(question: string, detail: string, action: string): Promise<boolean> {
    const options = { modal: true, detail: withoutLinks(detail) };
    return (await this.#vscode.window.showWarningMessage(withoutLinks(question), options, action)) === action;
  }

  async pick<Value>(title: string, choices: readonly Choice<Value>[]): Promise<Value | undefined> {
    const options = { title, matchOnDescription: true, matchOnDetail: true };
    return (await this.#vscode.window.showQuickPick([...choices], options))?.value;
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
    void unheeded(() => this.#vscode.window.showInformationMessage(withoutLinks(message)));
  }

  warn(message: string): void {
    void unheeded(() => this.#vscode.window.showWarningMessage(withoutLinks(message)));
  }

  async offer(
    message: string,
    severity: "info" | "warning" | "error",
    actions: readonly string[],
  ): Promise<string | undefined> {
    const { window } = this.#vscode;
    const text = withoutLinks(message);
    if (severity === "info") return window.showInformationMessage(text, ...actions);
    return severity === "error"
      ? window.showErrorMessage(text, ...actions)
      : window.showWarningMessage(text, ...actions);
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
        const message = this.translate("{done} of {total}", { done, total });
        progress.report({ message, increment: Math.max(0, percent - shown) });
        shown = Math.max(shown, percent);
      });
    });
  }
}

/** VS Code makes a link of `[text](command:…)` in a message, and what a server said may be in ours. */
function withoutLinks(message: string): string {
  return message.replaceAll("](", "] (");
}
