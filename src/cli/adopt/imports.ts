import { type Edit, insertItem, insertLineAfter, removeItems, removeLine } from "./edits.js";
import { DECORATORS, importedName, type ImportedName, PACKAGE, type SourceFile } from "./source-file.js";
import { type ImportDeclaration, referencedNames, spanOf, type SyntaxNode } from "./syntax-tree.js";

/** The line that imports names of this package, in the file's own style. */
export function importLine({ quote, hasSemicolons }: SourceFile, names: readonly ImportedName[]): string {
  return `import { ${sorted(names).join(", ")} } from ${quote}${PACKAGE}${quote}${hasSemicolons ? ";" : ""}`;
}

/** Imports what is missing: in the file's own import from this package, or below the first ones from packages. */
export function addImports(file: SourceFile, names: readonly ImportedName[]): Edit[] {
  const missing = sorted(names).filter((name) => !file.locals.has(name));
  if (missing.length === 0) return [];
  const own = file.ourImports[0];
  if (own !== undefined) {
    const items = own.specifiers.map(spanOf);
    return [insertItem(file.text, items, items.length, missing.join(", "))];
  }
  const line = importLine(file, missing);
  // Files begin with what they take from packages; one further down is a stray.
  const firstOfOwn = file.imports.findIndex(({ source }) => source.value.startsWith("."));
  const ofPackages = file.imports.slice(0, firstOfOwn === -1 ? undefined : firstOfOwn);
  for (const anchor of [...ofPackages.toReversed(), ...file.imports.toReversed()]) {
    const edit = insertLineAfter(file.text, endOf(file, anchor), line);
    if (edit !== undefined) return [edit];
  }
  const top = file.text.startsWith("\uFEFF") ? 1 : 0;
  return [{ start: top, end: top, text: `${line}${file.text.includes("\r\n") ? "\r\n" : "\n"}` }];
}

/** What becomes of the imports from this package when the `removed` nodes are gone. */
export interface ImportRemoval {
  readonly edits: readonly Edit[];
  /** Names that stay, since the file still refers to them, or never got them from here. */
  readonly kept: readonly { readonly name: string; readonly start: number }[];
}

/** Takes out the names that an adoption imports and nothing refers to any more, and the lines with their last names. */
export function removeImports(file: SourceFile, removed: ReadonlySet<SyntaxNode>): ImportRemoval {
  const used = referencedNames(file.program, (node) => node.type === "ImportDeclaration" || removed.has(node));
  const edits: Edit[] = [];
  const kept: { name: string; start: number }[] = [];
  for (const declaration of file.imports.filter(({ source }) => source.value === PACKAGE)) {
    const { specifiers } = declaration;
    const isOurs = file.ourImports.includes(declaration);
    const isRemoved = specifiers.map(
      (specifier) => isOurs && INSERTED.has(importedName(specifier) ?? "") && !used.has(specifier.local.name),
    );
    if (isOurs && isRemoved.every(Boolean)) {
      edits.push(removeLine(file.text, spanOf(declaration)));
      continue;
    }
    edits.push(...removeItems(specifiers.map(spanOf), (index) => isRemoved[index]!));
    for (const [index, { local, start }] of specifiers.entries())
      if (!isRemoved[index]) kept.push({ name: local.name, start: start! });
  }
  return { edits, kept };
}

const INSERTED: ReadonlySet<string> = new Set<ImportedName>([...DECORATORS, "installMirror"]);

/** Whether the file uses a name of this package for something else. */
export function isNameTaken(file: SourceFile, name: ImportedName): boolean {
  if (file.locals.has(name)) return false;
  return referencedNames(file.program, () => false).has(name);
}

/** Without its semicolon, which may stand on the next line where files have none. */
function endOf({ text }: SourceFile, { source, end }: ImportDeclaration): number {
  const isBare = text.slice(source.end!, end!).trim().replace(";", "") === "";
  return isBare ? source.end! : end!;
}

/** As a linter sorts them: the case does not count. */
function sorted(names: readonly ImportedName[]): ImportedName[] {
  return [...new Set(names)].sort((one, other) => (one.toLowerCase() < other.toLowerCase() ? -1 : 1));
}
