import { createHash } from "node:crypto";
import { MAX_VALUE_BYTES } from "./codec.js";
import { headerBeginningUnder, JWE_BEGINNING, VERSION_MEMBER } from "./encryption.js";
import type { WireWrite } from "./redis-gateway.js";
import { KEEP_PART, SEALED_PART, UNKNOWN_VERSION } from "./script-parts.js";

/** Characters of a header's beginning that names a key by an id of 11 characters. */
const KEY_BEGINNING_LENGTH = headerBeginningUnder("-".repeat(11)).length;

/** What the script answers that has kept what its writer had not seen. */
export const KEPT_REPLY = "KEPT";

/**
 * Applies one write, atomically and idempotently, in whatever order writes arrive. Values are opaque to it.
 *
 * KEYS: value, version, where something is to be kept: kept, and of a secret always kept and items. ARGV: version, seen,
 * horizon (13 digits), ttl in seconds, flags as `flagsOf` makes them, and the value unless it is a deletion. Answers `OK`,
 * or `KEPT` where it overwrote and kept what its writer had not seen; the version that supersedes this one; `KEEP`, which asks for the third key, or `UNREADABLE` and the header of what this
 * write would overwrite. Says on the value's key, as a channel, who has changed it.
 *
 * A secret takes with it what lies open under its names: the array, the items and the versions of a time when the record
 * was not encrypted. They are looked for where the value was not encrypted by this script before.
 *
 * Its first write is one that a server without memory refuses, so it is applied whole or not at all.
 */
export const PUT_SCRIPT = `
local value, ttl = ARGV[6], ARGV[4]
local keepsPrevious, mode = string.sub(ARGV[5], 1, 1) == '1', string.sub(ARGV[5], 2, 2)
local isSecret = mode == 's' or mode == 'S'

local function stored(key)
  local length = redis.pcall('STRLEN', key)
  -- Nobody could read it again, and each copy of it holds up the server.
  if type(length) ~= 'number' or length > ${MAX_VALUE_BYTES} then return nil end
  local reply = redis.pcall('GET', key)
  return type(reply) == 'string' and reply or nil
end

${KEEP_PART}

${SEALED_PART}

-- Of a JWE however it is written; the other members may stand before it.
local function headerOf(text)
  local header = string.match(text, '^${JWE_BEGINNING}([%w_-]+)')
  if header or string.sub(text, 1, 1) ~= '{' then return header end
  local isJson, jwe = pcall(cjson.decode, text)
  if not isJson or type(jwe.protected) ~= 'string' or type(jwe.ciphertext) ~= 'string' then return nil end
  return jwe.protected
end

local function isReadable(header)
  for beginning in string.gmatch(ARGV[5], ',([%w_-]+)') do
    if string.sub(header, 1, #beginning) == beginning then return true end
  end
  return false
end

local form = '^(' .. string.rep('%d', 13) .. ')%-%w%w%w%w%-(%w+)'
local there = stored(KEYS[2])
local time, writer = string.match(there or '', form)
local current = time and string.match(there, '^%S+')
local mine = select(2, string.match(ARGV[1], form))

if current and current > ARGV[1] and time <= ARGV[3] then
  if value and writer ~= mine then
    -- What is encrypted there is not to lie open beside it.
    local sealed = mode == '' and sealedHeaderOf(stored(KEYS[1]) or '')
    if sealed then return refuse(sealed) end
    local failure = keep(ARGV[1], value)
    if failure then return failure end
  end
  return current
end

local previous = isSecret and stored(KEYS[1]) or nil
local header = previous and headerOf(previous)
if header and mode == 's' and not isReadable(header) then return refuse(header) end

local answer = 'OK'
if current ~= ARGV[1] then
  local isSeen = current and (writer == mine or current <= ARGV[2])
  if not isSeen or keepsPrevious then
    previous = previous or stored(KEYS[1])
    if previous and not isSeen and mode == '' then
      local sealed = sealedHeaderOf(previous)
      if sealed then return refuse(sealed) end
    end
    local isWorthIt = previous and previous ~= value and #previous > 2 and previous ~= 'null'
    if isWorthIt and (header or not isSecret) then
      local failure = keep(current or '${UNKNOWN_VERSION}', previous)
      if failure then return failure end
      if not isSeen then answer = '${KEPT_REPLY}' end
    end
  end
end

if value then
  redis.call('SET', KEYS[1], value, 'EX', ttl)
  redis.call('SET', KEYS[2], ARGV[1], 'EX', ttl)
else
  redis.call('SET', KEYS[2], ARGV[1] .. ' deleted', 'EX', ttl)
  redis.call('DEL', KEYS[1])
end
if isSecret and string.sub(header or '', ${KEY_BEGINNING_LENGTH + 1}, ${KEY_BEGINNING_LENGTH + VERSION_MEMBER.length}) ~= '${VERSION_MEMBER}' then
  redis.call('DEL', KEYS[4])
  local versions = redis.pcall('HKEYS', KEYS[3])
  for _, each in ipairs(versions) do
    if not headerOf(redis.call('HGET', KEYS[3], each)) then redis.call('HDEL', KEYS[3], each) end
  end
end
if current ~= ARGV[1] then redis.pcall('PUBLISH', KEYS[1], mine) end
return answer
`.trim();

/** What the script is to know of a write beside its version: `0` or `1`, whether it keeps the previous value, and its mode. */
export function flagsOf({
  keepsPrevious,
  isSecret,
  keyIds = [],
  readableHeader,
  overwritesUnreadable,
}: WireWrite): string {
  const keeping = keepsPrevious ? "1" : "0";
  if (isSecret !== true) return overwritesUnreadable === true ? `${keeping}o` : keeping;
  if (overwritesUnreadable === true) return `${keeping}S`;
  const readable = [...keyIds.map(headerBeginningUnder), readableHeader ?? []].flat();
  return [`${keeping}s`, ...readable].join(",");
}

/** By which `EVALSHA` calls it. */
export const PUT_SCRIPT_SHA = createHash("sha1").update(PUT_SCRIPT).digest("hex");
