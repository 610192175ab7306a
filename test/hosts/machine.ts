import { TemporaryFolder } from "../support/temporary-folder.js";

/** What a miniature host uses of VS Code's `ExtensionContext`. */
export interface ExtensionContext {
  readonly globalState: {
    get<T>(key: string): T | undefined;
    update(key: string, value: unknown): PromiseLike<void>;
  };
  readonly secrets: {
    get(key: string): PromiseLike<string | undefined>;
    store(key: string, value: string): PromiseLike<void>;
    delete(key: string): PromiseLike<void>;
  };
  readonly globalStorageUri: { readonly fsPath: string };
  readonly subscriptions: { dispose(): unknown }[];
}

/** What survives a restart of a host: its global state, its secrets and its folder. */
export class Machine {
  readonly #state = new Map<string, string>();
  readonly #secrets = new Map<string, string>();
  readonly #folder = new TemporaryFolder();
  /** Every write fails. */
  isFull = false;
  /** VS Code declares the former and happens to hand out the latter. */
  answersWith: "thenables" | "promises" = "thenables";

  get folder(): string {
    return this.#folder.path;
  }

  /** Of one start. As VS Code's, its state is in memory: `get` answers with the very object that was stored. */
  start(): ExtensionContext {
    const live = new Map<string, unknown>([...this.#state].map(([key, text]) => [key, JSON.parse(text)]));
    return {
      globalState: {
        get: <T>(key: string) => live.get(key) as T | undefined,
        update: (key, value) => {
          live.set(key, value);
          return this.#write(this.#state, key, () => (value === undefined ? undefined : JSON.stringify(value)));
        },
      },
      secrets: {
        get: (key) => this.#answer(() => this.#secrets.get(key)),
        store: (key, value) => this.#write(this.#secrets, key, () => value),
        delete: (key) => this.#write(this.#secrets, key, () => undefined),
      },
      globalStorageUri: { fsPath: this.folder },
      subscriptions: [],
    };
  }

  /** What lies in its global state. */
  stateOf(key: string): unknown {
    const text = this.#state.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  secretOf(key: string): string | undefined {
    return this.#secrets.get(key);
  }

  remove(): void {
    this.#folder.remove();
  }

  #write(store: Map<string, string>, key: string, read: () => string | undefined): PromiseLike<void> {
    return this.#answer(() => {
      if (this.isFull) throw new Error("the disk is full");
      const text = read();
      if (text === undefined) store.delete(key);
      else store.set(key, text);
    });
  }

  #answer<T>(work: () => T): PromiseLike<T> {
    const settled = Promise.resolve().then(work);
    if (this.answersWith === "promises") return settled;
    // Nothing but `then`; and one that nobody listens to is nobody's unhandled rejection.
    settled.catch(() => {});
    return { then: (...handlers) => settled.then(...handlers) };
  }
}
