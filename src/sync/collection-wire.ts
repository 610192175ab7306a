import type { StoredBody } from "./compression.js";
import type { Client } from "./connection.js";
import { MirrorError } from "./errors.js";
import { bookkeepingKey } from "./keys.js";
import { FINGERPRINT_LENGTH, INDEX_FIELD, MERGE_SCRIPT, MERGE_SCRIPT_SHA, STATE_FIELD } from "./merge-script.js";
import { pipeline } from "./pipeline.js";
import type {
  CollectionState,
  CollectionWrite,
  MergeOutcome,
  StoredCollection,
  StoredIndex,
  StoredItem,
  WireItem,
} from "./redis-gateway.js";
import { absentIfWrongType, AS_BYTES, bodiesOf, textOf, textsOf, unknownKeyOf } from "./replies.js";
import type { Script, ScriptCall } from "./script-calls.js";
import { parseVersion, type Version } from "./version.js";

const SCRIPT: Script = { text: MERGE_SCRIPT, sha: MERGE_SCRIPT_SHA };

/** What an item takes on the wire beside its body and its id: two versions, how new it is, and what frames them. */
const ITEM_OVERHEAD_BYTES = 128;

/** As much as is read where a state or a tombstone is expected. */
const MAX_NOTE_BYTES = 256;

const FINGERPRINT = new RegExp(`^[0-9a-f]{${FINGERPRINT_LENGTH}}$`);

/** @param horizon From after which versions are not believed, ms since 1970, 13 digits. */
export function toMergeCall(write: CollectionWrite, horizon: string): ScriptCall {
  const { redisKey, version, items, ttlSeconds, limit, isClear, keepsPrevious, overwritesUnreadable } = write;
  const flags = `${keepsPrevious ? "k" : ""}${isClear ? "c" : ""}${overwritesUnreadable === true ? "o" : ""}`;
  return {
    script: SCRIPT,
    keys: [redisKey, bookkeepingKey(redisKey, "items")],
    keptKey: bookkeepingKey(redisKey, "kept"),
    args: [
      `${version} ${horizon} ${ttlSeconds} ${limit}${flags && ` ${flags}`}`,
      ...items.map((item) => toArgument(item, version)),
    ],
  };
}

function toArgument({ id, version, seen, recency, body }: WireItem, common: Version): StoredBody {
  const head = `${id} ${version === common ? "-" : version} ${seen ?? "-"}`;
  return body === undefined ? `${head} deleted` : withBody(`${head} ${recency} `, body);
}

function withBody(head: string, body: StoredBody): StoredBody {
  return typeof body === "string" ? head + body : Buffer.concat([Buffer.from(head), body]);
}

/** What a write has on the wire beside what every record takes there. */
export function itemBytesOf({ items }: CollectionWrite): number {
  return items.reduce((sum, { id, body }) => sum + ITEM_OVERHEAD_BYTES + id.length + Buffer.byteLength(body ?? ""), 0);
}

export function toMergeOutcome(reply: unknown): MergeOutcome {
  const error = reply instanceof MirrorError ? reply : unknownKeyOf(reply, false);
  if (error !== undefined) return { kind: "failed", error };
  const [version, fingerprint, ...pairs] = textsOf(reply);
  const superseded = new Map<string, Version>();
  for (let index = 0; index + 1 < pairs.length; index += 2) superseded.set(pairs[index]!, pairs[index + 1]!);
  return { kind: "merged", state: toState(version, fingerprint), superseded };
}

/** What there is to read of a collection, each a command that answers so many bytes. */
export function measuringOf(redisKey: string): [array: string[], ...notes: string[][]] {
  const itemsKey = bookkeepingKey(redisKey, "items");
  return [
    ["STRLEN", redisKey],
    ["HSTRLEN", itemsKey, INDEX_FIELD],
    ["HSTRLEN", itemsKey, STATE_FIELD],
  ];
}

export async function readCollection(client: Client, redisKey: string): Promise<StoredCollection> {
  const [fields, values] = await Promise.all([
    readStateAndIndex(client, redisKey),
    // After them: what comes between makes the array newer than what is said of its items, not older.
    client.sendCommand(["MGET", redisKey], AS_BYTES),
  ]);
  const [value] = bodiesOf(values);
  return { value, ...toIndex(fields, value !== undefined) };
}

export async function readIndex(client: Client, redisKey: string): Promise<StoredIndex> {
  const [fields, count] = await Promise.all([
    readStateAndIndex(client, redisKey),
    client.sendCommand(["EXISTS", redisKey]),
  ]);
  return toIndex(fields, Number(count) === 1);
}

function readStateAndIndex(client: Client, redisKey: string): Promise<unknown> {
  return client
    .sendCommand(["HMGET", bookkeepingKey(redisKey, "items"), STATE_FIELD, INDEX_FIELD])
    .catch(absentIfWrongType);
}

function toIndex(fields: unknown, hasValue: boolean): StoredIndex {
  const [state, index] = textsOf(fields);
  const [version, fingerprint, cleared] = (state ?? "").split(" ");
  return { ...toState(version, fingerprint), cleared: versionOf(cleared), items: toItems(index), hasValue };
}

export async function readTombstones(
  client: Client,
  redisKey: string,
  ids: readonly string[],
): Promise<(Version | undefined)[]> {
  const itemsKey = bookkeepingKey(redisKey, "items");
  const lengths = await pipeline(ids, (id) => lengthOf(client, itemsKey, id));
  // What is longer is no tombstone, but may be anything.
  const short = ids.filter((_id, index) => lengths[index]! > 0 && lengths[index]! <= MAX_NOTE_BYTES);
  if (short.length === 0) return ids.map(() => undefined);
  const fields = textsOf(await client.sendCommand(["HMGET", itemsKey, ...short]).catch(absentIfWrongType));
  const notes = new Map(short.map((id, index) => [id, fields[index]]));
  return ids.map((id) => {
    const [version, note] = (notes.get(id) ?? "").split(" ");
    return note === "deleted" ? versionOf(version) : undefined;
  });
}

async function lengthOf(client: Client, itemsKey: string, field: string): Promise<number> {
  return Number(await client.sendCommand(["HSTRLEN", itemsKey, field]).catch(absentIfWrongType)) || 0;
}

export async function renewCollection(
  client: Client,
  redisKey: string,
  ttl: string,
): Promise<CollectionState & { hasValue: boolean }> {
  const itemsKey = bookkeepingKey(redisKey, "items");
  const hasState = (await lengthOf(client, itemsKey, STATE_FIELD)) <= MAX_NOTE_BYTES;
  const [state, hasValue] = await Promise.all([
    hasState ? client.sendCommand(["HGET", itemsKey, STATE_FIELD]).catch(absentIfWrongType) : undefined,
    client.sendCommand(["EXPIRE", redisKey, ttl]),
    client.sendCommand(["EXPIRE", itemsKey, ttl]),
  ]);
  const [version, fingerprint] = (textOf(state) ?? "").split(" ");
  return { hasValue: Number(hasValue) === 1, ...toState(version, fingerprint) };
}

function toState(version: string | undefined, fingerprint: string | undefined): CollectionState {
  const isFingerprint = fingerprint !== undefined && FINGERPRINT.test(fingerprint);
  return { version: versionOf(version), fingerprint: isFingerprint ? fingerprint : undefined };
}

/** From the index's field, in its order. */
function toItems(index: string | undefined): ReadonlyMap<string, StoredItem> {
  const items = new Map<string, StoredItem>();
  for (const line of (index ?? "").split("\n")) {
    const [id, version, recency] = line.split(" ");
    if (versionOf(version) !== undefined) items.set(id!, { version: version!, recency: toRecency(recency) });
  }
  return items;
}

function toRecency(text: string | undefined): number {
  const recency = Number(text);
  return Number.isFinite(recency) ? recency : 0;
}

/** A server may hold anything. */
function versionOf(text: string | undefined): Version | undefined {
  return parseVersion(text) === undefined ? undefined : text;
}
