import { applyEdits, type Edit } from "./edits.js";
import { SourceFile } from "./source-file.js";
import { parseExpression } from "./syntax-tree.js";

/** A file as it is and as it is to be. */
export interface FileChange {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** Edits of several files, which are made together or not at all. */
export class Changes {
  readonly #edits = new Map<string, { readonly text: string; readonly edits: Edit[] }>();

  add({ path, text }: { readonly path: string; readonly text: string }, edits: readonly Edit[]): void {
    const { edits: known } = this.#edits.get(path) ?? { edits: [] };
    if (known.length + edits.length > 0) this.#edits.set(path, { text, edits: [...known, ...edits] });
  }

  /** In the order of their paths. @throws SyntaxError if one would not be valid any more: that is a mistake of ours. */
  get files(): FileChange[] {
    const paths = [...this.#edits.keys()].sort((one, other) => (one < other ? -1 : 1));
    return paths.map((path) => {
      const { text: before, edits } = this.#edits.get(path)!;
      const after = applyEdits(before, edits);
      expectValid(path, before, after);
      return { path, before, after };
    });
  }
}

function expectValid(path: string, before: string, after: string): void {
  if (path.endsWith(".json")) {
    parseExpression(after);
    return;
  }
  const errors = new SourceFile(path, after).errors - new SourceFile(path, before).errors;
  if (errors > 0) throw new SyntaxError(`Expected ${path} to be valid afterwards, got ${errors} errors`);
}
