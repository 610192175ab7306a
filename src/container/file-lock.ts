import { randomUUID } from "node:crypto";
import { link, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** How long somebody waits for another to be done, who needs milliseconds. */
const PATIENCE_MS = 5_000;
const RETRY_MS = 20;

/**
 * Does something while no other process of this machine does it: a file says which process is at it. One that was killed
 * leaves its file behind, and the next takes its place.
 *
 * @throws Error that names the file, if another process is at it for longer than anybody should be.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const mine = `${process.pid} ${randomUUID()}`;
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await take(path, mine))) {
    if (performance.now() > deadline)
      throw new Error(`Another process is changing it. If none is, delete ${path} and try again`);
    await delay(RETRY_MS);
  }
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => {});
  }
}

async function take(path: string, mine: string): Promise<boolean> {
  // Appears with what it says, or not at all: an empty one would be nobody's.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, mine, { mode: 0o600, flag: "wx" });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    await clearIfAbandoned(path);
    return false;
  } finally {
    await unlink(draft);
  }
}

/** Takes away the file of a process that is no more. */
async function clearIfAbandoned(path: string): Promise<void> {
  const found = await readIfThere(path);
  if (found === undefined || isAlive(Number(found.split(" ")[0]))) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // Another was faster.
  }
  // Between reading and renaming somebody may have done the same and begun: theirs goes back.
  if ((await readIfThere(aside)) !== found) await link(aside, path).catch(() => {});
  await unlink(aside);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
