/** Where a list comes from: an object of the host's, by number. */
export type Source = number;

/** Of what is handed to the engine itself. */
const ENGINE: Source = 0;

/** Numbers the objects of the host's that save and are read. Holds none of them. */
export class Sources {
  readonly #numbers = new WeakMap<object, Source>();
  #count = ENGINE;

  /** @param target An instance, or the class of a static method; anything else counts as the engine's own. */
  of(target: unknown): Source {
    if (target === null || (typeof target !== "object" && typeof target !== "function")) return ENGINE;
    let number = this.#numbers.get(target);
    if (number === undefined) this.#numbers.set(target, (number = ++this.#count));
    return number;
  }
}
