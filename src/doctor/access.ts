/** What the mirror sends, or its scripts call, whatever the settings. docs/access.md has the same list. */
export const MIRROR_COMMANDS = [
  "ping",
  "client|setname",
  "eval",
  "evalsha",
  "get",
  "mget",
  "set",
  "del",
  "strlen",
  "exists",
  "expire",
  "publish",
  "getrange",
  "hget",
  "hmget",
  "hset",
  "hdel",
  "hlen",
  "hkeys",
  "hstrlen",
] as const;

/** What more is sent where it is asked for, by how docs/access.md calls it. */
export const FEATURE_COMMANDS = {
  "live sharing": ["psubscribe"],
  "another database": ["select"],
  "the commands": ["scan", "ttl", "unlink", "memory|usage"],
  "a cluster": ["cluster|slots"],
  sentinels: ["role"],
  "the doctor": ["info", "time", "config|get"],
} as const;

export type MirrorCommand = (typeof MIRROR_COMMANDS)[number] | (typeof FEATURE_COMMANDS)["the commands"][number];

/** No script has it: to be told so is as good as to be served. */
const NO_SCRIPT = "0".repeat(40);

/**
 * A call of each command that changes nothing, on a key that does not exist: whether it is allowed is decided before it is
 * looked at. `SET … XX` sets only what is there, and `HSET` with half a pair is refused for that.
 */
export const ATTEMPTS: Readonly<Record<MirrorCommand, (key: string) => readonly string[]>> = {
  ping: () => ["PING"],
  "client|setname": () => ["CLIENT", "SETNAME", "redis-mirrored"],
  eval: (key) => ["EVAL", "return 1", "1", key],
  evalsha: (key) => ["EVALSHA", NO_SCRIPT, "1", key],
  get: (key) => ["GET", key],
  mget: (key) => ["MGET", key],
  set: (key) => ["SET", key, "", "XX"],
  del: (key) => ["DEL", key],
  strlen: (key) => ["STRLEN", key],
  exists: (key) => ["EXISTS", key],
  expire: (key) => ["EXPIRE", key, "1"],
  publish: (key) => ["PUBLISH", key, "redis-mirrored"],
  getrange: (key) => ["GETRANGE", key, "0", "0"],
  hget: (key) => ["HGET", key, "a"],
  hmget: (key) => ["HMGET", key, "a"],
  hset: (key) => ["HSET", key, "a", "b", "c"],
  hdel: (key) => ["HDEL", key, "a"],
  hlen: (key) => ["HLEN", key],
  hkeys: (key) => ["HKEYS", key],
  hstrlen: (key) => ["HSTRLEN", key, "a"],
  scan: () => ["SCAN", "0", "COUNT", "1"],
  ttl: (key) => ["TTL", key],
  unlink: (key) => ["UNLINK", key],
  "memory|usage": (key) => ["MEMORY", "USAGE", key],
};
