import type { Author } from "./author.js";
import { toWireItems } from "./collection-change.js";
import type { StoredBody } from "./compression.js";
import type { Encoded, Encoder } from "./encoder.js";
import { MirrorError } from "./errors.js";
import type { Ledger } from "./ledger.js";
import type { RecordDefinition } from "./records.js";
import type { CollectionWrite, WireWrite } from "./redis-gateway.js";
import type { Version } from "./version.js";
import type { PendingCollection, PendingDocument, Refusal } from "./writes.js";

export interface OutgoingDocument {
  readonly write: PendingDocument;
  readonly wire: WireWrite;
}

export interface OutgoingCollection {
  readonly write: PendingCollection;
  readonly wire: CollectionWrite;
}

/** What a batch needs from those who encrypt. */
export interface EncodedDocuments {
  /** Each in the place of its write. */
  readonly values: readonly Encoded[];
  /** The keys that there are here, where any of it is a secret. */
  readonly keyIds: readonly string[];
}

export interface OutgoingWritesOptions {
  encoder: Encoder;
  ledger: Ledger;
  author: Author;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition): number;
  /** Whether what this instance cannot read is overwritten too. */
  overwritesUnreadable: boolean;
}

/** Writes as they go over the wire. */
export class OutgoingWrites {
  readonly #options: OutgoingWritesOptions;

  /** The headers of JWEs that were found to be readable here, each for the next write of its record. */
  readonly #readableHeaders = new Map<string, string>();

  constructor(options: OutgoingWritesOptions) {
    this.#options = options;
  }

  /** The next write of a record may overwrite the JWE that has this header. */
  expectHeader(redisKey: string, header: string): void {
    this.#readableHeaders.set(redisKey, header);
  }

  /** Encrypting can fail one record without the others having to suffer for it. Does not reject. */
  async encode(writes: readonly PendingDocument[]): Promise<EncodedDocuments> {
    const { encoder, author } = this.#options;
    const [values, keyIds] = await Promise.all([
      encoder.encodeAll(
        writes.map(({ record, redisKey, text, stamp }) => ({ record, redisKey, text, version: author.sign(stamp) })),
      ),
      writes.some(({ record }) => record.encrypted) ? encoder.keyIds() : [],
    ]);
    return { values, keyIds };
  }

  /** What was seen while a keychain was asked counts. */
  ofDocuments(writes: readonly PendingDocument[], { values, keyIds }: EncodedDocuments) {
    const documents: OutgoingDocument[] = [];
    const failed: Refusal[] = [];
    for (const [index, write] of writes.entries()) {
      const value = values[index];
      if (value instanceof MirrorError) failed.push({ write, error: value });
      else documents.push({ write, wire: this.#toWire(write, value, keyIds) });
    }
    return { documents, failed };
  }

  /** Does not reject. */
  async ofCollections(writes: readonly PendingCollection[]): Promise<OutgoingCollection[]> {
    const plain = writes.map((write) => ({ record: write.record, wire: this.#toWireCollection(write) }));
    const wires = await this.#options.encoder.encodeItems(plain);
    return writes.map((write, index) => ({ write, wire: wires[index]! }));
  }

  #toWire(
    { redisKey, record, stamp, keepsPrevious }: PendingDocument,
    value: StoredBody | undefined,
    keyIds: readonly string[],
  ): WireWrite {
    const { ledger, author, ttlSecondsOf, overwritesUnreadable } = this.#options;
    const known = ledger.get(redisKey);
    const readableHeader = this.#readableHeaders.get(redisKey);
    this.#readableHeaders.delete(redisKey);
    return {
      redisKey,
      value,
      ttlSeconds: ttlSecondsOf(record),
      version: author.sign(stamp),
      seen: (known?.isPartial !== true && known?.version) || undefined,
      keepsPrevious,
      ...(record.encrypted && { isSecret: true, keyIds }),
      ...(record.encrypted && readableHeader !== undefined && { readableHeader }),
      ...(overwritesUnreadable && { overwritesUnreadable }),
    };
  }

  #toWireCollection({ redisKey, record, change, keepsPrevious }: PendingCollection): CollectionWrite {
    const { author, ttlSecondsOf, overwritesUnreadable } = this.#options;
    const items = toWireItems(change);
    const newest = items.reduce<Version>((latest, { version }) => (version > latest ? version : latest), "");
    return {
      redisKey,
      items,
      ttlSeconds: ttlSecondsOf(record),
      limit: record.limit,
      version: change.cleared ?? (newest || author.latest),
      isClear: change.cleared !== undefined,
      keepsPrevious,
      ...(overwritesUnreadable && { overwritesUnreadable }),
    };
  }
}
