import { areModes, arePinned, isMcpSettings, isProviderProfiles, isTask, isText } from "./host-schemas.js";
import { predicateOf, type RecordSchema, type StandardSchema } from "./record-schema.js";

export type { RecordSchema, StandardSchema };

/**
 * `document`: one value, replaced as a whole.
 * `collection`: an array of items, mirrored newest first and at most `limit` long.
 */
export type RecordKind = "document" | "collection";

/** A property's name, or a function from an item to its value. */
export type ItemProperty<T> = string | ((item: unknown) => T | undefined);

/** What `defineRecord` is told of a record. */
export interface RecordOptions {
  /** Starts with a letter, then letters, digits, `.`, `_` or `-`. The last part of the Redis key. */
  name: string;
  /** A `document` is replaced as a whole, a `collection` is merged item by item. */
  kind: RecordKind;
  /** What of the host's value is mirrored; a document that it leaves nothing of (`undefined`) is deleted. Default: all. */
  select?: (value: any) => unknown; // eslint-disable-line typescript/no-explicit-any
  /** What tells the items of a collection apart. Default: the property `id`. */
  id?: ItemProperty<string>;
  /** How new an item of a collection is, a number. Default: the property `ts`, milliseconds since 1970. */
  recency?: ItemProperty<number>;
  /** How many items of a collection are mirrored. Default 50, minimum 1. */
  limit?: number;
  /** How long the mirror keeps it after the last write, seconds. Default: the setting, 7 days. */
  ttlSeconds?: number;
  /** Whether it leaves the process only as a JWE. Default false. */
  encrypted?: boolean;
  /**
   * What a document, or each item of a collection, must pass before the host gets it from the mirror: a predicate, or a
   * schema of zod, valibot, arktype or another library with the interface of Standard Schema. What does not pass counts
   * as absent, with an `unreadable` event. Saves are not checked by it. Default: everything passes.
   */
  schema?: RecordSchema;
}

/** A record as the catalogue holds it: every option decided. */
export interface RecordDefinition {
  readonly name: string;
  readonly kind: RecordKind;
  readonly select: (value: unknown) => unknown;
  readonly id: (item: unknown) => string | undefined;
  readonly recency: (item: unknown) => number | undefined;
  readonly limit: number;
  readonly ttlSeconds: number | undefined;
  readonly encrypted: boolean;
  /** Whether it is encrypted by a setting alone: what lies there in plain, from before that, is read. Default false. */
  readonly isReadInPlain?: boolean;
  /** Whether the host can work with a document, or with an item of a collection. May throw, which is a no. */
  readonly schema: (value: unknown) => boolean;
}

export const DEFAULT_COLLECTION_LIMIT = 50;

/** Whether the items of a record are mirrored each for itself. What the server cannot read it cannot merge. */
export function isMerged(record: RecordDefinition): boolean {
  return record.kind === "collection" && !record.encrypted;
}

/**
 * Describes a piece of a user's state that may be mirrored.
 *
 * @example defineRecord({ name: "bookmarks", kind: "collection", recency: "createdAt", limit: 200 })
 * @throws TypeError that names the option, what was expected and what was got.
 */
export function defineRecord(options: RecordOptions): RecordDefinition {
  const { name, kind, id = "id", recency = "ts", limit = DEFAULT_COLLECTION_LIMIT, ttlSeconds } = options;
  // `~` is the mirror's own bookkeeping and `:` separates the parts of a key, so neither may be in a name.
  expect(
    typeof name === "string" && /^[A-Za-z][A-Za-z0-9._-]*$/.test(name),
    "name",
    "a letter followed by letters, digits, `.`, `_` or `-`",
    name,
  );
  expect(kind === "document" || kind === "collection", "kind", '"document" or "collection"', kind);
  expect(Number.isInteger(limit) && limit >= 1, "limit", "an integer of at least 1", limit);
  expect(
    ttlSeconds === undefined || (Number.isInteger(ttlSeconds) && ttlSeconds >= 1),
    "ttlSeconds",
    "an integer of at least 1",
    ttlSeconds,
  );
  const { select = everything, schema = () => true } = options;
  expect(typeof select === "function", "select", "a function", select);
  const predicate = predicateOf(schema);
  expect(predicate !== undefined, "schema", "a function, or a Standard Schema", schema);
  return Object.freeze({
    name,
    kind,
    select,
    id: property(id),
    recency: property(recency),
    limit,
    ttlSeconds,
    encrypted: options.encrypted ?? false,
    schema: predicate,
  });
}

function everything(value: unknown): unknown {
  return value;
}

function property<T>(accessor: ItemProperty<T>): (item: unknown) => T | undefined {
  if (typeof accessor === "function") return accessor;
  return (item) => (item as Record<string, T> | null | undefined)?.[accessor];
}

function expect(isMet: boolean, option: string, expected: string, got: unknown): asserts isMet {
  if (isMet) return;
  throw new TypeError(`Expected \`${option}\` of a record to be ${expected}, got \`${String(got)}\` (${typeof got})`);
}

/** The records that are mirrored without being asked: the state that Roo-Code and its forks keep. */
export const BUILT_IN_RECORDS: readonly RecordDefinition[] = [
  defineRecord({ name: "taskHistory", kind: "collection", schema: isTask }),
  defineRecord({ name: "provider", kind: "document", encrypted: true, schema: isProviderProfiles }),
  defineRecord({ name: "customInstructions", kind: "document", schema: isText }),
  // The modes of a project belong to its repository, which brings them along.
  defineRecord({ name: "customModes", kind: "document", select: withoutProjectModes, schema: areModes }),
  defineRecord({ name: "pinnedApiConfigs", kind: "document", schema: arePinned }),
  // The servers' environments and headers hold tokens.
  defineRecord({ name: "mcpSettings", kind: "document", encrypted: true, schema: isMcpSettings }),
];

function withoutProjectModes(modes: unknown): unknown {
  if (!Array.isArray(modes)) return modes;
  return modes.filter((mode) => (mode as { source?: unknown } | null)?.source !== "project");
}

export interface CatalogueOptions {
  /** Whether every record counts as encrypted, whatever its definition says. Default false. */
  isEncryptingAll?: boolean;
}

/** Which records may be mirrored. What is not in here never leaves the process. */
export class Catalogue {
  readonly #definitions: ReadonlyMap<string, RecordDefinition>;

  /** @param additional Records of the host's own; one of the same name replaces the built-in one. */
  constructor(additional: readonly RecordDefinition[] = [], { isEncryptingAll = false }: CatalogueOptions = {}) {
    const definitions = [...BUILT_IN_RECORDS, ...additional];
    this.#definitions = new Map(
      definitions.map((record) => [
        record.name,
        isEncryptingAll ? Object.freeze({ ...record, encrypted: true, isReadInPlain: !record.encrypted }) : record,
      ]),
    );
  }

  /** `undefined`: it may not be mirrored. */
  find(name: string): RecordDefinition | undefined {
    return this.#definitions.get(name);
  }
}
