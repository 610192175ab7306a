import { isShowable } from "../sync/encryption.js";
import type { MirrorKey } from "../sync/key-ring.js";
import { type CiphertextSurvey, Reencryption, type ReencryptionReport } from "../sync/reencryption.js";
import { UserKeys } from "../sync/user-keys.js";
import type { MirroredUser } from "./mirror-keys.js";
import type { Translate } from "./window.js";

/** What lies in Redis of a user, by the keys that are here. @throws ConnectionLostError @throws RefusedError @throws NotServedError */
export function surveyUser(user: MirroredUser, keys: readonly MirrorKey[]): Promise<CiphertextSurvey> {
  return withReencryption(user, (reencryptionUnder) => reencryptionUnder(keys).survey());
}

/**
 * Encrypts anew what lies in Redis of a user.
 * @param takeKeys Called once Redis is there: the first of its answer encrypts, all decrypt.
 * @throws ConnectionLostError @throws RefusedError @throws NotServedError Then it can be run again.
 */
export function reencryptUser(
  user: MirroredUser,
  takeKeys: () => Promise<readonly MirrorKey[]>,
  onProgress: (done: number, total: number) => void,
): Promise<ReencryptionReport> {
  return withReencryption(user, async (reencryptionUnder) => reencryptionUnder(await takeKeys()).run(onProgress));
}

async function withReencryption<T>(
  { address, userId }: MirroredUser,
  work: (reencryptionUnder: (keys: readonly MirrorKey[]) => Reencryption) => Promise<T>,
): Promise<T> {
  const server = await UserKeys.open(address, userId);
  try {
    return await work((keys) => new Reencryption(server, async () => (await server.list()).keys, keys));
  } finally {
    server.close();
  }
}

/** What was done, and what was not and why: counts and the ids of keys, no more. */
export function describeRotation({ reencrypted, left }: ReencryptionReport, key: string, t: Translate): string[] {
  const lines = [t("{count} encrypted anew, with the key {key}.", { count: reencrypted, key })];
  const those = (reason: string) => left.filter((ciphertext) => ciphertext.reason === reason);
  const foreign = those("unknown-key");
  if (foreign.length > 0)
    lines.push(
      t("{count} left as they were, under keys that are not here: {keys}.", {
        count: foreign.length,
        keys: idsOf(foreign, t).join(", "),
      }),
    );
  const unreadable = those("unreadable").length;
  if (unreadable > 0) lines.push(t("{count} left as they were: they do not decrypt.", { count: unreadable }));
  const changed = those("changed").length;
  if (changed > 0)
    lines.push(
      t("{count} saved under an older key meanwhile: give that machine the new key, and rotate again.", {
        count: changed,
      }),
    );
  const unseen = left.length - foreign.length - unreadable - changed;
  if (unseen > 0)
    lines.push(t("{count} not looked at: too large, too many, or changed all the time.", { count: unseen }));
  return lines;
}

/** An id is no secret, but what stands in Redis may be anything. */
function idsOf(ciphertexts: readonly { readonly keyId: string | undefined }[], t: Translate): string[] {
  const ids = ciphertexts.map(({ keyId }) =>
    keyId !== undefined && isShowable(keyId) ? keyId : t("one without an id"),
  );
  return [...new Set(ids)].slice(0, 5);
}
