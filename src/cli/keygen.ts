import { parseArgs } from "node:util";
import { defaultKeyFile, FileKeyStore } from "../container/key-stores.js";
import { KeyRingError } from "../sync/errors.js";
import { generateKey, parseKeys } from "../sync/key-ring.js";
import { keysAtHand, parseAs } from "./keys/keys-at-hand.js";
import { fail, say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored keygen [--store | --id]

Makes a key for encrypted records, 32 random bytes in base64url, and prints it: the only line of the output.

  --store  keeps it in the key file instead, where the mirror finds it, and prints its id; one that is there stays
  --id     makes none: shows the ids of the keys at hand, the encrypting one first. Never a key

  export ROO_MIRROR_KEY=$(redis-mirrored keygen)   the same on each machine that shares

An id is a part of a hash of its key: it says which key it is, and is no secret. The key file is redis-mirrored/key below
$XDG_CONFIG_HOME, else $APPDATA, else ~/.config; ROO_MIRROR_KEY goes before it.`;

/** The answer is the exit status. @throws UsageError */
export async function keygen(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { store: { type: "boolean" }, id: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) return say(HELP);
  if (values.store && values.id) throw new UsageError("Expected --store or --id, got both");
  try {
    if (values.id) return await showIds();
    return values.store ? await storeKey() : printKey();
  } catch (error) {
    const isOfFile = typeof (error as NodeJS.ErrnoException).path === "string";
    if (!(error instanceof KeyRingError || isOfFile)) throw error;
    return fail((error as Error).message);
  }
}

function printKey(): number {
  const key = generateKey();
  if (process.stderr.isTTY)
    console.error(`A new key, ${parseKeys(key)[0]!.id}. Give it to each machine that shares, as ROO_MIRROR_KEY:`);
  return say(key);
}

async function storeKey(): Promise<number> {
  const path = defaultKeyFile(process.env);
  const made = generateKey();
  const kept = await new FileKeyStore(path).storeIfAbsent(made);
  const { id } = parseAs(path, kept)[0]!;
  if (kept !== made)
    return fail(`${path} holds a key already, ${id}: it stays. \`redis-mirrored rotate\` takes a new one.`);
  if (process.env["ROO_MIRROR_KEY"]) console.error("ROO_MIRROR_KEY is set, and goes before the key file.");
  return say(`${path} holds a new key, ${id}.`);
}

async function showIds(): Promise<number> {
  const { keys, store } = await keysAtHand();
  if (keys.length === 0)
    return fail(`No key at hand: ROO_MIRROR_KEY is not set, and there is no ${store!.path}. One is made on first use.`);
  for (const warning of store?.file.warnings ?? []) console.error(warning);
  const from = store?.path ?? "ROO_MIRROR_KEY";
  return say(keys.map(({ id }, index) => `${id}  ${index === 0 ? "encrypts" : "decrypts"}  ${from}`).join("\n"));
}
