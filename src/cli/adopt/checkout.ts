import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { HOST_CLASSES } from "./places.js";
import { PACKAGE, readText, SourceFile } from "./source-file.js";
import type { ClassDeclaration } from "./syntax-tree.js";

/** A class and the file that declares it. */
export interface FoundClass {
  readonly file: SourceFile;
  readonly declaration: ClassDeclaration;
}

/** Folders that hold no source, or none that runs in the host. Those that begin with a dot neither. */
const SKIPPED_FOLDERS = new Set([
  "node_modules",
  "dist",
  "out",
  "build",
  "coverage",
  "test",
  "tests",
  "__tests__",
  "__mocks__",
]);
const SOURCE = /(?<!\.d|\.test|\.spec)\.[mc]?ts$/;

/** What a file has in its text if it can matter at all. Whether it does, its tree says. */
const RELEVANT = new RegExp(String.raw`\bclass\s+(?:${HOST_CLASSES.join("|")}|RedisSyncService)\b|${PACKAGE}`);
const ACTIVATION = /\bactivate\s*[=(]/;

/** The sources of a host that have to do with what it saves. */
export class Checkout {
  readonly root: string;
  readonly files: readonly SourceFile[];
  /** Files that looked as if they mattered and could not be read; why. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];

  private constructor(root: string, files: SourceFile[], unreadable: { path: string; reason: string }[]) {
    this.root = root;
    this.files = files;
    this.unreadable = unreadable;
  }

  static async read(root: string): Promise<Checkout> {
    const files: SourceFile[] = [];
    const unreadable: { path: string; reason: string }[] = [];
    for (const path of sourcesBelow(root)) {
      try {
        const text = await readText(path);
        if (RELEVANT.test(text) || ACTIVATION.test(text)) files.push(new SourceFile(path, text));
      } catch (error) {
        unreadable.push({ path, reason: (error as Error).message });
      }
    }
    return new Checkout(root, files, unreadable);
  }

  /** Every class of this name, those of the given package first if there are any, and then only those. */
  classesNamed(name: string, folder?: string): FoundClass[] {
    const found = this.files.flatMap((file) =>
      file.classes.filter(({ id }) => id?.name === name).map((declaration) => ({ file, declaration })),
    );
    const own = found.filter(({ file }) => packageFolder(file.path) === folder);
    return own.length > 0 ? own : found;
  }

  /** As a path below the folder that was asked about. */
  nameOf(path: string): string {
    return relative(this.root, path).replaceAll("\\", "/");
  }
}

/** The folder of the nearest package.json. */
export function packageFolder(path: string): string | undefined {
  return folderWith("package.json", path);
}

/** The nearest folder above a file that has one of this name. */
export function folderWith(name: string, path: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function sourcesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((one, other) => (one.name < other.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const isSkipped = SKIPPED_FOLDERS.has(entry.name) || entry.name.startsWith(".");
      return isSkipped ? [] : sourcesBelow(path);
    }
    return entry.isFile() && SOURCE.test(entry.name) ? [path] : [];
  });
}
