import { type Ciphertext, findCiphertexts, readCiphertext } from "../../sync/ciphertexts.js";
import { decrypt, isShowable } from "../../sync/encryption.js";
import { MirrorError, UnreadableValueError } from "../../sync/errors.js";
import { FixedKeyRing, type MirrorKey } from "../../sync/key-ring.js";
import type { KeyListing, UserKeys } from "../../sync/user-keys.js";
import { parseKey } from "../../sync/user-keys.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { count, list, listSome } from "../naming.js";
import { STEP_MS } from "../patience.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { Saying, type Value, type Words, words } from "../words.js";

/** So many values are decrypted; the others are believed what they say of their keys. */
const MAX_TRIED = 20;

const MAX_NAMED = 5;

/** Whether what is encrypted there can be read with the keys that are at hand. */
export async function* checkDecryption(
  visit: Visit,
  { source, listing }: { source: UserKeys; listing: KeyListing },
  keys: readonly MirrorKey[],
): Findings {
  const { patience } = visit;
  try {
    const { seen } = await patience.within(findCiphertexts(source, listing.keys), 2 * STEP_MS);
    if (seen.length === 0) {
      yield ok("decryption", words`Nothing of this user is encrypted there yet.`);
      return;
    }
    const ids = new Set<string | undefined>(keys.map(({ id }) => id));
    const foreign = seen.filter(({ keyId }) => !ids.has(keyId));
    if (foreign.length > 0) yield error("decryption", ...describeForeign(visit, foreign));
    const ours = seen.filter(({ keyId }) => ids.has(keyId));
    const broken = ours.length === 0 ? [] : await patience.within(findBroken(source, ours, keys), 2 * STEP_MS);
    if (broken.length > 0)
      yield error(
        "decryption",
        words`${count(broken.length, "encrypted value")} (${list([...new Set(broken.map(recordOf))])}) cannot be decrypted, though the key is here: changed or moved since. It counts as absent.`,
        words`Save the record again, which overwrites it. \`npx redis-mirrored history RECORD\` lists earlier versions.`,
      );
    if (foreign.length === 0 && broken.length === 0)
      yield ok(
        "decryption",
        seen.length === 1
          ? words`The one encrypted value of this user can be read with the keys at hand.`
          : words`All ${seen.length} encrypted values of this user can be read with the keys at hand.`,
      );
  } catch (failure) {
    if (!(failure instanceof MirrorError)) throw failure;
    yield warning(
      "decryption",
      words`Whether the keys at hand fit could not be found out: ${new Saying(failure.message)}`,
      words`Ask again; \`npx redis-mirrored rotate --dry-run\` takes its time.`,
    );
  }
}

function describeForeign(visit: Visit, foreign: readonly Ciphertext[]): [message: Words, remedy: Words] {
  const ids = [...new Set(foreign.map(({ keyId }) => keyId))];
  const known = ids.filter((id) => id !== undefined && isShowable(id)) as string[];
  const records = [...new Set(foreign.map(recordOf))].slice(0, MAX_NAMED);
  const values = words`${count(foreign.length, "value")} in Redis (${list(records)})`;
  const areEncrypted = foreign.length === 1 ? words`${values} is encrypted` : words`${values} are encrypted`;
  if (known.length === 0)
    return [
      words`${areEncrypted} in a form that is not known here: neither restored here nor overwritten.`,
      words`Update redis-mirrored.`,
    ];
  const named = listSome(known, MAX_NAMED);
  const underKeys =
    known.length === 1
      ? words`with the key ${named}, which is not here`
      : words`with the keys ${named}, which are not here`;
  return [
    words`${areEncrypted} ${underKeys}: neither restored here nor overwritten.`,
    words`Bring that key here from the machine that has it: add it behind your own (\`${nameOfSetting(visit, "keys")}=own,other\`), or in VS Code "Redis Mirror: Import Mirror Key". If nobody has it, ROO_MIRROR_OVERWRITE_UNREADABLE=true lets the next save overwrite it.`,
  ];
}

function recordOf({ redisKey }: Ciphertext): Value {
  return parseKey(redisKey)?.record ?? words`a record`;
}

async function findBroken(
  source: UserKeys,
  ours: readonly Ciphertext[],
  keys: readonly MirrorKey[],
): Promise<Ciphertext[]> {
  const ring = new FixedKeyRing(keys);
  const broken: Ciphertext[] = [];
  for (const ciphertext of ours.slice(0, MAX_TRIED)) {
    const body = await readCiphertext(source, ciphertext);
    if (body === undefined) continue;
    try {
      await decrypt(body.toString(), ciphertext.redisKey, ring, undefined);
    } catch (failure) {
      if (!(failure instanceof UnreadableValueError)) throw failure;
      broken.push(ciphertext);
    }
  }
  return broken;
}
