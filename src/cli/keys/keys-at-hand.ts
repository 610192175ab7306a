import { stat } from "node:fs/promises";
import { defaultKeyFile, FileKeyStore } from "../../container/key-stores.js";
import { KeyRingError } from "../../sync/errors.js";
import { type MirrorKey, parseKeys } from "../../sync/key-ring.js";

/** The keys of a command, the encrypting one first, and where they are from. */
export interface KeysAtHand {
  readonly keys: readonly MirrorKey[];
  /** `undefined`: they come from the environment, which a command cannot change. */
  readonly store: KeptKeys | undefined;
}

/** Keys in a file. */
export interface KeptKeys {
  readonly file: FileKeyStore;
  readonly path: string;
  /** As it stands in the file; `undefined`: there is none. */
  readonly text: string | undefined;
}

/** ROO_MIRROR_KEY, else the key file, as for the mirror itself; but makes none. @throws KeyRingError */
export async function keysAtHand(env: NodeJS.ProcessEnv = process.env): Promise<KeysAtHand> {
  const named = env["ROO_MIRROR_KEY"];
  if (named) return { keys: parseAs("ROO_MIRROR_KEY", named), store: undefined };
  const path = defaultKeyFile(env);
  const file = new FileKeyStore(path);
  const text = await file.load();
  return { keys: text === undefined ? [] : parseAs(path, text), store: { file, path, text } };
}

/** Says where they are from, if they are none. @throws KeyRingError */
export function parseAs(from: string, text: string): MirrorKey[] {
  try {
    return parseKeys(text);
  } catch (error) {
    throw error instanceof KeyRingError ? new KeyRingError(`${from}: ${error.message}`) : error;
  }
}

/** What is to be said of a file that others than its owner may read; `undefined`: nothing. */
export async function describeIfExposed(path: string): Promise<string | undefined> {
  // On Windows the bits say nothing of who may read it.
  if (process.platform === "win32") return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return undefined;
  const bits = (mode & 0o777).toString(8).padStart(3, "0");
  return `${path} can be read by others than its owner (mode ${bits}): chmod 600 it, and rotate the key if they may have.`;
}
