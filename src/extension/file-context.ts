import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostContext } from "./roo-types.js";

/** VS Code's `ExtensionContext` in plain Node: what it keeps lies in two files below a folder. */
export interface FileContext extends HostContext {
  /** Disposes of the subscriptions, once everything that was written is on disk. */
  dispose(): Promise<void>;
}

/** Opens a context whose state lies in `folder`: `state.json`, and `secrets.json` that only its owner may read. */
export async function openFileContext(folder: string): Promise<FileContext> {
  await mkdir(folder, { recursive: true });
  const state = await JsonFile.open(join(folder, "state.json"), 0o644);
  const secrets = await JsonFile.open(join(folder, "secrets.json"), 0o600);
  const subscriptions: { dispose(): unknown }[] = [];
  return {
    globalState: {
      keys: () => state.keys(),
      get: (key: string, fallback?: unknown) => state.get(key) ?? fallback,
      update: (key: string, value: unknown) => state.set(key, value),
      setKeysForSync: () => {},
    } as HostContext["globalState"],
    secrets: {
      keys: () => Promise.resolve(secrets.keys()),
      get: (key: string) => Promise.resolve(secrets.get(key) as string | undefined),
      store: (key: string, value: string) => secrets.set(key, value),
      delete: (key: string) => secrets.set(key, undefined),
      onDidChange: () => ({ dispose: () => {} }),
    } as HostContext["secrets"],
    subscriptions,
    async dispose() {
      await Promise.all([state.settled(), secrets.settled()]);
      for (const subscription of subscriptions.splice(0)) subscription.dispose();
    },
  };
}

/** An object in a file. Reading is from memory, as with VS Code's `Memento`; writing replaces the file whole. */
class JsonFile {
  readonly #path: string;
  readonly #mode: number;
  /** As JSON: what the caller changes afterwards in an object that it has stored must not show. */
  readonly #values: Map<string, string>;
  #writing: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  private constructor(path: string, mode: number, values: Map<string, string>) {
    this.#path = path;
    this.#mode = mode;
    this.#values = values;
  }

  /** @throws Error if the file is there and cannot be read as JSON: it is somebody's data, and not to be overwritten. */
  static async open(path: string, mode: number): Promise<JsonFile> {
    const content = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "{}";
      throw error;
    });
    return new JsonFile(path, mode, readValues(path, content));
  }

  keys(): string[] {
    return [...this.#values.keys()];
  }

  get(key: string): unknown {
    const text = this.#values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  set(key: string, value: unknown): Promise<void> {
    const text = value === undefined ? undefined : JSON.stringify(value);
    if (text === undefined) this.#values.delete(key);
    else this.#values.set(key, text);
    // One write at a time, and whoever comes while it runs shares the next.
    this.#queued ??= this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#queued;
  }

  async settled(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  async #write(): Promise<void> {
    this.#queued = undefined;
    const body = [...this.#values].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",\n");
    const draft = `${this.#path}.${process.pid}.tmp`;
    await writeFile(draft, `{${body}}\n`, { mode: this.#mode });
    // Whole or not at all, whenever the process ends.
    await rename(draft, this.#path);
  }
}

/** Of each property its value, as JSON. */
function readValues(path: string, content: string): Map<string, string> {
  try {
    const object: unknown = JSON.parse(content);
    if (typeof object === "object" && object !== null && !Array.isArray(object))
      return new Map(Object.entries(object).map(([key, value]) => [key, JSON.stringify(value)]));
  } catch {
    // Either it is no JSON, or it is nested deeper than it could be written again.
  }
  throw new Error(`Expected ${path} to hold a JSON object, got something else; it was left as it is`);
}
