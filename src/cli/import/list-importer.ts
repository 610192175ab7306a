import type { Author } from "../../sync/author.js";
import { itemIdOf } from "../../sync/collection-snapshot.js";
import type { MirrorError } from "../../sync/errors.js";
import { encodeId } from "../../sync/keys.js";
import { DEFAULT_COLLECTION_LIMIT, isMerged, type RecordDefinition } from "../../sync/records.js";
import type { StoredIndex, WireItem } from "../../sync/redis-gateway.js";
import { takeJson } from "../../sync/snapshot.js";
import type { Version } from "../../sync/version.js";
import type { ExportedItem } from "../export/document.js";
import type { ImporterOptions } from "./importer.js";
import type { ImportPlan } from "./plan.js";
import { expectBelieved, RefusedContentError } from "./refused-content-error.js";

const LIES_OPEN =
  "a list lies there that is not encrypted, and ROO_MIRROR_ENCRYPT=all is set: an instance's next save encrypts it, and then call it again";

/** Puts back lists, item by item: of each the latest version stays, and what was deleted since stays deleted. */
export class ListImporter {
  readonly #options: ImporterOptions;
  readonly #author: Author;

  constructor(options: ImporterOptions, author: Author) {
    this.#options = options;
    this.#author = author;
  }

  /** `undefined`: it is a document, or a list that is encrypted as a whole. @throws RefusedContentError */
  itemsOf({ entry, record }: Pick<ImportPlan, "entry" | "record">): readonly ExportedItem[] | undefined {
    if (!isMerged(record) || entry.jwe !== undefined) return undefined;
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

  /** A list that is encrypted is one value, whatever it was in the file. @throws RefusedContentError and what the gateway's reading does. */
  async asOneValue(base: Omit<ImportPlan, "kind">): Promise<Omit<ImportPlan, "kind">> {
    const { entry, record, redisKey } = base;
    if (record.kind !== "collection" || isMerged(record)) return base;
    const { version: mergedVersion } = await this.#options.gateway.readIndex(redisKey);
    if (mergedVersion !== undefined) throw new RefusedContentError(LIES_OPEN);
    const { items, ...whole } = entry;
    if (items === undefined) return base;
    const isKnown = this.#options.catalogue.find(record.name) !== undefined;
    if (isKnown) for (const item of items) expectOwnId(item, encodeId(item.id), record);
    const value = items
      .toSorted((a, b) => b.recency - a.recency)
      .slice(0, isKnown ? record.limit : undefined)
      .map((item) => item.value);
    const version = items.reduce(
      (latest, item) => (item.version > latest ? item.version : latest),
      entry.version ?? "",
    );
    return { ...base, entry: { ...whole, value, version: version === "" ? null : version } };
  }

  /** @throws RefusedContentError and what the gateway's reading does. */
  async plan(base: Omit<ImportPlan, "kind">, items: readonly ExportedItem[]): Promise<ImportPlan> {
    const { redisKey, record, entry } = base;
    const stored = await this.#options.gateway.readIndex(redisKey);
    const isKnown = this.#options.catalogue.find(record.name) !== undefined;
    const wire = items.map((item) => this.#toWire(item, isKnown ? record : undefined, entry.items !== undefined));
    const news = await this.#lacking(redisKey, wire, stored);
    if (news.length === 0) return { ...base, kind: "nothing" };
    const limit = isKnown
      ? // The host may mirror more of it than is usual.
        Math.max(record.limit, stored.items.size > 2 * record.limit ? stored.items.size : 0)
      : Math.max(DEFAULT_COLLECTION_LIMIT, stored.items.size + news.length);
    return { ...base, record: { ...record, limit }, kind: "merge", items: news };
  }

  /** The answer is why it could not be done. @throws ConnectionLostError */
  async apply({ redisKey, record }: ImportPlan, items: readonly WireItem[]): Promise<MirrorError | undefined> {
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

  /** @param record Where it is known what tells its items apart. @param isRaw Whether the id is as the host has it. */
  #toWire(
    { id, version, recency, value }: ExportedItem,
    record: RecordDefinition | undefined,
    isRaw: boolean,
  ): WireItem {
    const itemId = isRaw ? encodeId(id) : id;
    if (record !== undefined) expectOwnId({ value }, itemId, record);
    expectBelieved(this.#author, version);
    const taken = takeJson(value);
    if ("refusal" in taken) throw new RefusedContentError(taken.refusal);
    const own = record?.recency(value) ?? recency;
    return { id: itemId, version, seen: undefined, recency: Number.isFinite(own) ? own : 0, body: taken.text };
  }

  async #lacking(redisKey: string, items: readonly WireItem[], stored: StoredIndex): Promise<WireItem[]> {
    const absent = items.filter(({ id }) => !stored.items.has(id)).map(({ id }) => id);
    const deleted = await this.#options.gateway.readTombstones(redisKey, absent);
    const tombstones = new Map(absent.map((id, index) => [id, deleted[index]]));
    return items.filter(({ id, version }) => {
      const there = stored.items.get(id)?.version ?? tombstones.get(id) ?? "";
      return version > there && version > (stored.cleared ?? "");
    });
  }
}

function expectOwnId({ value }: Pick<ExportedItem, "value">, id: string, record: RecordDefinition): void {
  if (itemIdOf(value, record) !== id) throw new RefusedContentError("an item is not the one that its id says");
}
