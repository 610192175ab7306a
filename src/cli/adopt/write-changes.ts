import { copyFile, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { UsageError } from "../usage-error.js";
import type { FileChange } from "./changes.js";

/** A change whose texts lie beside the file: what it is to be, and what it was. */
interface Staged {
  readonly target: string;
  readonly next: string;
  readonly previous: string;
}

/**
 * Writes all of them, or none if one is no more what it was when it was read: the answer is then its path.
 * @param move Renames a file, over another one if there is one.
 * @throws UsageError if one cannot be written: none is changed then.
 */
export async function writeChanges(
  changes: readonly FileChange[],
  move: (from: string, to: string) => Promise<void> = rename,
): Promise<string | undefined> {
  for (const { path, before } of changes) if ((await readFile(path, "utf8")) !== before) return path;
  const staged: Staged[] = [];
  let moved = 0;
  let current = "";
  try {
    // All that needs room on the disk comes first.
    for (const { path, after } of changes) {
      current = path;
      const target = await realpath(path);
      const beside = `${target}.${process.pid}`;
      staged.push({ target, next: `${beside}.new`, previous: `${beside}.old` });
      await copyFile(target, `${beside}.old`);
      await writeAs(`${beside}.new`, after, (await stat(target)).mode);
    }
    for (const { target, next } of staged) {
      current = target;
      await move(next, target);
      moved += 1;
    }
  } catch (error) {
    for (const { target, previous } of staged.slice(0, moved)) await rename(previous, target);
    const { code = "an error" } = error as NodeJS.ErrnoException;
    throw new UsageError(`Nothing was changed: expected to be able to write ${current}, got ${code}`, {
      cause: error,
    });
  } finally {
    for (const { next, previous } of staged) for (const path of [next, previous]) await rm(path, { force: true });
  }
  return undefined;
}

async function writeAs(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(text);
    // Whatever the process takes away from the modes of new files.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}
