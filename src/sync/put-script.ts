import { createHash } from "node:crypto";
import { JWE_BEGINNING } from "./encryption.js";
import { KEEP_PART, UNKNOWN_VERSION } from "./script-parts.js";

/**
 * Applies one write, atomically and idempotently, in whatever order writes arrive. Values are opaque to it.
 *
 * KEYS: value, version, and where something is to be kept: kept. ARGV: version, seen, horizon (13 digits), ttl in seconds,
 * keeps previous (`0` or `1`, and `s` after it where only a JWE is kept), and the value unless it is a deletion. Answers `OK`, the version that supersedes this one, or
 * `KEEP`, which asks for the third key. Says on the value's key, as a channel, who has changed it.
 *
 * Its first write is one that a server without memory refuses, so it is applied whole or not at all.
 */
export const PUT_SCRIPT = `
local value, ttl = ARGV[6], ARGV[4]
local keepsPrevious, isSecret = string.sub(ARGV[5], 1, 1) == '1', string.sub(ARGV[5], 2) == 's'

local function stored(key)
  local reply = redis.pcall('GET', key)
  return type(reply) == 'string' and reply or nil
end

${KEEP_PART}

local form = '^(' .. string.rep('%d', 13) .. ')%-%w%w%w%w%-(%w+)'
local there = stored(KEYS[2])
local time, writer = string.match(there or '', form)
local current = time and string.match(there, '^%S+')
local mine = select(2, string.match(ARGV[1], form))

if current and current > ARGV[1] and time <= ARGV[3] then
  if value and writer ~= mine then
    local failure = keep(ARGV[1], value)
    if failure then return failure end
  end
  return current
end

if current ~= ARGV[1] then
  local isSeen = current and (writer == mine or current <= ARGV[2])
  if not isSeen or keepsPrevious then
    local previous = stored(KEYS[1])
    local isWorthIt = previous and previous ~= value and #previous > 2 and previous ~= 'null'
    if isWorthIt and (not isSecret or string.sub(previous, 1, ${JWE_BEGINNING.length}) == '${JWE_BEGINNING}') then
      local failure = keep(current or '${UNKNOWN_VERSION}', previous)
      if failure then return failure end
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
if current ~= ARGV[1] then redis.pcall('PUBLISH', KEYS[1], mine) end
return 'OK'
`.trim();

/** By which `EVALSHA` calls it. */
export const PUT_SCRIPT_SHA = createHash("sha1").update(PUT_SCRIPT).digest("hex");
