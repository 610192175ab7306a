/** How a sentence begins and ends, and what it is in the language of the window. */
export type Form = readonly [form: RegExp, say: (...parts: string[]) => string];

export function sayBy(forms: readonly Form[], text: string): string | undefined {
  for (const [form, say] of forms) {
    const match = form.exec(text);
    if (match !== null) return say(...match.slice(1));
  }
  return undefined;
}
