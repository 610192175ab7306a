const POLL_MS = 20;

/** Asks again and again until there is an answer that counts: anything but `undefined` and `false`. @throws Error after the deadline. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  deadlineMs = 10_000,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  let failure: unknown;
  do {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  } while (performance.now() < endMs);
  throw new Error(`Not within ${deadlineMs} ms: ${what}`, { cause: failure });
}
