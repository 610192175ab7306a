import type {
  Choice,
  Document,
  HostWindow,
  StatusItem,
  StatusView,
  Texts,
  Tree,
  TreeNode,
  WindowDocuments,
  WindowLog,
  WindowSettings,
} from "#dist/extension/window.js";

type Disposable = { dispose(): unknown };

/** Settings that somebody changes, as in the editor for settings. */
export class FakeSettings implements WindowSettings {
  readonly values = new Map<string, unknown>();
  readonly #listeners = new Set<() => void>();
  /** What somebody was led to. */
  readonly opened: string[] = [];
  readonly read = new Set<string>();

  get listenerCount(): number {
    return this.#listeners.size;
  }

  given(name: string): unknown {
    this.read.add(name);
    return this.values.get(name);
  }

  async update(name: string, value: unknown): Promise<void> {
    this.set({ [name]: value });
  }

  /** All of it in one go; `undefined` takes a setting back. */
  set(values: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(values)) this.values.set(name, value);
    for (const listener of this.#listeners) listener();
  }

  onDidChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  open(query: string): void {
    this.opened.push(query);
  }
}

/** A status bar with one place. */
export class FakeStatusItem implements StatusItem {
  readonly views: StatusView[] = [];
  isDisposed = false;
  onShown: () => unknown = () => {};

  get view(): StatusView {
    return this.views.at(-1)!;
  }

  show(view: StatusView): void {
    this.views.push(view);
    this.onShown();
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

/** A tree that is looked at when a test does so. */
export class FakeTree implements Tree {
  readonly roots: () => Promise<readonly TreeNode[]>;
  message: string | undefined;
  refreshes = 0;
  isDisposed = false;

  constructor(roots: () => Promise<readonly TreeNode[]>) {
    this.roots = roots;
  }

  refresh(): void {
    this.refreshes++;
  }

  tell(message: string | undefined): void {
    this.message = message;
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

/** A window in which somebody answers as they were told to, and that keeps what they saw. */
export class FakeWindow implements HostWindow {
  readonly commands = new Map<string, (target?: unknown) => Promise<void>>();
  readonly settings = new FakeSettings();
  readonly statusItem = new FakeStatusItem();
  readonly trees = new Map<string, FakeTree>();
  readonly contexts = new Map<string, unknown>();
  /** The lines of the log, each after its level. */
  readonly lines: string[] = [];
  openLogs = 0;
  isLogShown = false;
  readonly compared: { title: string; left: Document; right: Document }[] = [];
  readonly read: Document[] = [];
  /** The commands of VS Code's own that were run, with what they were given. */
  readonly executed: (readonly [command: string, ...args: unknown[]])[] = [];
  /** What was asked, said and shown, in order. What went to the clipboard is not shown. */
  readonly shown: string[] = [];
  readonly progress: (readonly [done: number, total: number])[] = [];
  clipboard: string | undefined;
  isAgreeing = true;
  /** What is typed where a secret is asked for; `undefined`: it is cancelled. */
  typed: string | undefined;
  /** What was wrong with it, as it was shown below the input. */
  problem: string | undefined;
  /** What is picked of what is offered; `undefined`: it is cancelled. */
  picks: (title: string, choices: readonly Choice<unknown>[]) => unknown = () => undefined;
  /** Which action is chosen of those that a message offers. */
  chosen: string | undefined;
  /** Called before the answer to a question is given. */
  onAsked: () => unknown = () => {};

  translate = (message: string, values: Texts = {}): string =>
    message.replace(/\{(\w+)\}/g, (placeholder, name: string) => String(values[name] ?? placeholder));

  readonly documents: WindowDocuments = {
    show: async (name, text) => void this.read.push({ name, text }),
    compare: async (title, left, right) => void this.compared.push({ title, left, right }),
  };

  isDisposed = false;

  dispose(): void {
    this.isDisposed = true;
  }

  /** As VS Code runs a command that was picked, or called on something. */
  async run(command: string, target?: unknown): Promise<void> {
    await this.commands.get(command)!(target);
  }

  openLog(): WindowLog {
    this.openLogs++;
    const at = (level: string) => (line: string) => void this.lines.push(`${level} ${line}`);
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      show: () => (this.isLogShown = true),
      dispose: () => void this.openLogs--,
    };
  }

  openStatusItem(): StatusItem {
    return this.statusItem;
  }

  openTree(id: string, roots: () => Promise<readonly TreeNode[]>): Tree {
    const tree = new FakeTree(roots);
    this.trees.set(id, tree);
    return tree;
  }

  setContext(name: string, value: unknown): void {
    this.contexts.set(name, value);
  }

  announce(): void {}

  register(command: string, run: (target?: unknown) => Promise<void>): Disposable {
    this.commands.set(command, run);
    return { dispose: () => this.commands.delete(command) };
  }

  async execute(command: string, ...args: unknown[]): Promise<void> {
    this.executed.push([command, ...args]);
    await this.commands.get(command)?.();
  }

  async confirm(question: string, detail: string, action: string): Promise<boolean> {
    this.shown.push(`${question} ${detail} [${action}]`);
    await this.onAsked();
    return this.isAgreeing;
  }

  async pick<Value>(title: string, choices: readonly Choice<Value>[]): Promise<Value | undefined> {
    this.shown.push([title, ...choices.map(({ label }) => label)].join(" | "));
    await this.onAsked();
    return this.picks(title, choices) as Value | undefined;
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

  async offer(message: string, severity: string, actions: readonly string[]): Promise<string | undefined> {
    this.shown.push(`${severity} ${message} [${actions.join(", ")}]`);
    await this.onAsked();
    return actions.find((action) => action === this.chosen);
  }

  async withProgress<T>(
    title: string,
    work: (onProgress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T> {
    this.shown.push(title);
    return work((...step) => void this.progress.push(step));
  }
}
