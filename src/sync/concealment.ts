import { inspect } from "node:util";

/**
 * The same object, of which `util.inspect`, so `console.log` too, and JSON show what `shown` makes of it. Whoever copies its
 * members by name has what it holds.
 */
export function concealing<Thing extends object>(thing: Thing, shown: (thing: Thing) => object): Thing {
  const show = { value: () => shown(thing) };
  return Object.defineProperties(thing, { [inspect.custom]: show, toJSON: show });
}

/** What is shown of a secret: whether there is one. */
export function masked(secret: string | undefined): string | undefined {
  return secret === undefined || secret === "" ? secret : "(set)";
}
