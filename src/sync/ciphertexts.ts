import { MAX_VALUE_BYTES } from "./codec.js";
import { JWE_BEGINNING } from "./encryption.js";
import { bookkeepingKey } from "./keys.js";
import { MAX_KEPT } from "./script-parts.js";
import type { UserKey, UserKeys } from "./user-keys.js";

/** As much of a ciphertext as holds its header. */
const BEGINNING_BYTES = 512;

/** More than the mirror ever keeps of one record, and no name of a version is as long: what is beyond is not its own. */
const MAX_FIELDS = 4 * MAX_KEPT;
const MAX_FIELD_BYTES = 128;

/** Of each kept version its name, its size, and how it begins. ARGV: the bounds. */
const KEPT_SCRIPT = `
local found = {}
local count = redis.pcall('HLEN', KEYS[1])
if type(count) ~= 'number' or count > tonumber(ARGV[1]) then return found end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local length = redis.call('HSTRLEN', KEYS[1], field)
  if #field <= tonumber(ARGV[2]) and length <= tonumber(ARGV[3]) then
    local body = redis.call('HGET', KEYS[1], field)
    found[#found + 1] = { field, length, string.sub(body, 1, tonumber(ARGV[4])) }
  end
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

/** The JWEs among some keys, what is kept beside values included. @throws ConnectionLostError @throws RefusedError */
export async function findCiphertexts(source: UserKeys, keys: readonly UserKey[]): Promise<Ciphertext[]> {
  const found: Ciphertext[] = [];
  for (const key of keys) {
    if (key.bookkeeping === undefined) found.push(...(await findValue(source, key)));
    if (key.bookkeeping === "kept") found.push(...(await findKept(source, key)));
  }
  return found;
}

/** What was found; `undefined`: something else is there by now. @throws ConnectionLostError @throws RefusedError */
export async function readCiphertext(
  source: UserKeys,
  { redisKey, keptVersion, bytes }: Ciphertext,
): Promise<Buffer | undefined> {
  // Never more than there was: whoever writes there is not to decide how much is read.
  const read =
    keptVersion === undefined
      ? ["GETRANGE", redisKey, "0", String(bytes)]
      : ["EVAL", READ_KEPT_SCRIPT, "1", bookkeepingKey(redisKey, "kept"), keptVersion, String(bytes)];
  const [body] = await source.ask([read], bytes);
  return Buffer.isBuffer(body) && body.length === bytes ? body : undefined;
}

async function findValue(source: UserKeys, { redisKey }: UserKey): Promise<Ciphertext[]> {
  const [length, beginning] = await source.ask([
    ["STRLEN", redisKey],
    ["GETRANGE", redisKey, "0", String(BEGINNING_BYTES - 1)],
  ]);
  const bytes = Number(length ?? 0);
  if (bytes > MAX_VALUE_BYTES || !isCiphertext(beginning)) return [];
  return [{ redisKey, keptVersion: undefined, keyId: keyIdIn(beginning), bytes }];
}

async function findKept(source: UserKeys, { redisKey: keptKey }: UserKey): Promise<Ciphertext[]> {
  const bounds = [MAX_FIELDS, MAX_FIELD_BYTES, MAX_VALUE_BYTES, BEGINNING_BYTES].map(String);
  const [reply] = await source.ask([["EVAL", KEPT_SCRIPT, "1", keptKey, ...bounds]]);
  const redisKey = keptKey.replace("~kept:", "");
  return (Array.isArray(reply) ? (reply as unknown[][]) : []).flatMap(([field, length, beginning]) =>
    isCiphertext(beginning)
      ? [{ redisKey, keptVersion: String(field), keyId: keyIdIn(beginning), bytes: Number(length) }]
      : [],
  );
}

function isCiphertext(beginning: unknown): beginning is Buffer {
  return Buffer.isBuffer(beginning) && beginning.toString("latin1").startsWith(JWE_BEGINNING);
}

/** From the header, which comes first. */
function keyIdIn(beginning: Buffer): string | undefined {
  const [encoded] = beginning.toString("latin1").slice(JWE_BEGINNING.length).split('"', 1);
  try {
    const header = JSON.parse(Buffer.from(encoded!, "base64url").toString()) as { kid?: unknown } | null;
    return typeof header?.kid === "string" ? header.kid : undefined;
  } catch {
    return undefined;
  }
}
