/** Waits, microtask by microtask, for what is to happen before anything else does; fails where it does not. */
export async function untilSoon(isMet: () => boolean): Promise<void> {
  for (let turn = 0; !isMet(); turn++) {
    if (turn === 1_000) throw new Error("expected it to happen soon");
    await Promise.resolve();
  }
}
