import type { Mirror } from "../index.js";
import { SECRET_NAME } from "../container/key-stores.js";
import { KeyRingError, MirrorError } from "../sync/errors.js";
import { generateKey, type MirrorKey, parseKeys } from "../sync/key-ring.js";
import { describeRotation, reencryptUser, surveyUser } from "./key-rotation.js";
import { keyText, MirrorKeys } from "./mirror-keys.js";
import type { HostContext } from "./roo-types.js";
import type { HostWindow } from "./window.js";

const NAMED = "The keys are named by the settings, which go before what VS Code keeps: change ROO_MIRROR_KEY instead.";

/** Offers the commands for keys, and follows what other windows do to them. */
export function contributeKeyCommands(
  { secrets, subscriptions }: HostContext,
  mirror: Mirror | undefined,
  window: HostWindow | undefined,
): void {
  const keys = new MirrorKeys(secrets, mirror);
  subscriptions.push(secrets.onDidChange(({ key }) => void (key === SECRET_NAME && keys.reload())));
  if (window === undefined) return;
  const commands = { showKey, importKey, rotateKey };
  for (const [name, run] of Object.entries(commands))
    subscriptions.push(window.register(`redisMirrored.${name}`, () => reporting(window, () => run(window, keys))));
}

/** Copies the key that encrypts, for another machine. */
async function showKey(window: HostWindow, keys: MirrorKeys): Promise<void> {
  const isAgreed = await window.confirm(
    "Copy the key of the mirror to the clipboard?",
    "Whoever has it can read the encrypted records. Give it only to machines that are to share them.",
    "Copy",
  );
  if (!isAgreed) return;
  const key = await keys.first();
  await window.copy(keyText(key));
  window.inform(
    `The key ${key.id} is in the clipboard. On the other machine: "Redis Mirror: Import Key", or ROO_MIRROR_KEY.`,
  );
}

/** Takes the key of another machine. */
async function importKey(window: HostWindow, keys: MirrorKeys): Promise<void> {
  if (keys.named.length > 0) return window.warn(NAMED);
  const text = await window.askSecret(
    "Import a key",
    "The key of another machine, 32 bytes in base64url. It encrypts from now on; those that are here go on decrypting.",
    describeKeyProblem,
  );
  if (text === undefined) return;
  const key = parseOneKey(text);
  if ((await keys.kept())[0]?.id === key.id) return window.inform(`The key ${key.id} is in use already.`);
  const { length } = await keys.putFirst(key);
  const others = length > 1 ? ` What lies in Redis under the others (${length - 1}) can be read as before.` : "";
  window.inform(`The key ${key.id} encrypts from now on.${others}`);
}

/** Takes a new key, and encrypts with it what is in Redis; where that was begun already, goes on with it. */
async function rotateKey(window: HostWindow, keys: MirrorKeys): Promise<void> {
  if (keys.named.length > 0) return window.warn(NAMED);
  const { user } = keys;
  if (user === undefined) return window.warn("Nothing was changed: the mirror is off, or nobody is signed in.");
  const kept = await keys.kept();
  const [first] = kept;
  if (first === undefined)
    return window.inform("There is no key to rotate yet: one is made with the first encrypted save.");
  const { current, older } = await window.withProgress("Redis Mirror: looking at what is there", () =>
    surveyUser(user, kept),
  );
  const takesNewKey = older.length === 0;
  const isAgreed = takesNewKey
    ? await window.confirm(
        "Take a new key for the mirror?",
        `What is in Redis under the key ${first.id} (${current.length}) is encrypted anew. Other machines that share it need the new key too: show it here, and import it there.`,
        "Rotate",
      )
    : await window.confirm(
        `Encrypt with the key ${first.id} what is under older ones?`,
        `There is some of that in Redis (${older.length}), so no new key is made yet.`,
        "Encrypt",
      );
  if (!isAgreed) return;
  let encrypting: MirrorKey | undefined;
  try {
    const report = await window.withProgress("Redis Mirror: encrypting anew", (onProgress) =>
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
    const lines = describeRotation(report, encrypting!.id).join(" ");
    if (report.left.length > 0) window.warn(lines);
    else window.inform(lines);
  } catch (error) {
    if (encrypting === undefined) throw error;
    window.warn(
      `The key ${encrypting.id} encrypts from now on, but not all that is in Redis is under it yet: ${describe(error)} Rotate again to go on.`,
    );
  } finally {
    if (encrypting !== undefined) await keys.keep(encrypting);
  }
}

/** @throws KeyRingError */
function parseOneKey(text: string): MirrorKey {
  const parsed = parseKeys(text);
  if (parsed.length !== 1) throw new KeyRingError(`Expected one key, got ${parsed.length}`);
  return parsed[0]!;
}

function describeKeyProblem(text: string): string | undefined {
  try {
    parseOneKey(text);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

async function reporting(window: HostWindow, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    window.warn(`It could not be finished: ${describe(error)}`);
  }
}

/** What others say when they fail may quote a key. */
function describe(error: unknown): string {
  return error instanceof MirrorError ? error.message : "VS Code did not do what it was asked for.";
}
