/** The values of a text's placeholders: `{name}`. */
export type Texts = Readonly<Record<string, string | number>>;

/** Says a text in the language that VS Code is in. @param message English; also the name of its translation. */
export type Translate = (message: string, values?: Texts) => string;

/** Something that is taken back. */
export interface Disposable {
  dispose(): unknown;
}

/** One of several, to be picked. */
export interface Choice<Value> {
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
  readonly value: Value;
}

/** What the user has set, and is told when they set something else. */
export interface WindowSettings {
  /** What the user has set under `redisMirrored.<name>`; `undefined`: nothing, whatever the default is. */
  given(name: string): unknown;
  /** Sets it for all windows. Rejects where VS Code does not do so. */
  update(name: string, value: unknown): Promise<void>;
  /** Called when any of them has changed. */
  onDidChange(listener: () => void): Disposable;
  /** Shows it in the editor for settings. */
  open(query: string): void;
}

/** The lines of the mirror. */
export interface WindowLog extends Disposable {
  debug(line: string): void;
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
  show(): void;
}

/** What stands in the status bar. */
export interface StatusView {
  /** The name of one of VS Code's icons. */
  readonly icon: string;
  readonly text: string;
  /** The background: for what needs somebody, and nothing else. */
  readonly severity: "none" | "warning" | "error";
  /** Lines that are shown as they are, whatever they hold; the first is a heading. */
  readonly tooltip: readonly string[];
  /** For who listens instead of looking. */
  readonly label: string;
}

export interface StatusItem extends Disposable {
  show(view: StatusView): void;
}

/** A line of a tree, and what is below it. */
export interface TreeNode {
  /** Stays the same when the tree is read again. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  /** Shown as it is. */
  readonly tooltip?: string;
  /** The name of one of VS Code's icons. */
  readonly icon?: string;
  /** Which actions there are. */
  readonly kind: string;
  /** `undefined`: there is never anything below it. Does not reject. */
  readonly children?: () => Promise<readonly TreeNode[]>;
}

export interface Tree extends Disposable {
  /** Reads all of it again, as far as it is seen. */
  refresh(): void;
  /** Above the lines; `undefined`: nothing. */
  tell(message: string | undefined): void;
}

/** Texts that can be read and not changed, in the editor. */
export interface WindowDocuments {
  /** @param name What its tab is called; its ending says what language it is in. */
  show(name: string, text: string): Promise<void>;
  /** Two of them side by side. */
  compare(title: string, left: Document, right: Document): Promise<void>;
}

export interface Document {
  readonly name: string;
  readonly text: string;
}

/** What the extension needs of the window that it runs in: to be called, to ask, to hand over, to show and to tell. */
export interface HostWindow extends Disposable {
  readonly translate: Translate;
  readonly settings: WindowSettings;
  readonly documents: WindowDocuments;
  /** Makes the channel "Redis Mirror". */
  openLog(): WindowLog;
  /** @param command What a click runs. */
  openStatusItem(command: string): StatusItem;
  /** @param roots Does not reject. */
  openTree(id: string, roots: () => Promise<readonly TreeNode[]>): Tree;
  /** Says something to the conditions of the manifest (`when`). */
  setContext(name: string, value: unknown): void;
  /** Offers commands before there is what they do: whoever calls one waits until that is registered. */
  announce(commands: readonly string[]): void;
  /** `run` does not reject; it is given what the command was called on. The answer takes the command back. */
  register(command: string, run: (target?: unknown) => Promise<void>): Disposable;
  /** Runs a command of VS Code's own. */
  execute(command: string, ...args: unknown[]): Promise<void>;
  /** Whether whoever is asked agrees. Nothing else can be done meanwhile. @param action What agreeing is called. */
  confirm(question: string, detail: string, action: string): Promise<boolean>;
  /** `undefined`: none was picked. */
  pick<Value>(title: string, choices: readonly Choice<Value>[]): Promise<Value | undefined>;
  /**
   * Asks for what nobody is to see. `undefined`: whoever was asked gave nothing.
   * @param describeProblem What is wrong with what was typed so far; `undefined`: nothing.
   */
  askSecret(
    title: string,
    prompt: string,
    describeProblem: (text: string) => string | undefined,
  ): Promise<string | undefined>;
  /** To the clipboard. */
  copy(text: string): Promise<void>;
  /** Does not wait until it is read. */
  inform(message: string): void;
  /** The same of what did not work, or not all of it. */
  warn(message: string): void;
  /** Tells, and offers to do something about it: which of the actions was chosen, `undefined` for none. */
  offer(
    message: string,
    severity: "info" | "warning" | "error",
    actions: readonly string[],
  ): Promise<string | undefined>;
  /** Shows that something is being done, and how far it is, as `done` of `total`. */
  withProgress<T>(title: string, work: (onProgress: (done: number, total: number) => void) => Promise<T>): Promise<T>;
}
