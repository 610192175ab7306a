/** Where a list comes from: an object of the host's, by number. */
export type Source = number;

/** Of what is handed to the engine itself. */
const ENGINE: Source = 0;

// Of the process and not of an engine: a save that was taken down for one may be handed in to its successor.
const numbers = new WeakMap<object, Source>();
let count = ENGINE;

/**
 * The number of an object of the host's that saves and is read. It is not held.
 * @param target An instance, or the class of a static method; anything else counts as the engine's own.
 */
export function sourceOf(target: unknown): Source {
  if (target === null || (typeof target !== "object" && typeof target !== "function")) return ENGINE;
  let number = numbers.get(target);
  if (number === undefined) numbers.set(target, (number = ++count));
  return number;
}
