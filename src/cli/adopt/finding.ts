import type { Edit } from "./edits.js";
import type { ImportedName, SourceFile } from "./source-file.js";

/**
 * `present`: nothing to do. `edited`: there, but not as it would be inserted; it stays. `absent`: to be inserted.
 * `misfit`: it cannot be inserted; `reason` says why.
 */
export type FindingStatus = "present" | "edited" | "absent" | "misfit";

/** What there is of one insertion in a checkout, and how it gets there. */
export interface Finding {
  /** A method, as `Class.method`; a function, as `activate()`; or package.json. */
  readonly subject: string;
  readonly purpose: string;
  /** What is inserted, as a person would paste it. */
  readonly line: string;
  readonly status: FindingStatus;
  readonly reason?: string;
  /** Where, if it is known. */
  readonly path?: string;
  /** Counted from 1. */
  readonly lineNumber?: number;
  /** Of an `absent` one. */
  readonly edits?: readonly Edit[];
  /** What the file has to import for it. */
  readonly imports?: { readonly file: SourceFile; readonly name: ImportedName };
}
