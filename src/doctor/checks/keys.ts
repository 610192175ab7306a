import { defaultKeyFile, FileKeyStore, SecretKeyStore } from "../../container/key-stores.js";
import { KeyRingError } from "../../sync/errors.js";
import { MAKES_A_KEY, type MirrorKey, parseKeys } from "../../sync/key-ring.js";
import { printable } from "../../sync/printable.js";
import { error, type Findings, note, ok, warning } from "../finding.js";
import { count, list } from "../naming.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { type Value, type Words, words } from "../words.js";

/** Which keys are at hand, by their ids, and where they are from; makes none. The answer: `undefined`, they cannot be had. */
export async function* checkKeys(visit: Visit): Findings<readonly MirrorKey[] | undefined> {
  const { settings, options } = visit;
  if (settings.keys.length > 0) {
    yield ok("keys", describe(settings.keys, nameOfSetting(visit, "keys")));
    return settings.keys;
  }
  if (options.secrets !== undefined) {
    const store = new SecretKeyStore(options.secrets);
    return yield* checkStore(
      visit,
      store,
      words`VS Code's SecretStorage`,
      words`Unlock the keychain of this machine, or name a key by ROO_MIRROR_KEY.`,
    );
  }
  const path = defaultKeyFile(options.env ?? process.env);
  const name = words`the file ${printable(path)}`;
  const store = new FileKeyStore(path);
  const keys = yield* checkStore(
    visit,
    store,
    name,
    words`See who owns it, and who may read it, or name a key by ROO_MIRROR_KEY.`,
  );
  if (keys === undefined || keys.length === 0) return keys;
  if (store.warnings.length > 0)
    yield warning(
      "keys",
      words`The file ${printable(path)} can be read by others than its owner.`,
      words`\`chmod 600 ${printable(path)}\`; if others may have read it, \`npx redis-mirrored rotate\` too.`,
    );
  return keys;
}

async function* checkStore(
  { patience }: Visit,
  store: { load(): Promise<string | undefined> },
  from: Words,
  remedy: Words,
): Findings<readonly MirrorKey[] | undefined> {
  let text: string | undefined;
  try {
    text = await patience.within(store.load());
  } catch {
    // What a store says when it fails may quote what it holds.
    yield error(
      "keys",
      words`The keys cannot be read from ${from}: encrypted records are neither mirrored nor restored.`,
      remedy,
    );
    return undefined;
  }
  if (text === undefined) {
    yield note("keys", words`There is no key yet: one is made with the first encrypted save, and kept in ${from}.`);
    return [];
  }
  try {
    const keys = parseKeys(text);
    yield ok("keys", describe(keys, from));
    return keys;
  } catch (failure) {
    if (!(failure instanceof KeyRingError)) throw failure;
    yield error(
      "keys",
      words`What is in ${from} is no key: encrypted records are neither mirrored nor restored.`,
      words`Put back the key that was there. If there is none, remove it, and make one: \`${MAKES_A_KEY} --store\`.`,
    );
    return undefined;
  }
}

function describe([first, ...others]: readonly MirrorKey[], from: Value): Words {
  const keys = count(1 + others.length, "key");
  const { id } = first!;
  return others.length === 0
    ? words`${keys} at hand, from ${from}: ${id} encrypts.`
    : words`${keys} at hand, from ${from}: ${id} encrypts, ${list(others.map((each) => each.id))} only decrypt.`;
}
