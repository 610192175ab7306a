import { defaultKeyFile, FileKeyStore, SecretKeyStore } from "../../container/key-stores.js";
import { KeyRingError } from "../../sync/errors.js";
import { MAKES_A_KEY, type MirrorKey, parseKeys } from "../../sync/key-ring.js";
import { printable } from "../../sync/printable.js";
import { error, type Findings, note, ok, warning } from "../finding.js";
import { capitalized, count, list } from "../naming.js";
import { nameOfSetting, type Visit } from "../visit.js";

/** Which keys are at hand, by their ids, and where they are from; makes none. The answer: `undefined`, they cannot be had. */
export async function* checkKeys(visit: Visit): Findings<readonly MirrorKey[] | undefined> {
  const { settings, options } = visit;
  if (settings.keys.length > 0) {
    yield ok("keys", describe(settings.keys, nameOfSetting(visit, "keys")));
    return settings.keys;
  }
  if (options.secrets !== undefined) {
    const store = new SecretKeyStore(options.secrets);
    return yield* checkStore(visit, store, "VS Code's SecretStorage", "Unlock the keychain of this machine");
  }
  const path = defaultKeyFile(options.env ?? process.env);
  const name = `the file ${printable(path)}`;
  const store = new FileKeyStore(path);
  const keys = yield* checkStore(visit, store, name, "See who owns it, and who may read it");
  if (keys === undefined || keys.length === 0) return keys;
  if (store.warnings.length > 0)
    yield warning(
      "keys",
      `${capitalized(name)} can be read by others than its owner.`,
      `\`chmod 600 ${printable(path)}\`; if others may have read it, \`npx redis-mirrored rotate\` too.`,
    );
  return keys;
}

async function* checkStore(
  { patience }: Visit,
  store: { load(): Promise<string | undefined> },
  from: string,
  remedy: string,
): Findings<readonly MirrorKey[] | undefined> {
  let text: string | undefined;
  try {
    text = await patience.within(store.load());
  } catch {
    // What a store says when it fails may quote what it holds.
    yield error(
      "keys",
      `The keys cannot be read from ${from}: encrypted records are neither mirrored nor restored.`,
      `${remedy}, or name a key by ROO_MIRROR_KEY.`,
    );
    return undefined;
  }
  if (text === undefined) {
    yield note("keys", `There is no key yet: one is made with the first encrypted save, and kept in ${from}.`);
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
      `What is in ${from} is no key: encrypted records are neither mirrored nor restored.`,
      `Put back the key that was there. If there is none, remove it, and make one: \`${MAKES_A_KEY} --store\`.`,
    );
    return undefined;
  }
}

function describe([first, ...others]: readonly MirrorKey[], from: string): string {
  const decrypting = others.length === 0 ? "" : `, ${list(others.map(({ id }) => id))} only decrypt`;
  return `${count(1 + others.length, "key")} at hand, from ${from}: ${first!.id} encrypts${decrypting}.`;
}
