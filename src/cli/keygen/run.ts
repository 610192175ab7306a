import { defaultKeyFile, FileKeyStore } from "../../container/key-stores.js";
import { generateKey, parseKeys } from "../../sync/key-ring.js";
import { Failure } from "../failure.js";
import { keysAtHand, parseAs } from "../keys/keys-at-hand.js";
import { say, sayJson } from "../terminal.js";

export interface KeygenOptions {
  readonly store?: true;
  readonly id?: true;
  readonly json: boolean;
}

/** The answer is the exit status. */
export async function keygen({ store, id, json }: KeygenOptions): Promise<number> {
  if (id) return showIds(json);
  return store ? storeKey(json) : printKey(json);
}

function printKey(isJson: boolean): number {
  const key = generateKey();
  const { id } = parseKeys(key)[0]!;
  if (isJson) return sayJson({ id, key });
  if (process.stderr.isTTY) console.error(`A new key, ${id}. Give it to each machine that shares, as ROO_MIRROR_KEY:`);
  return say(key);
}

async function storeKey(isJson: boolean): Promise<number> {
  const path = defaultKeyFile(process.env);
  const made = generateKey();
  const kept = await new FileKeyStore(path).storeIfAbsent(made);
  const { id } = parseAs(path, kept)[0]!;
  if (kept !== made)
    throw new Failure(
      "KEY_EXISTS",
      `${path} holds a key already, ${id}: it stays. \`redis-mirrored rotate\` takes a new one.`,
    );
  if (process.env["ROO_MIRROR_KEY"]) console.error("ROO_MIRROR_KEY is set, and goes before the key file.");
  return isJson ? sayJson({ id, file: path }) : say(`${path} holds a new key, ${id}.`);
}

async function showIds(isJson: boolean): Promise<number> {
  const { keys, store } = await keysAtHand();
  if (keys.length === 0)
    throw new Failure(
      "NO_KEY",
      `No key at hand: ROO_MIRROR_KEY is not set, and there is no ${store!.path}. One is made on first use.`,
    );
  for (const warning of store?.file.warnings ?? []) console.error(warning);
  const from = store?.path ?? "ROO_MIRROR_KEY";
  if (isJson) return sayJson({ from, keys: keys.map(({ id }, index) => ({ id, encrypts: index === 0 })) });
  return say(keys.map(({ id }, index) => `${id}  ${index === 0 ? "encrypts" : "decrypts"}  ${from}`).join("\n"));
}
