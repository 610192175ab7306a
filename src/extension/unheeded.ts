/**
 * Does what nobody waits for, such as showing a message. Where VS Code does not do it, or is on its way out, that is no
 * rejection that nobody handles: others in the same process would take it for theirs. Does not reject.
 */
export async function unheeded(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // It was worth a try.
  }
}
