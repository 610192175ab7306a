import { Changes, type FileChange } from "./changes.js";
import type { Finding } from "./finding.js";
import type { Host } from "./host.js";
import { addImports } from "./imports.js";
import type { ImportedName, SourceFile } from "./source-file.js";

/** What has to be done to the files of a host for everything to be there that can be. */
export function adoptionOf({ manifests }: Host, findings: readonly Finding[]): FileChange[] {
  const changes = new Changes();
  const imports = new Map<SourceFile, ImportedName[]>();
  for (const { path, edits = [], imports: needed } of findings) {
    if (needed === undefined) {
      const manifest = [...manifests.values()].find((each) => each.path === path);
      if (manifest !== undefined) changes.add(manifest, edits);
    } else {
      changes.add(needed.file, edits);
      imports.set(needed.file, [...(imports.get(needed.file) ?? []), needed.name]);
    }
  }
  for (const [file, names] of imports) changes.add(file, addImports(file, names));
  return changes.files;
}
