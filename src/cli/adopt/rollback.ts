import { packageFolder } from "./checkout.js";
import { Changes, type FileChange } from "./changes.js";
import { findInserted, removeDecorator } from "./decorated-method.js";
import type { Host } from "./host.js";
import { removeImports } from "./imports.js";
import { findInsertedStatements, removeStatement } from "./installation.js";
import type { SyntaxNode } from "./syntax-tree.js";

/** A line that is taken out, or a name that is still used. */
export interface RolledBack {
  /** As in a `Finding`; of what stays, the name that the file imports. */
  readonly subject: string;
  readonly path: string;
  /** Counted from 1; of what is no source there is none. */
  readonly lineNumber?: number;
}

export interface Rollback {
  readonly changes: readonly FileChange[];
  readonly removed: readonly RolledBack[];
  /** What else there is of this package: somebody has put it there by hand. */
  readonly left: readonly RolledBack[];
}

/** Takes everything out again that an adoption inserts, and nothing else. */
export function rollbackOf({ checkout: { files }, manifests }: Host): Rollback {
  const changes = new Changes();
  const removed: RolledBack[] = [];
  const left: RolledBack[] = [];
  const foldersInUse = new Set<string | undefined>();
  for (const file of files) {
    const { path } = file;
    const nodes = new Set<SyntaxNode>();
    for (const { subject, use } of findInserted(file)) {
      changes.add(file, [removeDecorator(file, use)]);
      removed.push({ subject, path, lineNumber: file.lineOf(use.node.start!) });
      nodes.add(use.node);
    }
    for (const statement of findInsertedStatements(file)) {
      changes.add(file, [removeStatement(file, statement)]);
      removed.push({ subject: "activate()", path, lineNumber: file.lineOf(statement.start!) });
      nodes.add(statement);
    }
    const { edits, kept } = removeImports(file, nodes);
    changes.add(file, edits);
    if (kept.length > 0) foldersInUse.add(packageFolder(path));
    for (const { name, start } of kept) left.push({ subject: name, path, lineNumber: file.lineOf(start) });
  }
  for (const [folder, manifest] of manifests) {
    const edits = manifest.removeDependency();
    if (edits.length === 0) continue;
    const entry = { subject: "dependencies", path: manifest.path };
    if (foldersInUse.has(folder)) left.push(entry);
    else {
      changes.add(manifest, edits);
      removed.push(entry);
    }
  }
  return { changes: changes.files, removed, left };
}
