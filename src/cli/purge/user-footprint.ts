import { isGzip } from "../../sync/compression.js";
import { JWE_BEGINNING } from "../../sync/encryption.js";
import { RefusedError } from "../../sync/errors.js";
import { bookkeepingKey, encodeId } from "../../sync/keys.js";
import { decodeId, parseKey, type UserKey, type UserKeys } from "../../sync/user-keys.js";
import type { Step } from "../progress.js";
import { escapePattern } from "../migrate/legacy-keys.js";

/** Commands of one round trip. */
const AT_ONCE = 100;

/**
 * What the code before this package wrote behind a user's name. It did not escape ids, so that what stands before it may be
 * a terminal of this user, or the end of another user's id.
 */
const LEGACY_REST = /^.+:(?:tasks|taskHistory|customInstructions|pinnedApiConfigs|modes|provider|agents:[^:]*)$/s;

/** A key of a server, found under a user's name. */
export interface FoundKey {
  readonly server: UserKeys;
  /** As Redis has it: it need not be UTF-8. */
  readonly name: Buffer;
  readonly text: string;
  /** `undefined`: it is none that the mirror could have written. */
  readonly parts: UserKey | undefined;
}

export interface Footprint {
  /** This user's and nobody else's. */
  readonly certain: readonly FoundKey[];
  /**
   * Old keys that may be this user's or one's whose id begins with this user's, or ends where this one's begins; and keys
   * of whatever form under this user's id as it is, which is what another's is encoded as.
   */
  readonly ambiguous: readonly FoundKey[];
}

/**
 * All that lies under a user's name: as the mirror writes it, also on a cluster, and as the code before it did, which
 * took the id as it is.
 * @param instanceId Only what this instance has; empty: what the user's instances share.
 * @throws ConnectionLostError @throws RefusedError
 */
export async function findFootprint(
  servers: readonly UserKeys[],
  userId: string,
  instanceId: string | undefined,
): Promise<Footprint> {
  const [certain, ambiguous]: [FoundKey[], FoundKey[]] = [[], []];
  const id = encodeId(userId);
  const tagged = `roo:{${id}}:`;
  const folders = new Set([`roo:${id}:`, tagged, ...(isWellFormed(userId) ? [`roo:${userId}:`] : [])]);
  for (const server of servers)
    for (const folder of folders) {
      const found = (await server.rawNames(`${escapePattern(folder)}*`)).map((name) => toFound(server, name));
      const doubtful = await selectUnsigned(
        // The old code wrote no braces.
        folder === tagged ? [] : found.filter((key) => isDoubtful(key.text.slice(folder.length), key.parts, userId)),
        new Set(found.map(({ text }) => text)),
      );
      const isAnothersToo = folder === `roo:${userId}:` && namesAnother(userId);
      for (const key of found) {
        if (doubtful.has(key) || (isAnothersToo && key.parts === undefined)) ambiguous.push(key);
        // Under the name as it is, another user's instance may lie.
        else if (key.parts === undefined || key.parts.userId === userId) certain.push(key);
      }
    }
  const isMeant = ({ parts }: FoundKey) =>
    instanceId === undefined || (parts !== undefined && (parts.instanceId ?? "") === instanceId);
  return { certain: sort(certain.filter(isMeant)), ambiguous: sort(ambiguous.filter(isMeant)) };
}

/** How much memory Redis spends on them, bytes; `undefined` where it does not say. @throws ConnectionLostError */
export async function measure(keys: readonly FoundKey[]): Promise<ReadonlyMap<FoundKey, number> | undefined> {
  const sizes = new Map<FoundKey, number>();
  try {
    await askOfEach(
      keys,
      ({ name }) => ["MEMORY", "USAGE", name],
      (key, bytes) => sizes.set(key, Number(bytes ?? 0)),
    );
    return sizes;
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}

/** The answer is how many were there. @throws ConnectionLostError @throws RefusedError @throws NotServedError and what `step` throws. */
export async function remove(keys: readonly FoundKey[], step: Step = () => {}): Promise<number> {
  let [removed, asked] = [0, 0];
  // One by one: on a cluster those of one command would have to be in one slot.
  await askOfEach(
    keys,
    ({ name }) => ["UNLINK", name],
    (_key, count) => {
      removed += Number(count);
      asked++;
    },
    () => step(asked, keys.length),
  );
  return removed;
}

async function askOfEach(
  keys: readonly FoundKey[],
  toCommand: (key: FoundKey) => readonly (string | Buffer)[],
  take: (key: FoundKey, reply: unknown) => void,
  beforeEach: () => void = () => {},
): Promise<void> {
  for (const server of new Set(keys.map((key) => key.server))) {
    const some = keys.filter((key) => key.server === server);
    for (let from = 0; from < some.length; from += AT_ONCE) {
      beforeEach();
      const part = some.slice(from, from + AT_ONCE);
      const replies = await server.ask(part.map(toCommand));
      for (const [index, key] of part.entries()) take(key, replies[index]);
    }
  }
}

function toFound(server: UserKeys, name: Buffer): FoundKey {
  const text = name.toString();
  return { server, name, text, parts: parseKey(text) };
}

function isDoubtful(rest: string, parts: UserKey | undefined, userId: string): boolean {
  if (parts?.bookkeeping !== undefined) return false;
  return LEGACY_REST.test(rest) ? !rest.startsWith("agents:") : parts !== undefined && parts.userId !== userId;
}

/** Those that the mirror has not written: it leaves notes beside each value, packs it or encrypts it. */
async function selectUnsigned(keys: readonly FoundKey[], names: ReadonlySet<string>): Promise<ReadonlySet<FoundKey>> {
  const bare = keys.filter(
    ({ text }) => !(["version", "items"] as const).some((kind) => names.has(bookkeepingKey(text, kind))),
  );
  const unsigned = new Set<FoundKey>();
  const toCommand = ({ name }: FoundKey) => ["GETRANGE", name, "0", String(JWE_BEGINNING.length - 1)];
  await askOfEach(bare, toCommand, (key, beginning) => {
    const isSigned = Buffer.isBuffer(beginning) && (isGzip(beginning) || beginning.toString() === JWE_BEGINNING);
    if (!isSigned) unsigned.add(key);
  });
  return unsigned;
}

/** Whether an id, as it is, is what the mirror writes for another one: `a%20b` for `a b`, and on a cluster `{a}` for `a`. */
function namesAnother(userId: string): boolean {
  const [, encoded = userId] = /^\{(.+)\}$/s.exec(userId) ?? [];
  const decoded = decodeId(encoded);
  return decoded !== undefined && decoded !== userId && encodeId(decoded) === encoded;
}

/** Half a surrogate pair has no bytes that could stand in a key. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function sort(keys: FoundKey[]): FoundKey[] {
  return keys.sort((a, b) => Buffer.compare(a.name, b.name));
}
