import type { Author } from "./author.js";
import { type CollectionSnapshot, takeWholeCollection } from "./collection-snapshot.js";
import { inflate } from "./compression.js";
import { MirrorError, UnreadableValueError } from "./errors.js";
import type { RecordDefinition } from "./records.js";
import type { RedisGateway, StoredCollection, StoredIndex } from "./redis-gateway.js";
import { parseStoredJson } from "./stored-json.js";
import type { Version } from "./version.js";
import { COMPARED_BYTES } from "./writes.js";

/** Reads what the mirror has of a collection, as far as its versions can be true. Throws what the gateway's reading does. */
export class IndexReader {
  readonly #gateway: RedisGateway;
  readonly #author: Author;

  constructor(gateway: RedisGateway, author: Author) {
    this.#gateway = gateway;
    this.#author = author;
  }

  async read(redisKey: string): Promise<StoredIndex> {
    return this.#believed(await this.#gateway.readIndex(redisKey));
  }

  /** The same, with the items themselves. */
  async readWithItems(redisKey: string): Promise<StoredCollection> {
    return this.#believed(await this.#gateway.readCollection(redisKey));
  }

  /** Of those that do not live; where nothing is there, nothing is asked. */
  async readTombstones(redisKey: string, ids: readonly string[], stored: StoredIndex): Promise<Map<string, Version>> {
    const missing = stored.version === undefined ? [] : ids.filter((id) => !stored.items.has(id));
    if (missing.length === 0) return new Map();
    const versions = await this.#gateway.readTombstones(redisKey, missing);
    return new Map(
      missing.flatMap((id, index): [string, Version][] => {
        const version = versions[index];
        return version !== undefined && this.#author.believes(version) ? [[id, version]] : [];
      }),
    );
  }

  /** The list that readers read; `undefined`: it is not to be compared. */
  async readArray(redisKey: string, record: RecordDefinition): Promise<CollectionSnapshot | undefined> {
    try {
      const { value } = await this.#gateway.readCollection(redisKey, COMPARED_BYTES);
      const snapshot = takeWholeCollection(record, parseStoredJson(await inflate(value ?? "[]", COMPARED_BYTES)));
      return "refusal" in snapshot ? undefined : snapshot;
    } catch (error) {
      // Somebody else's, or too large to be compared. It is kept when it is overwritten.
      if (error instanceof MirrorError && !(error instanceof UnreadableValueError)) throw error;
      return undefined;
    }
  }

  /** Without what comes from too far ahead to be true: everything is later than that. */
  #believed<Stored extends StoredIndex>(stored: Stored): Stored {
    const items = [...stored.items].filter(([, { version }]) => {
      const isBelieved = this.#author.believes(version);
      if (!isBelieved) this.#author.observe(version);
      return isBelieved;
    });
    return { ...stored, items: new Map(items) };
  }
}
