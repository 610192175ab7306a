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
