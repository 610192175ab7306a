/** What a script answers, and the header of a JWE, where it would overwrite one that the writer cannot read. */
export const UNREADABLE_REPLY = "UNREADABLE";

/** How much of a header is answered. The mirror's own are shorter. */
const HEADER_LENGTH = 256;

/**
 * For both scripts: `sealedHeaderOf(text)` is the header of a value that the mirror has encrypted, `undefined` of any
 * other; `refuse(header)` is what a script answers that does not overwrite it.
 */
export const SEALED_PART = `
local function sealedHeaderOf(text)
  if string.sub(text, 1, ${SEALED_BEGINNING.length}) ~= '${SEALED_BEGINNING}' then return nil end
  return string.match(text, '^[%w_-]+', ${JWE_BEGINNING.length + 1})
end

local function refuse(header) return '${UNREADABLE_REPLY} ' .. string.sub(header, 1, ${HEADER_LENGTH}) end
`.trim();

/** How many overwritten values of a record are kept. Beyond it, of the two saved closest together the earlier one goes. */
export const MAX_KEPT = 16;

import { JWE_BEGINNING, SEALED_BEGINNING } from "./encryption.js";

/** What is kept and nobody knows the version of is kept under this one. */
export const UNKNOWN_VERSION = "0000000000000-0000-unknown";

/**
 * Keeps what is overwritten, for both scripts: `keep(version, body)` answers what the script then answers in its turn, if
 * anything. It comes before the script's own first write, and begins with one that a server without memory refuses.
 *
 * The third key is seldom needed, and is on the wire only where it is: without it the answer is `KEEP`, nothing has
 * changed, and the same is to be sent again with it. Needs a local `ttl`.
 */
export const KEEP_PART = `
local function keep(version, body)
  if not KEYS[3] then return 'KEEP' end
  local reply = redis.pcall('HSET', KEYS[3], version, body)
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then return reply end
    redis.call('DEL', KEYS[3])
    redis.call('HSET', KEYS[3], version, body)
  end
  redis.call('EXPIRE', KEYS[3], ttl)
  if redis.call('HLEN', KEYS[3]) > ${MAX_KEPT} then
    local versions = redis.call('HKEYS', KEYS[3])
    table.sort(versions)
    local closest, smallest = 2, math.huge
    for i = 2, #versions - 1 do
      local gap = tonumber(string.sub(versions[i + 1], 1, 13)) - tonumber(string.sub(versions[i], 1, 13))
      if gap < smallest then closest, smallest = i, gap end
    end
    redis.call('HDEL', KEYS[3], versions[closest])
  end
end
`.trim();
