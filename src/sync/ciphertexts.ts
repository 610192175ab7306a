import { MAX_VALUE_BYTES } from "./codec.js";
import { headerOf, JWE_BEGINNING } from "./encryption.js";
import { bookkeepingKey } from "./keys.js";
import { MAX_KEPT } from "./script-parts.js";
import type { UserKey, UserKeys } from "./user-keys.js";

/** By which it is told what may be JSON of an object: JSON may begin with white space. */
const BEGINNING_BYTES = 64;
const MAY_BE_OBJECT = /^[ \t\r\n]*(?:\{|$)/;

/** How often something is looked at that changes each time. */
const MAX_LOOKS = 3;

/** More than the mirror ever keeps of one record, and no name of a version is as long: what is beyond is not its own. */
const MAX_FIELDS = 4 * MAX_KEPT;
const MAX_FIELD_BYTES = 128;

/** Of each kept version its name, its size, and how it begins; or that they are too many. ARGV: the bounds. */
const KEPT_SCRIPT = `
local found = {}
local count = redis.pcall('HLEN', KEYS[1])
if type(count) ~= 'number' then return found end
if count > tonumber(ARGV[1]) then return count end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local length = redis.call('HSTRLEN', KEYS[1], field)
  local body = redis.call('HGET', KEYS[1], field)
  local isLong = #field > tonumber(ARGV[2]) and 1 or 0
  found[#found + 1] = { string.sub(field, 1, tonumber(ARGV[2])), isLong, length, string.sub(body, 1, tonumber(ARGV[3])) }
end
return found
`.trim();

/** Reads a kept version, if it is as long as it was. */
const READ_KEPT_SCRIPT = `
local length = redis.pcall('HSTRLEN', KEYS[1], ARGV[1])
return length == tonumber(ARGV[2]) and redis.call('HGET', KEYS[1], ARGV[1])
`.trim();

/** One JWE in Redis: the value of a record, or a version of it that was overwritten and kept. */
export interface Ciphertext {
  /** Of the record's value, for which it was encrypted. */
  readonly redisKey: string;
  /** Under which it is kept; `undefined`: it is the value itself. */
  readonly keptVersion: string | undefined;
  /** The id of its key, as it says itself; `undefined`: it says none, or not as the mirror does. */
  readonly keyId: string | undefined;
  readonly bytes: number;
}

/** What may be a JWE, or hold some, and was not read. */
export interface UnseenCiphertext extends Ciphertext {
  readonly keyId: undefined;
  /** `too-many`: of a record's versions. `too-large`: a value, or the name of a version. `changing`: whenever it was looked at. */
  readonly reason: "too-many" | "too-large" | "changing";
}

export interface FoundCiphertexts {
  readonly seen: readonly Ciphertext[];
  readonly unseen: readonly UnseenCiphertext[];
}

/** The JWEs among some keys, what is kept beside values included. @throws ConnectionLostError @throws RefusedError */
export async function findCiphertexts(source: UserKeys, keys: readonly UserKey[]): Promise<FoundCiphertexts> {
  const [seen, unseen]: [Ciphertext[], UnseenCiphertext[]] = [[], []];
  for (const key of keys) {
    const list = listings[key.bookkeeping ?? "value"];
    if (list === undefined) continue;
    for (const each of await look(source, () => list(source, key))) {
      if ("reason" in each) unseen.push(each);
      else seen.push(each);
    }
  }
  return { seen, unseen };
}

/** What was found; `undefined`: something else is there by now. @throws ConnectionLostError @throws RefusedError */
export async function readCiphertext(
  source: UserKeys,
  { redisKey, keptVersion, bytes }: Candidate,
): Promise<Buffer | undefined> {
  // Never more than there was: whoever writes there is not to decide how much is read.
  const read =
    keptVersion === undefined
      ? ["GETRANGE", redisKey, "0", String(bytes)]
      : ["EVAL", READ_KEPT_SCRIPT, "1", bookkeepingKey(redisKey, "kept"), keptVersion, String(bytes)];
  const [body] = await source.ask([read], bytes);
  return Buffer.isBuffer(body) && body.length === bytes ? body : undefined;
}

/** Something that begins as a JWE may. */
type Candidate = Omit<Ciphertext, "keyId">;

const listings: Readonly<
  Record<string, (source: UserKeys, key: UserKey) => Promise<readonly (Candidate | UnseenCiphertext)[]>>
> = { value: listValue, kept: listKept };

/** Reads what is listed, and lists anew where that has changed meanwhile: none that comes then is passed over. */
async function look(
  source: UserKeys,
  list: () => Promise<readonly (Candidate | UnseenCiphertext)[]>,
): Promise<(Ciphertext | UnseenCiphertext)[]> {
  for (let looks = 1; ; looks++) {
    const found: (Ciphertext | UnseenCiphertext)[] = [];
    let hasChanged = false;
    for (const candidate of await list()) {
      if ("reason" in candidate) {
        found.push(candidate);
        continue;
      }
      const body = await readCiphertext(source, candidate);
      if (body === undefined) {
        hasChanged = true;
        found.push({ ...candidate, keyId: undefined, reason: "changing" });
      } else found.push(...identify(candidate, body.toString()));
    }
    if (!hasChanged || looks === MAX_LOOKS) return found;
  }
}

async function listValue(source: UserKeys, { redisKey }: UserKey): Promise<(Candidate | UnseenCiphertext)[]> {
  const [length, beginning] = await source.ask([
    ["STRLEN", redisKey],
    ["GETRANGE", redisKey, "0", String(BEGINNING_BYTES - 1)],
  ]);
  const bytes = Number(length ?? 0);
  return bytes > 0 && mayBeCiphertext(beginning) ? [bounded({ redisKey, keptVersion: undefined, bytes })] : [];
}

async function listKept(source: UserKeys, { redisKey: keptKey }: UserKey): Promise<(Candidate | UnseenCiphertext)[]> {
  const bounds = [MAX_FIELDS, MAX_FIELD_BYTES, BEGINNING_BYTES].map(String);
  const [reply] = await source.ask([["EVAL", KEPT_SCRIPT, "1", keptKey, ...bounds]]);
  if (typeof reply === "number")
    return [{ redisKey: keptKey, keptVersion: undefined, keyId: undefined, bytes: 0, reason: "too-many" }];
  const redisKey = keptKey.replace("~kept:", "");
  return (Array.isArray(reply) ? (reply as unknown[][]) : []).flatMap(([field, isLong, length, beginning]) =>
    mayBeCiphertext(beginning)
      ? [bounded({ redisKey, keptVersion: String(field), bytes: Number(length) }, isLong === 1)]
      : [],
  );
}

/** More than the mirror reads is not read. */
function bounded(candidate: Candidate, isTooLarge = candidate.bytes > MAX_VALUE_BYTES): Candidate | UnseenCiphertext {
  return isTooLarge ? { ...candidate, keyId: undefined, reason: "too-large" } : candidate;
}

function mayBeCiphertext(beginning: unknown): boolean {
  return Buffer.isBuffer(beginning) && MAY_BE_OBJECT.test(beginning.toString("latin1"));
}

/** As who reads it takes it: the members of a JWE, and those of its header, may come in any order. */
function identify(candidate: Candidate, text: string): Ciphertext[] {
  const keyId = headerOf(text)?.kid ?? claimedKeyIdIn(text);
  return keyId === undefined && !text.startsWith(JWE_BEGINNING) ? [] : [{ ...candidate, keyId }];
}

/** Of what began as one of the mirror's and is none any more. */
function claimedKeyIdIn(text: string): string | undefined {
  if (!text.startsWith(JWE_BEGINNING)) return undefined;
  const end = text.indexOf('"', JWE_BEGINNING.length);
  try {
    const encoded = text.slice(JWE_BEGINNING.length, end === -1 ? undefined : end);
    const header = JSON.parse(Buffer.from(encoded, "base64url").toString()) as { kid?: unknown } | null;
    return typeof header?.kid === "string" ? header.kid : undefined;
  } catch {
    return undefined;
  }
}
