import { defaultKeyFile } from "../../container/key-stores.js";
import { KeyRingError } from "../../sync/errors.js";
import { keysAtHand } from "../keys/keys-at-hand.js";

/** Which keys are at hand, by their ids, the encrypting one first. */
export interface KeysPart {
  readonly from: "ROO_MIRROR_KEY" | "key file";
  readonly ids: readonly string[];
  /** Whether others than its owner may read the file. */
  readonly isExposed: boolean | null;
  /** Why there is none. */
  readonly failure: string | null;
}

export async function keysPart(): Promise<KeysPart> {
  const from = process.env["ROO_MIRROR_KEY"] ? "ROO_MIRROR_KEY" : "key file";
  try {
    const { keys, store } = await keysAtHand();
    const isThere = store?.text !== undefined;
    const isExposed = isThere ? store.file.warnings.length > 0 : null;
    return { from, ids: keys.map(({ id }) => id), isExposed, failure: null };
  } catch (error) {
    return { from, ids: [], isExposed: null, failure: describeFailure(error) };
  }
}

/** Without the path: a person's name is in it. */
function describeFailure(error: unknown): string {
  if (error instanceof KeyRingError) return error.message.replaceAll(defaultKeyFile(process.env), "the key file");
  const { path, code } = error as NodeJS.ErrnoException;
  if (path === undefined) throw error;
  return `The key file cannot be read: ${code}.`;
}
