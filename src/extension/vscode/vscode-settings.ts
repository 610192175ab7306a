import type * as VsCode from "vscode";
import { unheeded } from "../unheeded.js";
import type { Disposable, WindowSettings } from "../window.js";

const SECTION = "redisMirrored";

/** `redisMirrored.*` as the user has set it, on this machine and for all windows: a workspace has no say in where secrets go. */
export class VsCodeSettings implements WindowSettings {
  readonly #vscode: typeof VsCode;
  #configuration: VsCode.WorkspaceConfiguration | undefined;

  constructor(vscode: typeof VsCode) {
    this.#vscode = vscode;
  }

  given(name: string): unknown {
    return this.#ofThisMoment.inspect(name)?.globalValue;
  }

  /** All are read in one go, also by `activate`, and VS Code makes the whole of it for each that asks. */
  get #ofThisMoment(): VsCode.WorkspaceConfiguration {
    if (this.#configuration === undefined) queueMicrotask(() => (this.#configuration = undefined));
    this.#configuration ??= this.#vscode.workspace.getConfiguration(SECTION);
    return this.#configuration;
  }

  async update(name: string, value: unknown): Promise<void> {
    const { workspace, ConfigurationTarget } = this.#vscode;
    await workspace.getConfiguration(SECTION).update(name, value, ConfigurationTarget.Global);
  }

  onDidChange(listener: () => void): Disposable {
    return this.#vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SECTION)) listener();
    });
  }

  open(query: string): void {
    void unheeded(() => this.#vscode.commands.executeCommand("workbench.action.openSettings", query));
  }
}
