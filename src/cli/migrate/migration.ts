import { Author } from "../../sync/author.js";
import type { Codec } from "../../sync/codec.js";
import { type CollectionChange, NO_CHANGE, toWireItems } from "../../sync/collection-change.js";
import { itemIdOf, takeCollection } from "../../sync/collection-snapshot.js";
import { compareItems } from "../../sync/compare-items.js";
import type { StoredBody } from "../../sync/compression.js";
import { MirrorError, UnreadableValueError } from "../../sync/errors.js";
import { isEmptyText } from "../../sync/found-empty.js";
import { KnownItems } from "../../sync/known-items.js";
import type { RecordDefinition } from "../../sync/records.js";
import type { RedisGateway, StoredValue } from "../../sync/redis-gateway.js";
import { formatVersion, nextStamp, parseVersion, type Version } from "../../sync/version.js";
import type { LegacyEntry } from "./legacy-keys.js";

/** The name of who saves it, which `redis-mirrored inspect` shows. */
const WRITER = "migrated";

/** Older than every save: where the mirror has the record, what comes under this version is kept beside it. */
const OLDEST_VERSION: Version = `0000000000000-0000-${WRITER}`;

/**
 * `merge`: items are added to a collection. `save`: the mirror has no such record. `replace`: where it lies now plain text
 * stands, which becomes the record. `keep`: the mirror has the record, which stays; the old one is kept beside it.
 * `nothing`: it is there already, or empty. `refuse`: it stays where it is, for a reason.
 */
export type MigrationKind = "merge" | "save" | "replace" | "keep" | "nothing" | "refuse";

/** What becomes of one record. */
export interface RecordPlan {
  readonly record: RecordDefinition;
  readonly redisKey: string;
  readonly sources: readonly LegacyEntry[];
  readonly kind: MigrationKind;
  /** Of `refuse`. */
  readonly reason?: string;
  /** Of a collection: what it lacks. */
  readonly change?: CollectionChange;
  /** Of a document. */
  readonly write?: { readonly text: string; readonly version: Version };
}

export interface MigrationOptions {
  readonly gateway: RedisGateway;
  readonly codec: Codec;
  /** Whether a key for the encrypted records was named. */
  readonly hasKey: boolean;
  /** Seconds. */
  readonly ttlSeconds: number;
}

/** Takes over what the code before this package left: by the scripts of the mirror, so that nothing newer is overwritten. */
export class Migration {
  readonly #gateway: RedisGateway;
  readonly #codec: Codec;
  readonly #hasKey: boolean;
  readonly #ttlSeconds: number;
  readonly #author = new Author(WRITER, "", () => Date.now());

  constructor({ gateway, codec, hasKey, ttlSeconds }: MigrationOptions) {
    this.#gateway = gateway;
    this.#codec = codec;
    this.#hasKey = hasKey;
    this.#ttlSeconds = ttlSeconds;
  }

  /** One or two: what has not the form that the old code wrote stays. @throws what the gateway's reading does. */
  async planAll(record: RecordDefinition, redisKey: string, sources: readonly LegacyEntry[]): Promise<RecordPlan[]> {
    const readable = sources.filter(({ value }) => hasForm(record, value));
    const others = sources.filter((source) => !readable.includes(source));
    const plans = readable.length === 0 ? [] : [await this.#plan(record, redisKey, readable)];
    const reason = "it has not the form that the old code wrote";
    if (others.length > 0) plans.push({ record, redisKey, sources: others, kind: "refuse", reason });
    return plans;
  }

  async #plan(record: RecordDefinition, redisKey: string, sources: readonly LegacyEntry[]): Promise<RecordPlan> {
    const base = { record, redisKey, sources };
    // Items are merged by the server, which cannot read them then.
    if (record.kind === "collection" && record.encrypted)
      return {
        ...base,
        kind: "refuse",
        reason: "ROO_MIRROR_ENCRYPT=all: a list is taken over without it, and encrypted by the next save",
      };
    return record.kind === "collection" ? this.#planCollection(base) : this.#planDocument(base, sources.at(-1)!);
  }

  /** @throws MirrorError where Redis, or the key, does not allow it. */
  async apply(plan: RecordPlan): Promise<void> {
    if (plan.change !== undefined) await this.#merge(plan, plan.change);
    if (plan.write !== undefined) await this.#save(plan, plan.write);
  }

  /** How many items of an old history the mirror neither has nor knows to be deleted. @throws what the gateway's reading does. */
  async countLeft({ record, redisKey }: RecordPlan, { value }: LegacyEntry): Promise<number> {
    if (record.kind !== "collection" || !Array.isArray(value)) return 0;
    const { items, cleared = "" } = await this.#gateway.readIndex(redisKey);
    const missing = value
      .map((item: unknown) => ({ id: idOf(record, item), version: this.#author.signAt(recencyOf(record, item)) }))
      .filter(({ id, version }) => id === undefined || !(items.has(id) || version <= cleared));
    const ids = missing.flatMap(({ id }) => id ?? []);
    const deleted = (await this.#gateway.readTombstones(redisKey, ids)).filter((version) => version !== undefined);
    return missing.length - deleted.length;
  }

  /** By the rules by which windows are merged: of each task the newest, and what was deleted since stays deleted. */
  async #planCollection(base: Omit<RecordPlan, "kind">): Promise<RecordPlan> {
    const { redisKey, sources } = base;
    const stored = await this.#gateway.readIndex(redisKey);
    // The host may mirror more of it than is usual.
    const isLonger = stored.items.size > 2 * base.record.limit;
    const record = isLonger ? { ...base.record, limit: stored.items.size } : base.record;
    const news = newestOf(record, sources).filter(([id, item]) => {
      const there = stored.items.get(id);
      return there === undefined || there.recency < recencyOf(record, item);
    });
    const items = news.map(([, item]) => item);
    const local = takeCollection({ ...record, limit: 2 * record.limit }, items, undefined);
    if ("refusal" in local) return { ...base, kind: "refuse", reason: local.refusal };
    const ids = [...local.items.keys()].filter((id) => !stored.items.has(id));
    const versions = await this.#gateway.readTombstones(redisKey, ids);
    const tombstones = new Map(ids.flatMap((id, index) => (versions[index] ? [[id, versions[index]] as const] : [])));
    const comparison = { local, stored, tombstones, known: new KnownItems(), texts: new Map<string, string>() };
    const lacking = compareItems({ ...comparison, limit: record.limit, savedAt: undefined, author: this.#author });
    if (lacking.size === 0) return { ...base, kind: "nothing" };
    return { ...base, record, kind: "merge", change: { ...NO_CHANGE, items: lacking } };
  }

  async #planDocument(base: Omit<RecordPlan, "kind">, source: LegacyEntry): Promise<RecordPlan> {
    const { record, redisKey } = base;
    const text = JSON.stringify(withoutBuiltIns(record, source.value));
    if (isEmptyText(text)) return { ...base, kind: "nothing" };
    if (record.encrypted && !this.#hasKey)
      return { ...base, kind: "refuse", reason: "ROO_MIRROR_KEY does not say with which key to encrypt it" };
    const stored = await this.#gateway.read(redisKey);
    const version = this.#author.signAt(source.savedAtMs);
    if (source.isInPlace)
      return { ...base, kind: "replace", write: { text, version: this.#laterThan(stored.version, version) } };
    if (stored.version !== undefined) {
      const isThere = await this.#holds(base, text, stored);
      return isThere
        ? { ...base, kind: "nothing" }
        : { ...base, kind: "keep", write: { text, version: OLDEST_VERSION } };
    }
    if (stored.value === undefined) return { ...base, kind: "save", write: { text, version } };
    return { ...base, kind: "refuse", reason: `${redisKey} is there, and nothing beside it says how old it is` };
  }

  /** What the old code wrote over the record is newer than what was written down of it. */
  #laterThan(stored: Version | undefined, version: Version): Version {
    if (stored === undefined || stored < version || !this.#author.believes(stored)) return version;
    return formatVersion(nextStamp(parseVersion(stored)!), WRITER);
  }

  /** Whether a text is the mirror's, or was kept beside it by an earlier migration. */
  async #holds({ record, redisKey }: Omit<RecordPlan, "kind">, text: string, { value, version }: StoredValue) {
    const kept = await this.#gateway.readKept(redisKey, OLDEST_VERSION);
    for (const [body, savedAs] of [[value, version] as const, [kept, OLDEST_VERSION] as const]) {
      if (body === undefined) continue;
      const there = await this.#codec.decrypt(record, redisKey, body, savedAs).catch((error: unknown) => {
        if (error instanceof MirrorError) return undefined;
        throw error;
      });
      if (there === text) return true;
    }
    return false;
  }

  async #merge({ record, redisKey }: RecordPlan, change: CollectionChange): Promise<void> {
    const items = await Promise.all(
      toWireItems(change).map(async (item) => ({
        ...item,
        body:
          item.body === undefined
            ? undefined
            : await this.#codec.encode(record, redisKey, String(item.body), item.version),
      })),
    );
    const version = items.reduce<Version>((latest, item) => (item.version > latest ? item.version : latest), "");
    const ttlSeconds = record.ttlSeconds ?? this.#ttlSeconds;
    const { limit } = record;
    const write = { redisKey, version, items, ttlSeconds, limit, isClear: false, keepsPrevious: false };
    const [outcome] = await this.#gateway.merge([write]);
    if (outcome?.kind === "failed") throw outcome.error;
    const { items: live, hasValue } = await this.#gateway.readIndex(redisKey);
    const isThere = ({ id }: { id: string }) => live.has(id) || outcome?.superseded.has(id) || live.size >= 2 * limit;
    if (!hasValue || !items.every(isThere)) throw new UnreadableValueError("What was written is not there.");
  }

  async #save({ record, redisKey }: RecordPlan, { text, version }: { text: string; version: Version }): Promise<void> {
    const value = await this.#codec.encode(record, redisKey, text, version);
    const ttlSeconds = record.ttlSeconds ?? this.#ttlSeconds;
    const write = { redisKey, value, ttlSeconds, version, seen: undefined, keepsPrevious: false };
    const secret = record.encrypted && { isSecret: true, keyIds: await this.#codec.keyIds() };
    const [outcome] = await this.#gateway.write([{ ...write, ...secret }]);
    if (outcome?.kind === "failed") throw outcome.error;
    const where =
      outcome?.kind === "superseded" ? this.#gateway.readKept(redisKey, version) : this.#readValue(redisKey);
    const there = await where;
    if (there === undefined || (await this.#codec.decrypt(record, redisKey, there, version)) !== text)
      throw new UnreadableValueError("What was written is not there.");
  }

  async #readValue(redisKey: string): Promise<StoredBody | undefined> {
    return (await this.#gateway.read(redisKey)).value;
  }
}

function hasForm({ kind, name }: RecordDefinition, value: unknown): boolean {
  if (kind === "collection" || name === "customModes") return value === null || Array.isArray(value);
  if (name === "customInstructions") return value === null || typeof value === "string";
  return typeof value === "object" && !Array.isArray(value);
}

/** The modes that come with the host, which the old code had among those of the user: there they would grow old. */
function withoutBuiltIns({ name }: RecordDefinition, value: unknown): unknown {
  if (name !== "customModes" || !Array.isArray(value)) return value;
  return value.filter((mode: { modeType?: unknown } | null) => mode?.modeType !== "system");
}

/** Of all terminals' tasks of one id the newest; of equally new ones that which was written last. */
function newestOf(record: RecordDefinition, sources: readonly LegacyEntry[]): [id: string, item: unknown][] {
  const newest = new Map<string, unknown>();
  for (const { value } of sources.toSorted((a, b) => a.savedAtMs - b.savedAtMs)) {
    for (const item of (value as unknown[] | null) ?? []) {
      const id = idOf(record, item);
      if (id === undefined) continue;
      const rival = newest.get(id);
      if (rival === undefined || recencyOf(record, item) >= recencyOf(record, rival)) newest.set(id, item);
    }
  }
  return [...newest];
}

/** `undefined`: it is no task. */
function idOf(record: RecordDefinition, item: unknown): string | undefined {
  return typeof item === "object" && item !== null ? itemIdOf(item, record) : undefined;
}

function recencyOf(record: RecordDefinition, item: unknown): number {
  const recency = record.recency(item);
  return Number.isFinite(recency) ? recency! : -Infinity;
}
