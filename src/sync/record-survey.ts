import { MAX_VALUE_BYTES } from "./codec.js";
import { inflate } from "./compression.js";
import { JWE_BEGINNING } from "./encryption.js";
import { bookkeepingKey } from "./keys.js";
import type { Catalogue, RecordDefinition } from "./records.js";
import { defineRecord } from "./records.js";
import { parseStoredJson } from "./stored-json.js";
import { decodeId, type UserKey, type UserKeys, valueKeysOf } from "./user-keys.js";
import { parseVersion, type Version } from "./version.js";

/** An item of a collection, without what it holds. */
export interface ItemAge {
  readonly id: string;
  /** Milliseconds since 1970 in most collections; `undefined` where the item says none. */
  readonly recency: number | undefined;
}

/** What Redis holds of one record of one instance, its value left out. */
export interface RecordSurvey {
  readonly record: string;
  /** `undefined`: the user's instances share it. */
  readonly instanceId: string | undefined;
  /** `deleted`: somebody did that. `missing`: there are only notes on it, which know of no deletion. */
  readonly state: "there" | "deleted" | "missing";
  readonly isEncrypted: boolean;
  /** Of the value, as it lies there. */
  readonly bytes: number;
  /** Until Redis forgets it; `undefined`: never, so somebody else wrote it. */
  readonly ttlSeconds: number | undefined;
  /** Of what was changed last; `undefined` where the mirror did not write it, or its notes are lost. */
  readonly version: Version | undefined;
  readonly savedAt: Date | undefined;
  readonly writer: string | undefined;
  /** How many overwritten versions are kept beside it. */
  readonly kept: number;
  /** Of a collection that can be read without a key, newest first. */
  readonly items: readonly ItemAge[] | undefined;
}

/** What there is of each record, sorted by record and instance. @throws ConnectionLostError @throws RefusedError */
export async function surveyRecords(
  source: UserKeys,
  keys: readonly UserKey[],
  catalogue: Catalogue,
): Promise<RecordSurvey[]> {
  const surveys: RecordSurvey[] = [];
  for (const key of valueKeysOf(keys)) surveys.push(await surveyRecord(source, key, catalogue));
  return surveys;
}

async function surveyRecord(
  source: UserKeys,
  { redisKey: valueKey, record, instanceId }: UserKey,
  catalogue: Catalogue,
): Promise<RecordSurvey> {
  const definition = catalogue.find(record);
  const [versionKey, keptKey, itemsKey] = [
    bookkeepingKey(valueKey, "version"),
    bookkeepingKey(valueKey, "kept"),
    `${valueKey.slice(0, -record.length)}~items:${record}`,
  ];
  const [length, beginning, note, state, index, kept, ...lives] = await source.ask([
    ["STRLEN", valueKey],
    ["GETRANGE", valueKey, "0", String(JWE_BEGINNING.length - 1)],
    ["GET", versionKey],
    ["HGET", itemsKey, "~state"],
    ["HGET", itemsKey, "~index"],
    ["HLEN", keptKey],
    ...[valueKey, versionKey, itemsKey, keptKey].map((key) => ["TTL", key]),
  ]);
  const bytes = Number(length ?? 0);
  const isEncrypted = definition?.encrypted === true || textOf(beginning) === JWE_BEGINNING;
  const version = (textOf(state) ?? textOf(note))?.split(" ")[0];
  const stamp = parseVersion(version);
  const isReadable = !isEncrypted && bytes > 0 && bytes <= MAX_VALUE_BYTES && definition?.kind !== "document";
  const indexText = textOf(index);
  const isDeleted = indexText === undefined ? textOf(note)?.endsWith(" deleted") : indexText === "";
  const value = isReadable ? (await source.ask([["GET", valueKey]], bytes))[0] : undefined;
  const published = await readArray(value);
  // What the array has no room for is in the index too, for as long as it may yet move up.
  const items =
    indexText === undefined ? itemsOf(published, definition) : readIndex(indexText).slice(0, published?.length);
  // -2: no such key, -1: a key that does not expire. Of the first that is there.
  const life = lives.map(Number).find((seconds) => seconds !== -2);
  return {
    record,
    instanceId,
    state: bytes > 0 ? "there" : isDeleted === true ? "deleted" : "missing",
    isEncrypted,
    bytes,
    ttlSeconds: life === undefined || life < 0 ? undefined : life,
    version: stamp === undefined ? undefined : version,
    savedAt: stamp === undefined ? undefined : new Date(stamp.ms),
    writer: stamp?.writer,
    kept: Number(kept ?? 0),
    items,
  };
}

function textOf(reply: unknown): string | undefined {
  return Buffer.isBuffer(reply) ? reply.toString() : undefined;
}

/** The live items of a collection that is merged item by item, newest first: `<id> <version> <recency>`, one a line. */
function readIndex(index: string): ItemAge[] {
  return index.split("\n").flatMap((line) => {
    const [id, , recency] = line.split(" ");
    return id === undefined || recency === undefined ? [] : [{ id: decodeId(id) ?? id, recency: asRecency(recency) }];
  });
}

/** Those of an array; `undefined` where there is none, or where a record that nobody described here has none to tell apart. */
function itemsOf(items: unknown[] | undefined, definition: RecordDefinition | undefined): ItemAge[] | undefined {
  if (items === undefined) return undefined;
  const { id, recency } = definition ?? defineRecord({ name: "undescribed", kind: "collection" });
  const ages = items.map((item) => ({ id: id(item) as unknown, recency: asRecency(recency(item)) }));
  if (definition === undefined && !ages.every((age) => typeof age.id === "string")) return undefined;
  return ages.map((age) => ({ ...age, id: String(age.id ?? "") }));
}

async function readArray(value: unknown): Promise<unknown[] | undefined> {
  if (!Buffer.isBuffer(value)) return undefined;
  try {
    const parsed: unknown = parseStoredJson(await inflate(value, MAX_VALUE_BYTES));
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** What is below every date stands for none. */
function asRecency(recency: unknown): number | undefined {
  const number = typeof recency === "string" ? Number(recency) : recency;
  return typeof number === "number" && Number.isFinite(number) && number > -Number.MAX_VALUE ? number : undefined;
}
