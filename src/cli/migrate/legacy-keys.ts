import { createHash } from "node:crypto";
import { MAX_VALUE_BYTES } from "../../sync/codec.js";
import { isGzip } from "../../sync/compression.js";
import { JWE_BEGINNING } from "../../sync/encryption.js";
import { bookkeepingKey } from "../../sync/keys.js";
import { parseStoredJson } from "../../sync/stored-json.js";
import type { UserKeys } from "../../sync/user-keys.js";

/** How long the code before this package let a key live, seconds: from what is left of it follows when it was written. */
const LEGACY_TTL_SECONDS = 7 * 24 * 60 * 60;

/** What follows the user in the old keys, and what record that is now. `tasks` was one terminal's, `taskHistory` too. */
const HISTORY_KEY = /^(?:\d+:)?(?:tasks|taskHistory)$/;
const DOCUMENT_KEYS: Readonly<Record<string, string>> = {
  customInstructions: "customInstructions",
  pinnedApiConfigs: "pinnedApiConfigs",
  provider: "provider",
  modes: "customModes",
};
const AGENT_KEY = /^agents:/;

/** Deletes a key if it still holds what was read. */
const DELETE_SCRIPT = `
local value = redis.call('GET', KEYS[1])
if value and redis.sha1hex(value) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** Of what lies there now; of nothing, that of an empty text. */
const SHA1_SCRIPT = "return redis.sha1hex(redis.call('GET', KEYS[1]) or '')";

/** A value in plain JSON, as the code before this package wrote it: under the raw user id, without notes beside it. */
export interface LegacyEntry {
  readonly redisKey: string;
  /** The record that holds it now. */
  readonly record: string;
  readonly bytes: number;
  /** Milliseconds since 1970; 0 where the key does not say. */
  readonly savedAtMs: number;
  /** `undefined`: it is no JSON, or none that a host can be given, or too large to be read. */
  readonly value: unknown;
  /** Of the text. */
  readonly sha1: string | undefined;
  /** Whether the mirror's own value is to lie under just this name. */
  readonly isInPlace: boolean;
}

export interface LegacyListing {
  readonly entries: readonly LegacyEntry[];
  /** Keys of agents, which the mirror does not know and leaves alone. */
  readonly agentKeys: readonly string[];
}

/**
 * What lies under the raw id of a user. What has the mirror's notes beside it, is gzip or a JWE, the mirror wrote; but for
 * what the old code wrote over it: plain text where a secret should be, or an array of tasks.
 * @param ownKeys Where the mirror's own values are to lie on this server.
 * @throws ConnectionLostError @throws RefusedError
 */
export async function findLegacy(
  keys: UserKeys,
  userId: string,
  isEncrypted: (record: string) => boolean,
  ownKeys: ReadonlySet<string>,
): Promise<LegacyListing> {
  const folder = `roo:${userId}:`;
  const names = await keys.names(`${escapePattern(folder)}*`);
  const entries: LegacyEntry[] = [];
  for (const redisKey of names) {
    const record = recordOf(redisKey.slice(folder.length));
    const entry =
      record === undefined ? undefined : await readLegacy(keys, redisKey, record, isEncrypted(record), ownKeys);
    if (entry !== undefined) entries.push(entry);
  }
  return { entries, agentKeys: names.filter((name) => AGENT_KEY.test(name.slice(folder.length))) };
}

/** Whether it is still what was read. @throws ConnectionLostError @throws RefusedError */
export async function isUnchanged(keys: UserKeys, { redisKey, sha1 }: LegacyEntry): Promise<boolean> {
  const [there] = await keys.ask([["EVAL", SHA1_SCRIPT, "1", redisKey]]);
  return sha1 !== undefined && String(there) === sha1;
}

/** The answer is whether it is gone now: what somebody has written since it was read stays. */
export async function deleteLegacy(keys: UserKeys, { redisKey, sha1 }: LegacyEntry): Promise<boolean> {
  if (sha1 === undefined) return false;
  const [deleted] = await keys.ask([["EVAL", DELETE_SCRIPT, "1", redisKey, sha1]]);
  return Number(deleted) === 1;
}

function recordOf(rest: string): string | undefined {
  if (HISTORY_KEY.test(rest)) return "taskHistory";
  return Object.hasOwn(DOCUMENT_KEYS, rest) ? DOCUMENT_KEYS[rest] : undefined;
}

async function readLegacy(
  keys: UserKeys,
  redisKey: string,
  record: string,
  isSecret: boolean,
  ownKeys: ReadonlySet<string>,
): Promise<LegacyEntry | undefined> {
  const [length, ttl, beginning, noted] = await keys.ask([
    ["STRLEN", redisKey],
    ["TTL", redisKey],
    ["GETRANGE", redisKey, "0", String(JWE_BEGINNING.length - 1)],
    ["EXISTS", bookkeepingKey(redisKey, "version"), bookkeepingKey(redisKey, "items")],
  ]);
  const bytes = Number(length ?? 0);
  if (bytes === 0 || !Buffer.isBuffer(beginning)) return undefined;
  if (isGzip(beginning) || beginning.toString() === JWE_BEGINNING) return undefined;
  const isInPlace = ownKeys.has(redisKey);
  const isOverwritten = isSecret || (isInPlace && record === "taskHistory");
  if (Number(noted) > 0 && !isOverwritten) return undefined;
  const [body] = bytes > MAX_VALUE_BYTES ? [] : await keys.ask([["GET", redisKey]], bytes);
  const value = Buffer.isBuffer(body) ? parse(body.toString()) : undefined;
  const sha1 =
    value === undefined
      ? undefined
      : createHash("sha1")
          .update(body as Buffer)
          .digest("hex");
  const ageMs = (LEGACY_TTL_SECONDS - Number(ttl)) * 1_000;
  const savedAtMs = Number(ttl) < 0 ? 0 : Math.min(Date.now(), Date.now() - ageMs);
  return { redisKey, record, bytes, savedAtMs, value, sha1, isInPlace };
}

function parse(text: string): unknown {
  try {
    return parseStoredJson(text);
  } catch {
    return undefined;
  }
}

/** So that a user's id stands for itself: `alice*` is not everybody whose id begins so. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, "\\$&");
}
