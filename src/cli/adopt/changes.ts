import { readFile, writeFile } from "node:fs/promises";
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

/** Writes all of them, or none if one is no more what it was when it was read: the answer is then its path. */
export async function writeChanges(changes: readonly FileChange[]): Promise<string | undefined> {
  for (const { path, before } of changes) if ((await readFile(path, "utf8")) !== before) return path;
  for (const { path, after } of changes) await writeFile(path, after);
  return undefined;
}

function expectValid(path: string, before: string, after: string): void {
  if (path.endsWith(".json")) {
    parseExpression(after);
    return;
  }
  const errors = new SourceFile(path, after).errors - new SourceFile(path, before).errors;
  if (errors > 0) throw new SyntaxError(`Expected ${path} to be valid afterwards, got ${errors} errors`);
}
