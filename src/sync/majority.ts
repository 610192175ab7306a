import { type Clock, withDeadline } from "./clock.js";

export interface Poll<T> {
  /** What most of those said who answered; `undefined` if none did. */
  readonly answer: T | undefined;
  /** How many answered at all, and be it with `undefined`. */
  readonly answers: number;
}

/**
 * Asks several who should say the same, and believes most of them: one that was cut off from the others may say what
 * was true once, and say it first. More than half decide at once; otherwise those who have answered when all have, or
 * at the deadline. Does not reject.
 */
export async function majorityOf<T>(
  questions: readonly Promise<T | undefined>[],
  deadlineMs: number,
  clock: Clock,
): Promise<Poll<T>> {
  const votes = new Map<string, { readonly answer: T; count: number }>();
  let answers = 0;
  const isDecided = new Promise<void>((resolve) => {
    const count = (answer: T | undefined) => {
      answers++;
      if (answer === undefined) return;
      const key = JSON.stringify(answer);
      const vote = votes.get(key) ?? { answer, count: 0 };
      votes.set(key, vote);
      if (++vote.count > questions.length / 2) resolve();
    };
    void Promise.allSettled(questions.map(async (question) => count(await question))).then(() => resolve());
  });
  await withDeadline(isDecided, { deadlineMs, onExpired: () => new Error("deadline"), clock }).catch(() => {});
  const [most] = [...votes.values()].sort((a, b) => b.count - a.count);
  return { answer: most?.answer, answers };
}
