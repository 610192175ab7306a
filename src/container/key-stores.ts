import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, realpath, rename, unlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { SecretStorage } from "../settings/options.js";
import { KeyRingError } from "../sync/errors.js";
import type { KeyStore } from "../sync/key-ring.js";
import { describeExposure } from "./exposure.js";
import { withFileLock } from "./file-lock.js";

/** A store the keys of which can be changed: rotated, imported, forgotten. */
export interface ChangeableKeyStore extends KeyStore {
  /** Keeps `next` where it keeps `expected`. `false`: it keeps something else, and goes on doing so. */
  replace(expected: string, next: string): Promise<boolean>;
}

/** A file that only its owner may read. */
export class FileKeyStore implements ChangeableKeyStore {
  readonly #path: string;
  #warnings: readonly string[] = [];
  /** Is told, each time it is read, what is to be said of the file. */
  onExposed: (warning: string) => void = () => {};

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<string | undefined> {
    try {
      const file = await open(this.#path);
      try {
        this.#look((await file.stat()).mode);
        return (await file.readFile("utf8")).trim();
      } finally {
        await file.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** What is to be said of the file as it was when it was last read, a sentence each: that others may read it. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  #look(mode: number): void {
    this.#warnings = describeExposure(this.#path, mode);
    this.#warnings.forEach(this.onExposed);
  }

  async storeIfAbsent(key: string): Promise<string> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${randomUUID()}`;
    await writeFile(draft, `${key}\n`, { mode: 0o600, flag: "wx", flush: true });
    try {
      // A link appears whole or not at all, and only where nothing is: of two processes that start together one keeps
      // its key, and the other reads that one, never half of it.
      await link(draft, this.#path);
      return key;
    } catch (error) {
      // A draft that is gone was taken away by who replaces the keys, so there are some.
      if (!["EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code!)) throw error;
      const kept = await this.load();
      // What is encrypted with a key that is kept nowhere, nobody reads again.
      if (kept === undefined)
        throw new KeyRingError(`${this.#path} leads to where no file is, so no key is kept there`);
      return kept;
    } finally {
      await unlink(draft).catch(() => {});
    }
  }

  /** @throws KeyRingError if another process is at it, or has taken its turn. */
  async replace(expected: string, next: string): Promise<boolean> {
    // Where the file is a link to another, that one is replaced, and the link stays.
    const path = await realpath(this.#path);
    return withFileLock(`${path}.lock`, async (lock) => {
      if ((await this.load()) !== expected) return false;
      // In this order nobody who was held up midway replaces what whoever has the lock since has kept: a draft that was
      // there by then is gone, and who had none yet finds the lock another's.
      await removeDrafts(path);
      const draft = `${path}.${randomUUID()}`;
      try {
        // On the disk before it takes the place of the only copy there is, and that before anything is encrypted by it.
        await writeFile(draft, `${next}\n`, { mode: 0o600, flag: "wx", flush: true });
        await lock.assertHeld();
        if ((await this.load()) !== expected) {
          await unlink(draft);
          return false;
        }
        await rename(draft, path);
      } catch (error) {
        await unlink(draft).catch(() => {});
        if ((error as NodeJS.ErrnoException).code === "ENOENT") await lock.assertHeld();
        throw error;
      }
      await flushFolder(dirname(path));
      return true;
    });
  }

  /** Takes away what those that were killed have left beside it. */
  async removeDrafts(): Promise<void> {
    const path = await realpath(this.#path);
    await withFileLock(`${path}.lock`, () => removeDrafts(path));
  }
}

const DRAFT_ENDING = /^\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Of those that were killed: they hold keys, also such as were forgotten since. */
async function removeDrafts(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const drafts = (await readdir(folder)).filter(
    (each) => each.startsWith(name) && DRAFT_ENDING.test(each.slice(name.length)),
  );
  for (const draft of drafts) await unlink(join(folder, draft)).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** So that a new name in it outlives a loss of power. Not every system can open a folder, and then it need not. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  if (folder === undefined) return;
  await folder.sync().catch(() => {});
  await folder.close();
}

/** `$XDG_CONFIG_HOME/redis-mirrored/key`, by default `~/.config/redis-mirrored/key`; on Windows below `%APPDATA%`. */
export function defaultKeyFile(env: Record<string, string | undefined>): string {
  const base = env["XDG_CONFIG_HOME"] || env["APPDATA"] || join(env["HOME"] || homedir(), ".config");
  return join(base, "redis-mirrored", "key");
}

/** Under which VS Code's SecretStorage has it. */
export const SECRET_NAME = "redisMirrored.key";

/** VS Code's SecretStorage, which the operating system's keychain encrypts. */
export class SecretKeyStore implements ChangeableKeyStore {
  readonly #secrets: SecretStorage;

  constructor(secrets: SecretStorage) {
    this.#secrets = secrets;
  }

  async load(): Promise<string | undefined> {
    return (await this.#secrets.get(SECRET_NAME)) || undefined;
  }

  async storeIfAbsent(key: string): Promise<string> {
    const kept = await this.load();
    if (kept !== undefined) return kept;
    await this.#secrets.store(SECRET_NAME, key);
    // Another window may have stored its own at the same time; the one that is kept now is everybody's.
    const now = await this.load();
    if (now === undefined) throw new KeyRingError("VS Code's SecretStorage did not keep the key that was made");
    return now;
  }

  async replace(expected: string, next: string): Promise<boolean> {
    if ((await this.load()) !== expected) return false;
    await this.#secrets.store(SECRET_NAME, next);
    return (await this.load()) === next;
  }
}
