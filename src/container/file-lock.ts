import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { KeyRingError } from "../sync/errors.js";

/** Whoever has the lock says so each second; whoever has not for five is taken for gone. */
export const LOCK_TIMINGS = { renewMs: 1_000, staleMs: 5_000, patienceMs: 10_000 };
const RETRY_MS = 20;

/** What the work under a lock may ask. */
export interface FileLock {
  /** A process that was held up for too long may have lost it. @throws KeyRingError */
  assertHeld(): Promise<void>;
}

/**
 * Does something while nobody else who sees the file does it, in another container too. The file says by a random token
 * whose it is, and by the time of its last change that its owner is alive: ids of processes mean nothing elsewhere. One
 * that is not renewed, by this process's own clock, is taken over. No lock that expires can keep a process that was
 * stopped from going on, so work that must not be done twice asks `assertHeld`, and undoes what others have prepared.
 *
 * @throws KeyRingError that names the file, if another process is at it for longer than anybody should be.
 */
export async function withFileLock<T>(
  path: string,
  work: (lock: FileLock) => Promise<T>,
  { renewMs, staleMs, patienceMs } = LOCK_TIMINGS,
): Promise<T> {
  const token = randomUUID();
  const file = await take(path, token, staleMs, patienceMs);
  // By the open file: where the path has become another's, theirs is not renewed.
  const renewal = setInterval(() => void file.utimes(new Date(), new Date()).catch(() => {}), renewMs).unref();
  try {
    return await work({ assertHeld: () => assertHeld(path, token) });
  } finally {
    clearInterval(renewal);
    await file.close().catch(() => {});
    await removeIf(path, (found) => found.token === token).catch(() => {});
  }
}

async function take(path: string, token: string, staleMs: number, patienceMs: number) {
  const deadline = performance.now() + patienceMs;
  let seen: { readonly found: Found; readonly sinceMs: number } | undefined;
  for (;;) {
    const file = await openIfAbsent(path, token);
    if (file !== undefined) return file;
    const now = performance.now();
    const found = await look(path);
    // Whether it changes is all that counts: what another machine's clock says is no matter.
    if (found === undefined || seen === undefined || !isSame(found, seen.found))
      seen = found && { found, sinceMs: now };
    else if (now - seen.sinceMs > staleMs) await removeIf(path, (each) => isSame(each, found));
    if (now > deadline)
      throw new KeyRingError(`Another process is changing it. If none is, delete ${path} and try again`);
    await delay(RETRY_MS);
  }
}

async function openIfAbsent(path: string, token: string) {
  const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return undefined;
    throw error;
  });
  try {
    await file?.writeFile(token);
    return file;
  } catch (error) {
    await file?.close();
    await unlink(path);
    throw error;
  }
}

interface Found {
  readonly token: string;
  readonly mtimeMs: number;
}

function isSame(a: Found, b: Found): boolean {
  return a.token === b.token && a.mtimeMs === b.mtimeMs;
}

/** `undefined`: it is not there. */
async function look(path: string): Promise<Found | undefined> {
  try {
    return { token: await readFile(path, "utf8"), mtimeMs: (await stat(path)).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Between looking at a file and removing it, it may become another's: so it is looked at under a name of its own. */
async function removeIf(path: string, isMeant: (found: Found) => boolean): Promise<void> {
  const found = await look(path);
  if (found === undefined || !isMeant(found)) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // Another was faster.
  }
  const taken = await look(aside);
  // Theirs goes back, unless a third has one by now: then they have lost it, and `assertHeld` says so.
  if (taken !== undefined && !isMeant(taken)) await link(aside, path).catch(() => {});
  await unlink(aside);
}

async function assertHeld(path: string, token: string): Promise<void> {
  if ((await look(path))?.token !== token)
    throw new KeyRingError(`Another process has taken ${path} over, as this one was held up. Try again`);
}
