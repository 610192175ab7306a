import type { WireItem } from "../../sync/redis-gateway.js";
import type { RecordDefinition } from "../../sync/records.js";
import type { Version } from "../../sync/version.js";
import type { ExportedRecord } from "../export/document.js";

/** One version of a document as it is to be written. */
export interface PlannedWrite {
  readonly version: Version;
  /** JSON, to be encoded as the record is; or a JWE, which goes as it is. */
  readonly body: { readonly text: string } | { readonly jwe: string };
}

/** A version of the file's that cannot be put back beside the current one, and why. */
export interface LeftOutVersion {
  readonly version: Version;
  readonly reason: string;
}

/**
 * `save`: the mirror has no such record. `replace`: what it has is older, and is kept, unless it lies open. `merge`: items are added to a list.
 * `keep`: the mirror has a later one, which stays; the file's is kept beside it. `nothing`: it is there already, or was
 * deleted. `refuse`: it cannot be put back, for a reason.
 */
export type ImportKind = "save" | "replace" | "merge" | "keep" | "nothing" | "refuse";

/** What becomes of one record of the file. */
export interface ImportPlan {
  readonly entry: ExportedRecord;
  readonly redisKey: string;
  readonly record: RecordDefinition;
  readonly kind: ImportKind;
  /** Of `refuse`, and of `nothing` where it is not there already. */
  readonly reason?: string;
  /** Of a document, oldest first. */
  readonly writes?: readonly PlannedWrite[];
  /** Of a document: of what was kept. */
  readonly leftOut?: readonly LeftOutVersion[];
  /** Of a document: how many kept versions that are in Redis give way. */
  readonly pushedOut?: number;
  /** Of a document that is encrypted: whether what is in Redis is not, and so is not kept. */
  readonly isOpen?: boolean;
  /** Of such a document: how many kept versions that are in Redis are not either, and go. */
  readonly keptOpen?: number;
  /** With which keys what is written here can be read, by somebody. */
  readonly keyIds?: readonly string[];
  /** Of a list: what it lacks. */
  readonly items?: readonly WireItem[];
}
