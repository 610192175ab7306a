import { unlinkSync } from "node:fs";
import { link, open, rename, rm, stat } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { Failure } from "./failure.js";

/**
 * Writes a new file that only its owner may read: it is there whole, or not at all. One that is there stays.
 * @throws Failure
 */
export async function writeNewFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString("hex")}.draft`;
  // Also where a second Ctrl-C ends the process.
  const removeDraft = () => unlinkQuietly(draft);
  process.once("exit", removeDraft);
  try {
    await expectAbsent(file);
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await give(draft, file);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw code === "EEXIST" ? isThere(file) : new Failure(code, `${file} cannot be written: ${code}.`);
  } finally {
    process.off("exit", removeDraft);
    await rm(draft, { force: true });
  }
}

/** A link, unlike a new name, never takes the place of a file that is there. */
async function give(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw error;
    // A file system without links.
    await expectAbsent(file);
    await rename(draft, file);
  }
}

async function expectAbsent(file: string): Promise<void> {
  const isAbsent = await stat(file).then(
    () => false,
    () => true,
  );
  if (!isAbsent) throw isThere(file);
}

function isThere(file: string): Failure {
  return new Failure("EEXIST", `${file} is there already, and stays as it is.`);
}

function unlinkQuietly(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It is not there any more.
  }
}
