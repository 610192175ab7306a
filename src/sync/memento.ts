/**
 * Where the engine keeps what it knows of its versions, beside the local store that they describe: VS Code's
 * `ExtensionContext.globalState` is one. Small, and disposable: without it more is kept in Redis than necessary.
 */
export interface Memento {
  /** What was last kept under the key; `undefined`: nothing. */
  get(key: string): unknown;
  /** Keeps a value that JSON can carry. */
  update(key: string, value: unknown): PromiseLike<void>;
}

/** Remembers until the process ends. */
export class MemoryMemento implements Memento {
  readonly #values = new Map<string, unknown>();

  get(key: string): unknown {
    return this.#values.get(key);
  }

  async update(key: string, value: unknown): Promise<void> {
    this.#values.set(key, value);
  }
}
