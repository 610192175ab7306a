/** Which user's which record. */
export interface RecordId {
  userId: string;
  record: string;
}

const SPECIAL = /[^A-Za-z0-9._@-]/gu;

/**
 * An id as it stands in a key: characters other than `[A-Za-z0-9._@-]` become `%XX`, one for each of their
 * UTF-8 bytes. Two ids never become one: half a surrogate pair, which UTF-8 proper cannot say, is written as the
 * three bytes it would have.
 */
export function encodeId(id: string): string {
  return id.replace(SPECIAL, percentEncode);
}

function percentEncode(character: string): string {
  const codePoint = character.codePointAt(0)!;
  const isHalfSurrogatePair = codePoint >= 0xd800 && codePoint <= 0xdfff;
  const bytes = isHalfSurrogatePair
    ? [0xe0 | (codePoint >> 12), 0x80 | ((codePoint >> 6) & 0x3f), 0x80 | (codePoint & 0x3f)]
    : [...Buffer.from(character)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/**
 * The mirror's own notes on a record: the version of what is there, or of a collection its items, each with a version of
 * its own, and what was overwritten and kept.
 */
export type Bookkeeping = "version" | "items" | "kept";

/** `roo:alice:taskHistory` → `roo:alice:~version:taskHistory`: beside the value, under a name that no record can have. */
export function bookkeepingKey(redisKey: string, kind: Bookkeeping): string {
  const nameAt = redisKey.lastIndexOf(":") + 1;
  return `${redisKey.slice(0, nameAt)}~${kind}:${redisKey.slice(nameAt)}`;
}

export interface KeySpaceOptions {
  /** Separates the instances of one user; empty: they share. */
  instanceId?: string;
  /** Whether the user id is the hash tag, so that a cluster keeps all of a user's keys together. */
  isCluster?: boolean;
}

/** Names the Redis keys: `roo:<userId>:<record>`, with an instance id `roo:<userId>:<instanceId>:<record>`. */
export class KeySpace {
  readonly #instance: string;
  readonly #isCluster: boolean;

  constructor({ instanceId = "", isCluster = false }: KeySpaceOptions = {}) {
    this.#instance = instanceId === "" ? "" : `${encodeId(instanceId)}:`;
    this.#isCluster = isCluster;
  }

  /** Where the value of a record lies. */
  keyOf({ userId, record }: RecordId): string {
    // Neither brace can be in an id: they are percent-encoded.
    const user = this.#isCluster ? `{${encodeId(userId)}}` : encodeId(userId);
    return `roo:${user}:${this.#instance}${record}`;
  }
}

/** A record's key without its name: what all records of a user have in common. */
export function folderOf(redisKey: string): string {
  return redisKey.slice(0, redisKey.lastIndexOf(":") + 1);
}
