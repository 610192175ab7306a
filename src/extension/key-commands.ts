import type { Mirror } from "../index.js";
import { SECRET_NAME } from "../container/key-stores.js";
import { KeyRingError } from "../sync/errors.js";
import { generateKey, type MirrorKey, parseKeys } from "../sync/key-ring.js";
import type { ReencryptionReport } from "../sync/reencryption.js";
import { describeFailure, offer, reporting } from "./commands.js";
import { forgetOlderKeys } from "./key-forgetting.js";
import { describeRotation, reencryptUser, surveyUser } from "./key-rotation.js";
import { keyText, MirrorKeys } from "./mirror-keys.js";
import type { HostContext } from "./roo-types.js";
import { unheeded } from "./unheeded.js";
import type { HostWindow } from "./window.js";

/**
 * Offers the commands for keys, and follows what other windows do to them.
 * @param onImported What may be readable by now is loaded. Does not reject.
 */
export function contributeKeyCommands(
  context: HostContext,
  mirror: Mirror | undefined,
  window: HostWindow | undefined,
  onImported: () => Promise<void> = async () => {},
): void {
  const { secrets, subscriptions } = context;
  const keys = new MirrorKeys(secrets, mirror);
  const follow = ({ key }: { key: string }) => {
    if (key === SECRET_NAME) void unheeded(() => keys.reload());
  };
  subscriptions.push(secrets.onDidChange(follow));
  if (window === undefined) return;
  const commands = {
    showKey,
    importKey: async () => (await importKey(window, keys)) && onImported(),
    rotateKey,
  };
  for (const [name, run] of Object.entries(commands)) offer(context, window, name, () => run(window, keys));
}

/** Copies the key that encrypts, for another machine. */
async function showKey(window: HostWindow, keys: MirrorKeys): Promise<void> {
  const t = window.translate;
  const isAgreed = await window.confirm(
    t("Copy the key of the mirror to the clipboard?"),
    t("Whoever has it can read the encrypted records. Give it only to machines that are to share them."),
    t("Copy"),
  );
  if (!isAgreed) return;
  const key = await keys.first();
  await window.copy(keyText(key));
  window.inform(
    t(
      'The key {key} is in the clipboard. On the other machine: "Redis Mirror: Import Mirror Key", or ROO_MIRROR_KEY.',
      { key: key.id },
    ),
  );
}

/** Takes the key of another machine. The answer: whether it was taken. */
async function importKey(window: HostWindow, keys: MirrorKeys): Promise<boolean> {
  const t = window.translate;
  if (keys.named.length > 0) {
    warnNamed(window);
    return false;
  }
  const text = await window.askSecret(
    t("Import a key"),
    t(
      "The key of another machine, 32 bytes in base64url. It encrypts from now on; those that are here go on decrypting.",
    ),
    (typed) => describeKeyProblem(typed, window),
  );
  if (text === undefined) return false;
  const key = parseOneKey(text);
  if ((await keys.kept())[0]?.id === key.id) {
    window.inform(t("The key {key} is in use already.", { key: key.id }));
    return false;
  }
  const { length } = await keys.putFirst(key);
  const said = [t("The key {key} encrypts from now on.", { key: key.id })];
  if (length > 1)
    said.push(t("What lies in Redis under the others ({count}) can be read as before.", { count: length - 1 }));
  window.inform(said.join(" "));
  return true;
}

/** Takes a new key, and encrypts with it what is in Redis; where that was begun already, goes on with it. */
async function rotateKey(window: HostWindow, keys: MirrorKeys): Promise<void> {
  const t = window.translate;
  if (keys.named.length > 0) return warnNamed(window);
  const { user } = keys;
  if (user === undefined) return window.warn(t("Nothing was changed: the mirror is off, or nobody is signed in."));
  const kept = await keys.kept();
  const [first] = kept;
  if (first === undefined)
    return window.inform(t("There is no key to rotate yet: one is made with the first encrypted save."));
  const { current, older } = await window.withProgress(t("Redis Mirror: looking at what is there"), () =>
    surveyUser(user, kept),
  );
  const takesNewKey = older.length === 0;
  const isAgreed = takesNewKey
    ? await window.confirm(
        t("Take a new key for the mirror?"),
        t(
          "What is in Redis under the key {key} ({count}) is encrypted anew. Other machines that share it need the new key too: copy it here, and import it there.",
          { key: first.id, count: current.length },
        ),
        t("Rotate"),
      )
    : await window.confirm(
        t("Encrypt with the key {key} what is under older ones?", { key: first.id }),
        t("There is some of that in Redis ({count}), so no new key is made yet.", { count: older.length }),
        t("Encrypt"),
      );
  if (!isAgreed) return;
  let encrypting: MirrorKey | undefined;
  let report: ReencryptionReport | undefined;
  try {
    report = await window.withProgress(t("Redis Mirror: encrypting anew"), (onProgress) =>
      reencryptUser(
        user,
        async () => {
          const ring = takesNewKey ? await keys.putFirst(parseOneKey(generateKey())) : await keys.kept();
          encrypting = ring[0];
          return ring;
        },
        onProgress,
      ),
    );
  } catch (error) {
    if (encrypting === undefined) throw error;
    window.warn(
      t(
        "The key {key} encrypts from now on, but not all that is in Redis is under it yet: {reason} Rotate again to go on.",
        { key: encrypting.id, reason: describeFailure(error, window) },
      ),
    );
  } finally {
    if (encrypting !== undefined) await keys.keep(encrypting);
  }
  if (report === undefined) return;
  const message = describeRotation(report, encrypting!.id, t).join(" ");
  const { left } = report;
  // Where nothing of the user's is under an older key any more, these may be of no use.
  if (left.some(({ reason }) => reason !== "unknown-key")) return window.warn(message);
  // Whoever does not answer holds up no other command.
  void unheeded(async () => {
    const forgetting = t("Forget Older Keys");
    const chosen = await window.offer(message, left.length > 0 ? "warning" : "info", [forgetting]);
    if (chosen === forgetting) await reporting(window, () => forgetOlderKeys(window, keys));
  });
}

/** @throws KeyRingError */
function parseOneKey(text: string): MirrorKey {
  const parsed = parseKeys(text);
  if (parsed.length !== 1) throw new KeyRingError(`Expected one key, got ${parsed.length}`);
  return parsed[0]!;
}

function describeKeyProblem(text: string, window: HostWindow): string | undefined {
  try {
    parseOneKey(text);
    return undefined;
  } catch (error) {
    return describeFailure(error, window);
  }
}

function warnNamed(window: HostWindow): void {
  window.warn(
    window.translate(
      "The keys are named by the settings, which go before what VS Code keeps: change ROO_MIRROR_KEY instead.",
    ),
  );
}
