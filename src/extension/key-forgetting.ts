import { KeyRingError } from "../sync/errors.js";
import type { MirrorKey } from "../sync/key-ring.js";
import { EVERYBODYS, type OlderCiphertexts, surveyOlder } from "../sync/older-ciphertexts.js";
import { UserKeys } from "../sync/user-keys.js";
import type { MirroredUser, MirrorKeys } from "./mirror-keys.js";
import type { HostWindow } from "./window.js";

/**
 * Forgets the keys behind the first after a question, where nothing in the Redis that the mirror uses needs them, whoever's it
 * is. That is looked at when it is asked, and again when it is answered: a question may stay open for long.
 */
export async function forgetOlderKeys(window: HostWindow, keys: MirrorKeys): Promise<void> {
  const t = window.translate;
  const kept = await keys.kept();
  const [first, ...others] = kept;
  if (first === undefined || others.length === 0) return window.inform(t("There is no older key to forget."));
  const isAgreed =
    (await isFree(window, keys, kept)) &&
    (await window.confirm(
      t("Forget the older keys of the mirror ({keys})?", { keys: others.map(({ id }) => id).join(", ") }),
      t(
        "Nothing in this Redis needs them, whoever's it is. What lies elsewhere under them can then not be read, nor what a machine saves that still has them alone.",
      ),
      t("Forget"),
    )) &&
    (await isFree(window, keys, kept));
  if (!isAgreed) return;
  if (!(await keys.forgetOlder(kept)))
    throw new KeyRingError("Another window changes the keys at the same time. Try again.");
  window.inform(t("The key {key} is kept alone.", { key: first.id }));
}

/** Whether nothing needs the keys behind the first; where something may, it says so. */
async function isFree(window: HostWindow, keys: MirrorKeys, kept: readonly MirrorKey[]): Promise<boolean> {
  const t = window.translate;
  const { user } = keys;
  if (user === undefined) {
    window.warn(t("Nothing was changed: the mirror is off, or nobody is signed in."));
    return false;
  }
  const { older, unseen } = await window.withProgress(t("Redis Mirror: looking at what is there"), () =>
    surveyOlderOfAll(user, kept),
  );
  if (older.length + unseen.length === 0) return true;
  window.warn(
    t("No key is forgotten: some of what is in Redis is still under the older ones ({older}), or may be ({unseen}).", {
      older: older.length,
      unseen: unseen.length,
    }),
  );
  return false;
}

async function surveyOlderOfAll(
  { address, userId }: MirroredUser,
  keys: readonly MirrorKey[],
): Promise<OlderCiphertexts> {
  const servers = await UserKeys.openAll(address, userId);
  try {
    return await surveyOlder({ servers, pattern: EVERYBODYS }, keys);
  } finally {
    for (const server of servers) server.close();
  }
}
