import { createHash } from "node:crypto";
import { MAX_VALUE_BYTES } from "./codec.js";
import { KEEP_PART, SEALED_PART, UNKNOWN_VERSION } from "./script-parts.js";

/** The fields beside the items in a collection's hash. No item's id begins with `~`. */
export const STATE_FIELD = "~state";
export const INDEX_FIELD = "~index";

/** Of the fingerprint of an index, which is the beginning of its SHA-1, hexadecimal digits. */
export const FINGERPRINT_LENGTH = 16;

/** Of the index of a collection in which nothing lives. */
export const EMPTY_FINGERPRINT = createHash("sha1").update("").digest("hex").slice(0, FINGERPRINT_LENGTH);

/** How many fields a collection's hash may have, beside twice as many as were left, before its tombstones are looked through. */
export const MIN_PURGE = 128;

/** Operands of one concatenation. Lua has 250 registers in a function. */
const JOINED_AT_ONCE = 128;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Applies changes of a collection's items, atomically and idempotently, in whatever order they arrive: of each item the
 * latest version stays. Bodies are opaque to it: JSON, or a gzip member of it. Where one that is shown is compressed, all
 * are: the others become members too, once, and the array is the members one after the other.
 *
 * KEYS: the array, the items, and where something is to be kept: kept. ARGV: `<version> <horizon, 13 digits> <ttl, s>
 * <limit>`, and flags if any, ` k` keeps the previous array, ` c` lets all before `<version>` go, ` o` overwrites an array that
 * is encrypted. Then for each item
 * `<id> <version> <seen, or -> <recency> <body>` or `<id> <version> <seen, or -> deleted`, a version `-` being that of the
 * header. One argument and not five, since each costs as much again as how new an item is.
 *
 * The items are a hash: of each that is live its body, of each that was deleted `<version> deleted`; `~index`: the live
 * ones, newest first, a line each, `<id> <version> <recency>`; `~state`: `<version> <fingerprint of the index> <version of
 * the last clear, or -> <number of fields at which tombstones are looked through>`.
 *
 * Answers the version and the fingerprint of the state, then the id of each item that is there in a later version, and that
 * version; or `KEEP`, which asks for the third key; or `UNREADABLE` and the header of an array that is encrypted. Says on the array's key, as a channel, who has changed it.
 *
 * Its first write is one that a server without memory refuses, so it is applied whole or not at all.
 */
export const MERGE_SCRIPT = `
local version, horizon, ttl, limit, flags = string.match(ARGV[1], '^(%S+) (%S+) (%S+) (%S+) ?(%S*)$')
limit = tonumber(limit)

${KEEP_PART}

${SEALED_PART}

-- Not by the server's locale, in which two texts may be in another order than elsewhere.
local function isBefore(a, b)
  if a == b then return false end
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local form = '^(' .. string.rep('%d', 13) .. ')%-' .. string.rep('[0-9a-z]', 4) .. '%-([0-9a-z]+)$'
local function writerOf(text) return select(2, string.match(text, form)) end
-- A version that is none, or from further ahead than a clock may be, loses against every other.
local function believed(text)
  local time = text and string.match(text, form)
  return time and not isBefore(horizon, time) and text or nil
end
local function later(a, b)
  if not a or (b and isBefore(a, b)) then return b end
  return a
end

local function inParts(from, to, use)
  for first = from, to, 1000 do use(first, math.min(first + 999, to)) end
end

local function fetch(names)
  local values = {}
  inParts(1, #names, function(first, last)
    local reply = redis.pcall('HMGET', KEYS[2], unpack(names, first, last))
    if reply.err then return end
    for i = first, last do values[names[i]] = reply[i - first + 1] or nil end
  end)
  return values
end

-- What is there.

local names = { '${STATE_FIELD}', '${INDEX_FIELD}' }
for i = 2, #ARGV do names[i + 1] = string.match(ARGV[i], '^%S+') end
local fields = fetch(names)
local state, fingerprint, cleared, purgeAt = string.match(fields['${STATE_FIELD}'] or '', '^(%S+) (%S+) (%S+) (%d+)$')
purgeAt = tonumber(purgeAt) or ${MIN_PURGE}
cleared = believed(cleared)

local live, byId = {}, {}
for line, id, itsVersion, recency in string.gmatch(fields['${INDEX_FIELD}'] or '', '(([^ \\n]+) ([^ \\n]+) ([^ \\n]+))') do
  byId[id] = { id = id, version = itsVersion, recency = tonumber(recency) or 0, line = line }
  live[#live + 1] = byId[id]
end

-- The changes.

local hasChanged, isToBeKept, newest = false, string.find(flags, 'k', 1, true) ~= nil, nil
local gone, tombstones, applied, superseded = {}, {}, {}, {}

if string.find(flags, 'c', 1, true) and (not cleared or isBefore(cleared, version)) then
  hasChanged, cleared, newest = true, version, version
  for _, item in ipairs(live) do
    local current = believed(item.version)
    if not current or isBefore(current, version) then
      byId[item.id], gone[item.id], isToBeKept = nil, true, true
    end
  end
end

for i = 2, #ARGV do
  local id, mine, seen, recency, bodyAt = string.match(ARGV[i], '^(%S+) (%S+) (%S+) (%S+) ?()')
  if mine == '-' then mine = version end
  local there = byId[id]
  if not fields[id] then there = nil end
  local current = believed(there and there.version or string.match(fields[id] or '', '^(%S+) deleted$'))
  local latest = later(current, cleared)
  if latest and isBefore(mine, latest) then
    superseded[#superseded + 1] = id
    superseded[#superseded + 1] = latest
  elseif mine ~= current then
    local body = recency ~= 'deleted' and string.sub(ARGV[i], bodyAt) or nil
    if there and writerOf(there.version) ~= writerOf(mine) and isBefore(seen, there.version) then
      isToBeKept = isToBeKept or body ~= fields[id]
    end
    applied[id], tombstones[id], byId[id] = mine, not body, nil
    if body then
      byId[id] = { id = id, version = mine, recency = tonumber(recency), line = id .. ' ' .. mine .. ' ' .. recency, body = body }
      live[#live + 1] = byId[id]
    end
  end
end

-- What is live then. Of more than twice the limit those go that nobody will show: how many stay does not depend on what
-- was deleted first.

local left = {}
for _, item in ipairs(live) do
  if byId[item.id] == item then left[#left + 1] = item end
end
live = left
table.sort(live, function(a, b)
  if a.recency ~= b.recency then return a.recency > b.recency end
  return isBefore(a.id, b.id)
end)
for i = #live, 2 * limit + 1, -1 do
  local id = live[i].id
  byId[id], live[i] = nil, nil
  if fields[id] or not applied[id] then gone[id] = true else applied[id] = nil end
end

local writes = {}
for id, mine in pairs(applied) do
  hasChanged, newest = true, later(newest, mine)
  if byId[id] or tombstones[id] then
    gone[id] = nil
    writes[#writes + 1] = id
    writes[#writes + 1] = byId[id] and byId[id].body or (mine .. ' deleted')
  end
end
local removals = {}
for id in pairs(gone) do removals[#removals + 1] = id end
hasChanged = hasChanged or #removals > 0

-- What is to be published.

local length = redis.pcall('STRLEN', KEYS[1])
local hasArray = type(length) == 'number' and length > 0
newest = later(believed(state), newest) or (hasChanged and version or nil)

local function answer()
  local reply = { hasChanged and newest or state or false, fingerprint or false }
  for i, word in ipairs(superseded) do reply[i + 2] = word end
  return reply
end

if not hasChanged and hasArray then
  redis.call('EXPIRE', KEYS[1], ttl)
  redis.call('EXPIRE', KEYS[2], ttl)
  return answer()
end

local crcs
local function makeCrcs()
  crcs = { [0] = { [0] = 0 }, {}, {}, {} }
  local crc, step = 1, 128
  while step >= 1 do
    crc = bit.bxor(bit.rshift(crc, 1), crc % 2 * 0xEDB88320)
    for i = 0, 255, 2 * step do crcs[0][i + step] = bit.bxor(crc, crcs[0][i]) end
    step = step / 2
  end
  for k = 1, 3 do
    for i = 0, 255 do
      local before = crcs[k - 1][i]
      crcs[k][i] = bit.bxor(bit.rshift(before, 8), crcs[0][before % 256])
    end
  end
end

-- CRC-32, four bytes at a time: bytes one by one would hold up the server.
local function crcOf(text)
  if not crcs then makeCrcs() end
  local one, two, three, four = crcs[3], crcs[2], crcs[1], crcs[0]
  local crc = -1
  for i = 1, #text - 3, 4 do
    local a, b, c, d = string.byte(text, i, i + 3)
    crc = bit.bxor(crc, a + b * 256 + c * 65536 + d * 16777216) % 4294967296
    a = crc % 256
    crc = (crc - a) / 256
    b = crc % 256
    crc = (crc - b) / 256
    c = crc % 256
    crc = bit.bxor(one[a], two[b], three[c], four[(crc - c) / 256])
  end
  for i = #text - #text % 4 + 1, #text do
    crc = bit.bxor(bit.rshift(crc, 8), four[bit.bxor(crc, string.byte(text, i)) % 256])
  end
  return bit.bnot(crc)
end

local function littleEndian(number, bytes)
  local parts = {}
  for i = 1, bytes do
    parts[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(parts)
end

-- As a gzip member of its own, not compressed.
local function wrap(text)
  local parts = { '\\31\\139\\8\\0\\0\\0\\0\\0\\0\\255' }
  for first = 1, math.max(#text, 1), 65535 do
    local block = string.sub(text, first, first + 65534)
    local isLast = first + 65535 > #text
    parts[#parts + 1] = (isLast and '\\1' or '\\0') .. littleEndian(#block, 2) .. littleEndian(65535 - #block, 2) .. block
  end
  return table.concat(parts) .. littleEndian(crcOf(text) % 4294967296, 4) .. littleEndian(#text, 4)
end

local function isGzip(body) return string.sub(body, 1, 2) == '\\31\\139' end

-- In one go: each concatenation copies all that it is made of.
local function join(parts)
  while #parts > 1 do
    local joined, count = {}, #parts
    for i = 1, count, ${JOINED_AT_ONCE} do
      for k = count + 1, i + ${JOINED_AT_ONCE - 1} do parts[k] = '' end
      joined[#joined + 1] = ${Array.from({ length: JOINED_AT_ONCE }, (_part, k) => `parts[i+${k}]`).join("..")}
    end
    parts = joined
  end
  return parts[1]
end

-- What lies among the items from then on, so that nothing is wrapped twice.
local wrapped = {}

-- Nothing where the last that happened was a clear.
local function toArray()
  if #live == 0 then return newest ~= cleared and '[]' or nil end
  local missing = {}
  for i = 1, math.min(#live, limit) do
    if not live[i].body then missing[#missing + 1] = live[i].id end
  end
  local fetched, shown, hasGzip = fetch(missing), {}, false
  for i = 1, math.min(#live, limit) do
    local item = live[i]
    item.body = item.body or fetched[item.id]
    if item.body then
      shown[#shown + 1] = item
      hasGzip = hasGzip or isGzip(item.body)
    else
      byId[item.id] = nil
    end
  end
  local first, comma, last = '[', ',', ']'
  if hasGzip then first, comma, last = wrap(first), wrap(comma), wrap(last) end
  local parts = {}
  for i, item in ipairs(shown) do
    if hasGzip and not isGzip(item.body) then
      item.body = wrap(item.body)
      wrapped[#wrapped + 1] = item.id
      wrapped[#wrapped + 1] = item.body
    end
    parts[2 * i - 1] = i == 1 and first or comma
    parts[2 * i] = item.body
  end
  parts[#parts + 1] = #parts == 0 and '[]' or last
  return join(parts)
end

local array = toArray()

-- It is written down.

if hasChanged then
  local previous = (isToBeKept or not state) and hasArray and length > 2 and length <= ${MAX_VALUE_BYTES} and redis.call('GET', KEYS[1])
  local sealed = previous and not string.find(flags, 'o', 1, true) and sealedHeaderOf(previous)
  if sealed then return refuse(sealed) end
  if previous and previous ~= array then
    local known = state and string.match(state, form) and state
    local failure = keep(known or '${UNKNOWN_VERSION}', previous)
    if failure then return failure end
  end
  local lines = {}
  for _, item in ipairs(live) do
    if byId[item.id] then lines[#lines + 1] = item.line end
  end
  local index = table.concat(lines, '\\n')
  fingerprint = string.sub(redis.sha1hex(index), 1, ${FINGERPRINT_LENGTH})
  local function toState() return newest .. ' ' .. fingerprint .. ' ' .. (cleared or '-') .. ' ' .. purgeAt end

  local reply = redis.pcall('HSET', KEYS[2], '${STATE_FIELD}', toState(), '${INDEX_FIELD}', index)
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then return reply end
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[2], '${STATE_FIELD}', toState(), '${INDEX_FIELD}', index)
  end
  inParts(1, #writes, function(first, last) redis.call('HSET', KEYS[2], unpack(writes, first, last)) end)
  inParts(1, #removals, function(first, last) redis.call('HDEL', KEYS[2], unpack(removals, first, last)) end)

  if redis.call('HLEN', KEYS[2]) >= purgeAt then
    local others = {}
    for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
      if not byId[name] and name ~= '${STATE_FIELD}' and name ~= '${INDEX_FIELD}' then others[#others + 1] = name end
    end
    local texts, old = fetch(others), {}
    for _, name in ipairs(others) do
      local time = string.match(string.match(texts[name], '^(%S+) deleted$') or '', form)
      if not time or tonumber(time) < tonumber(horizon) - ${2 * DAY_MS} - ttl * 1000 then old[#old + 1] = name end
    end
    inParts(1, #old, function(first, last) redis.call('HDEL', KEYS[2], unpack(old, first, last)) end)
    purgeAt = 2 * redis.call('HLEN', KEYS[2]) + ${MIN_PURGE}
    redis.call('HSET', KEYS[2], '${STATE_FIELD}', toState())
  end
end

if array then
  redis.call('SET', KEYS[1], array, 'EX', ttl)
  inParts(1, #wrapped, function(first, last) redis.call('HSET', KEYS[2], unpack(wrapped, first, last)) end)
elseif hasChanged then
  redis.call('DEL', KEYS[1])
end
redis.call('EXPIRE', KEYS[2], ttl)
if hasChanged then redis.pcall('PUBLISH', KEYS[1], writerOf(version)) end
return answer()
`.trim();

/** By which `EVALSHA` calls it. */
export const MERGE_SCRIPT_SHA = createHash("sha1").update(MERGE_SCRIPT).digest("hex");
