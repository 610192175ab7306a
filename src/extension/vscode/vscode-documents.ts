import type * as VsCode from "vscode";
import type { Disposable, Document, WindowDocuments } from "../window.js";

const SCHEME = "redis-mirror";

/** How many are kept for an editor that is still open: each may be a whole history. */
const MAX_DOCUMENTS = 8;

/** Documents that are in no file, nor in a backup of the editor's. */
export class VsCodeDocuments implements WindowDocuments {
  readonly #vscode: typeof VsCode;
  readonly #texts = new Map<string, string>();
  readonly #registration: Disposable;
  #count = 0;

  constructor(vscode: typeof VsCode) {
    this.#vscode = vscode;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      provideTextDocumentContent: (uri) => this.#texts.get(uri.toString()) ?? "",
    });
  }

  async show(name: string, text: string): Promise<void> {
    const { workspace, window } = this.#vscode;
    await window.showTextDocument(await workspace.openTextDocument(this.#add({ name, text })), { preview: true });
  }

  async compare(title: string, left: Document, right: Document): Promise<void> {
    const { commands } = this.#vscode;
    await commands.executeCommand("vscode.diff", this.#add(left), this.#add(right), title, { preview: true });
  }

  dispose(): void {
    this.#registration.dispose();
  }

  #add({ name, text }: Document): VsCode.Uri {
    const uri = this.#vscode.Uri.from({ scheme: SCHEME, path: `/${++this.#count}/${name}` });
    this.#texts.set(uri.toString(), text);
    if (this.#texts.size > MAX_DOCUMENTS) this.#texts.delete(this.#texts.keys().next().value!);
    return uri;
  }
}
