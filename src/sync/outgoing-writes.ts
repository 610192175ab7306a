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

export interface OutgoingWritesOptions {
  encoder: Encoder;
  ledger: Ledger;
  author: Author;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition): number;
}

/** Writes as they go over the wire. */
export class OutgoingWrites {
  readonly #options: OutgoingWritesOptions;

  constructor(options: OutgoingWritesOptions) {
    this.#options = options;
  }

  /** Encrypting can fail one record without the others having to suffer for it. Does not reject. */
  encode(writes: readonly PendingDocument[]): Promise<Encoded[]> {
    const { encoder, author } = this.#options;
    return encoder.encodeAll(
      writes.map(({ record, redisKey, text, stamp }) => ({ record, redisKey, text, version: author.sign(stamp) })),
    );
  }

  /** What was seen while a keychain was asked counts. */
  ofDocuments(writes: readonly PendingDocument[], encoded: readonly Encoded[]) {
    const documents: OutgoingDocument[] = [];
    const failed: Refusal[] = [];
    for (const [index, write] of writes.entries()) {
      const value = encoded[index];
      if (value instanceof MirrorError) failed.push({ write, error: value });
      else documents.push({ write, wire: this.#toWire(write, value) });
    }
    return { documents, failed };
  }

  /** Does not reject. */
  async ofCollections(writes: readonly PendingCollection[]): Promise<OutgoingCollection[]> {
    const plain = writes.map((write) => ({ record: write.record, wire: this.#toWireCollection(write) }));
    const wires = await this.#options.encoder.encodeItems(plain);
    return writes.map((write, index) => ({ write, wire: wires[index]! }));
  }

  #toWire({ redisKey, record, stamp, keepsPrevious }: PendingDocument, value: StoredBody | undefined): WireWrite {
    const { ledger, author, ttlSecondsOf } = this.#options;
    return {
      redisKey,
      value,
      ttlSeconds: ttlSecondsOf(record),
      version: author.sign(stamp),
      seen: ledger.get(redisKey)?.version || undefined,
      keepsPrevious,
      ...(record.encrypted && { isSecret: true }),
    };
  }

  #toWireCollection({ redisKey, record, change, keepsPrevious }: PendingCollection): CollectionWrite {
    const { author, ttlSecondsOf } = this.#options;
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
    };
  }
}
