import { isDeepStrictEqual } from "node:util";
import { Author } from "../../sync/author.js";
import { type Codec, MAX_VALUE_BYTES } from "../../sync/codec.js";
import { itemIdOf } from "../../sync/collection-snapshot.js";
import { inflate, type StoredBody } from "../../sync/compression.js";
import { MirrorError } from "../../sync/errors.js";
import { encodeId, KeySpace } from "../../sync/keys.js";
import { type Catalogue, DEFAULT_COLLECTION_LIMIT, defineRecord, type RecordDefinition } from "../../sync/records.js";
import type { RedisGateway, StoredIndex, WireItem } from "../../sync/redis-gateway.js";
import { parseStoredJson } from "../../sync/stored-json.js";
import { takeJson } from "../../sync/snapshot.js";
import { type Version, writerOf } from "../../sync/version.js";
import type { Content, ExportedItem, ExportedRecord } from "../export/document.js";
import type { ImportPlan, PlannedWrite } from "./plan.js";
import { shownKey } from "../table.js";
import { type JweReader, RefusedContentError } from "./jwe-reader.js";

/** Who saves what nothing in the file says the version of. */
const WRITER = "imported";

const LIST_AND_SECRET = "ROO_MIRROR_ENCRYPT=all: a list is put back without it, and encrypted by the next save";

export interface ImporterOptions {
  readonly gateway: RedisGateway;
  readonly codec: Codec;
  readonly jwes: JweReader;
  readonly catalogue: Catalogue;
  /** Whose it becomes. */
  readonly userId: string;
  readonly isCluster: boolean;
  /** With which keys what is encrypted can be read here; the first encrypts. */
  readonly keyIds: readonly string[];
  /** Seconds. */
  readonly ttlSeconds: number;
}

/** Puts back what was exported, by the scripts of the mirror: nothing newer is overwritten, and what is overwritten is kept. */
export class Importer {
  readonly #options: ImporterOptions;
  readonly #author = new Author(WRITER, "", () => Date.now());

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** @throws what the gateway's reading does. */
  async plan(entry: ExportedRecord): Promise<ImportPlan> {
    const { userId, isCluster } = this.#options;
    const keySpace = new KeySpace({ instanceId: entry.instanceId ?? "", isCluster });
    const base = {
      entry,
      redisKey: keySpace.keyOf({ userId, record: entry.record }),
      record: this.#definitionOf(entry),
    };
    if (entry.isDeleted) return { ...base, kind: "nothing", reason: "it was deleted" };
    try {
      const items = this.#itemsOf(base);
      return items === undefined ? await this.#planDocument(base) : await this.#planList(base, items);
    } catch (error) {
      if (!(error instanceof RefusedContentError)) throw error;
      return { ...base, kind: "refuse", reason: error.message };
    }
  }

  /** The answer is what became of it. @throws ConnectionLostError @throws KeyRingError */
  async apply(plan: ImportPlan): Promise<ImportPlan> {
    const error = plan.items === undefined ? await this.#write(plan) : await this.#merge(plan, plan.items);
    return error === undefined ? plan : { ...plan, kind: "refuse", reason: error.message };
  }

  /** A record of the host's own is what it is in the file. */
  #definitionOf({ record: name, items, isEncrypted, jwe }: ExportedRecord): RecordDefinition {
    const known = this.#options.catalogue.find(name);
    if (known !== undefined) return known;
    const kind = items === undefined ? "document" : "collection";
    return defineRecord({ name, kind, encrypted: isEncrypted || jwe !== undefined });
  }

  // ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** `undefined`: it is a document, or a list that is encrypted as a whole. */
  #itemsOf({ entry, record }: Pick<ImportPlan, "entry" | "record">): readonly ExportedItem[] | undefined {
    if (record.kind !== "collection" || entry.jwe !== undefined) return undefined;
    if (record.encrypted) throw new RefusedContentError(LIST_AND_SECRET);
    if (entry.items !== undefined) return entry.items;
    if (!Array.isArray(entry.value)) return undefined;
    // One that was not merged item by item: each is as old as it says.
    const items = (entry.value as unknown[]).map((value): ExportedItem => {
      const id = itemIdOf(value, record);
      if (id === undefined) throw new RefusedContentError("an item has no id");
      const recency = record.recency(value) ?? 0;
      return { id, value, recency: Number.isFinite(recency) ? recency : 0, version: this.#author.signAt(recency) };
    });
    return [...new Map(items.map((item) => [item.id, item])).values()];
  }

  async #planList(base: Omit<ImportPlan, "kind">, items: readonly ExportedItem[]): Promise<ImportPlan> {
    const { redisKey, record, entry } = base;
    const stored = await this.#options.gateway.readIndex(redisKey);
    const isKnown = this.#options.catalogue.find(record.name) !== undefined;
    const wire = items.map((item) => this.#toWire(item, isKnown ? record : undefined, entry.items !== undefined));
    const news = await this.#lacking(redisKey, wire, stored);
    if (news.length === 0) return { ...base, kind: "nothing" };
    // The host may mirror more of it than is known here.
    const isLonger = !isKnown || stored.items.size > 2 * record.limit;
    const all = stored.items.size + news.length;
    const limit = isLonger ? Math.max(DEFAULT_COLLECTION_LIMIT, isKnown ? stored.items.size : all) : record.limit;
    return { ...base, record: { ...record, limit }, kind: "merge", items: news };
  }

  #toWire(
    { id, version, recency, value }: ExportedItem,
    record: RecordDefinition | undefined,
    isRaw: boolean,
  ): WireItem {
    const itemId = isRaw ? encodeId(id) : id;
    if (record !== undefined && itemIdOf(value, record) !== itemId)
      throw new RefusedContentError("an item is not the one that its id says");
    this.#expectBelieved(version);
    const taken = takeJson(value);
    if ("refusal" in taken) throw new RefusedContentError(taken.refusal);
    const own = record?.recency(value) ?? recency;
    return { id: itemId, version, seen: undefined, recency: Number.isFinite(own) ? own : 0, body: taken.text };
  }

  /** What was deleted since stays deleted. */
  async #lacking(redisKey: string, items: readonly WireItem[], stored: StoredIndex): Promise<WireItem[]> {
    const absent = items.filter(({ id }) => !stored.items.has(id)).map(({ id }) => id);
    const deleted = await this.#options.gateway.readTombstones(redisKey, absent);
    const tombstones = new Map(absent.map((id, index) => [id, deleted[index]]));
    return items.filter(({ id, version }) => {
      const there = stored.items.get(id)?.version ?? tombstones.get(id) ?? "";
      return version > there && version > (stored.cleared ?? "");
    });
  }

  async #merge({ redisKey, record }: ImportPlan, items: readonly WireItem[]): Promise<MirrorError | undefined> {
    const { gateway, codec } = this.#options;
    const encoded = await Promise.all(
      items.map(async (item) => ({
        ...item,
        body: await codec.encode(record, redisKey, String(item.body), item.version),
      })),
    );
    const version = items.reduce<Version>((latest, item) => (item.version > latest ? item.version : latest), "");
    const ttlSeconds = record.ttlSeconds ?? this.#options.ttlSeconds;
    const { limit } = record;
    const write = { redisKey, version, items: encoded, ttlSeconds, limit, isClear: false, keepsPrevious: false };
    const [outcome] = await gateway.merge([write]);
    return outcome?.kind === "failed" ? outcome.error : undefined;
  }

  // ── Documents ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #planDocument(base: Omit<ImportPlan, "kind">): Promise<ImportPlan> {
    const { entry, redisKey, record } = base;
    const keyIds = new Set(this.#options.keyIds);
    const current = await this.#contentOf(entry, entry.version, base, keyIds);
    if (current === undefined && entry.kept.length === 0)
      return { ...base, kind: "nothing", reason: "it has no value" };
    const stored = await this.#options.gateway.read(redisKey);
    if (stored.version === undefined && stored.value !== undefined) {
      if (await isHeldAs(stored.value, current)) return { ...base, kind: "nothing" };
      throw new RefusedContentError(`${shownKey(redisKey)} is there, and nothing beside it says how old it is`);
    }
    const there = new Set((await this.#options.gateway.listKept(redisKey)).map(({ version }) => version));
    if (stored.version !== undefined && (stored.value !== undefined || stored.isDeleted)) there.add(stored.version);
    const versions: PlannedWrite[] = [];
    for (const kept of entry.kept) versions.push((await this.#contentOf(kept, kept.version, base, keyIds))!);
    if (current !== undefined) versions.push(current);
    // What the one who saved the later version saw is not kept beside it.
    const isHeld = ({ version }: PlannedWrite) =>
      there.has(version) ||
      (stored.version !== undefined && version < stored.version && writerOf(version) === writerOf(stored.version));
    const writes = versions.filter((write) => !isHeld(write)).toSorted((a, b) => (a.version < b.version ? -1 : 1));
    const latest = writes.at(-1)?.version;
    if (latest === undefined) return { ...base, kind: "nothing" };
    const kind = stored.version === undefined ? "save" : latest > stored.version ? "replace" : "keep";
    return { ...base, record, kind, writes, keyIds: [...keyIds] };
  }

  async #contentOf(
    content: Partial<Content>,
    given: string | null,
    { redisKey, record }: Pick<ImportPlan, "redisKey" | "record">,
    keyIds: Set<string>,
  ): Promise<PlannedWrite | undefined> {
    if ("jwe" in content && content.jwe !== undefined) {
      const { body, version, keyId } = await this.#options.jwes.read(content.jwe, given ?? undefined, redisKey, record);
      keyIds.add(keyId);
      return { body, version: this.#expectBelieved(version ?? this.#author.signAt(0)) };
    }
    if (!("value" in content) || content.value === undefined) return undefined;
    if (record.encrypted && this.#options.keyIds.length === 0)
      throw new RefusedContentError("no key is at hand to encrypt it: see `redis-mirrored keygen`");
    const taken = takeJson(content.value);
    if ("refusal" in taken) throw new RefusedContentError(taken.refusal);
    return { body: taken, version: this.#expectBelieved(given ?? this.#author.signAt(0)) };
  }

  async #write({ redisKey, record, writes = [], keyIds = [] }: ImportPlan): Promise<MirrorError | undefined> {
    const { gateway } = this.#options;
    const ttlSeconds = record.ttlSeconds ?? this.#options.ttlSeconds;
    const secret = record.encrypted && { isSecret: true, keyIds };
    const batch = await Promise.all(
      writes.map(async ({ version, body }) => {
        const value = await this.#encode(record, redisKey, version, body);
        // Also what the same one has saved before: nobody says here that it has seen it.
        return { redisKey, value, ttlSeconds, version, seen: undefined, keepsPrevious: true, ...secret };
      }),
    );
    const outcomes = await gateway.write(batch);
    const failed = outcomes.find((outcome) => outcome.kind === "failed");
    return failed?.kind === "failed" ? failed.error : undefined;
  }

  async #encode(
    record: RecordDefinition,
    redisKey: string,
    version: Version,
    body: PlannedWrite["body"],
  ): Promise<StoredBody> {
    return "jwe" in body ? body.jwe : this.#options.codec.encode(record, redisKey, body.text, version);
  }

  /** By a version from further ahead than a clock may be, whatever is saved later would lose. */
  #expectBelieved(version: Version): Version {
    if (this.#author.believes(version)) return version;
    throw new RefusedContentError("its version is from the future");
  }
}

/** Whether it lies there already, although nothing says that it is the same. */
async function isHeldAs(stored: StoredBody, current: PlannedWrite | undefined): Promise<boolean> {
  if (current === undefined) return false;
  if ("jwe" in current.body) return stored.toString() === current.body.jwe;
  try {
    return isDeepStrictEqual(parseStoredJson(await inflate(stored, MAX_VALUE_BYTES)), JSON.parse(current.body.text));
  } catch (error) {
    if (error instanceof MirrorError) return false;
    throw error;
  }
}
