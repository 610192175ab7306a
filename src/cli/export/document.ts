import { Failure } from "../failure.js";

/** The first member of a document that `export` writes, and its value. */
export const FORMAT = "redis-mirrored export";

export const FORMAT_VERSION = 1;

/** As much as `import` reads of a file. */
export const MAX_FILE_BYTES = 256 * 2 ** 20;

export function tooLarge(): Failure {
  return new Failure("TOO_LARGE", `It is more than \`import\` reads (${MAX_FILE_BYTES} bytes). Try --no-kept.`);
}

/** A value: as JSON, or the JWE as it lies in Redis. */
export type Content = { readonly value: unknown } | { readonly jwe: string };

/** A version that was overwritten and kept. */
export type ExportedVersion = Content & { readonly version: string };

/** An item of a list that is merged item by item. */
export interface ExportedItem {
  readonly id: string;
  readonly version: string;
  readonly recency: number;
  readonly value: unknown;
}

/** What there is of one record of one instance. */
export interface ExportedRecord {
  readonly record: string;
  /** `null`: the user's instances share it. */
  readonly instanceId: string | null;
  /** Of the save; `null`: nothing beside it says that. */
  readonly version: string | null;
  readonly isDeleted: boolean;
  /** Whether it is encrypted in Redis. */
  readonly isEncrypted: boolean;
  /** One of `items`, `value` and `jwe`; `undefined`: there is no value. */
  readonly items?: readonly ExportedItem[];
  readonly value?: unknown;
  readonly jwe?: string;
  readonly kept: readonly ExportedVersion[];
}

/** All that Redis holds of a user. */
export interface ExportDocument {
  readonly format: typeof FORMAT;
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly exportedAt: string;
  readonly userId: string;
  /** Whether encrypted values stand here in clear text. */
  readonly isDecrypted: boolean;
  readonly records: readonly ExportedRecord[];
}
