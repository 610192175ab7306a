import type { HostContext } from "#dist/extension/roo-types.js";

type Secrets = HostContext["secrets"];

/** A SecretStorage that several windows share, and that fails when it is told to. */
export class FakeSecrets implements Secrets {
  readonly values = new Map<string, string>();
  readonly #listeners = new Set<(event: { key: string }) => unknown>();
  /** Called before each; throws where it is to fail. */
  onGet: (key: string) => unknown = () => {};
  onStore: (key: string, value: string) => unknown = () => {};

  get listenerCount(): number {
    return this.#listeners.size;
  }

  async keys(): Promise<string[]> {
    return [...this.values.keys()];
  }

  async get(key: string): Promise<string | undefined> {
    await this.onGet(key);
    return this.values.get(key);
  }

  async store(key: string, value: string): Promise<void> {
    await this.onStore(key, value);
    this.values.set(key, value);
    this.tell(key);
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key);
    this.tell(key);
  }

  tell(key: string): void {
    for (const listener of this.#listeners) listener({ key });
  }

  onDidChange = (listener: (event: { key: string }) => unknown): { dispose(): void } => {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  };
}
