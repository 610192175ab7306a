import { inspect } from "node:util";
import fc from "fast-check";
import type { Script } from "../../test/aspect/decorated.js";
import { type MethodName, METHODS } from "../../test/aspect/observation.js";
import { history } from "../hosts.js";

type Handler = ((value: unknown) => unknown) | null | undefined;

const returning = (value: unknown): Script => ({ outcome: "return", value, seen: [] });
const returningForeign = (then: (fulfilled: Handler, rejected: Handler) => void): Script =>
  returning({ then: then as never });

/** How a method ends, as far as its script decides. */
const ENDINGS = {
  returns: returning,
  throws: (value: unknown): Script => ({ outcome: "throw", value, seen: [] }),
  resolves: (value: unknown) => returning(Promise.resolve(value)),
  rejects: (value: unknown) => returning(Promise.reject(value)),
  "thenable resolves": (value: unknown) => returningForeign((fulfilled) => queueMicrotask(() => fulfilled?.(value))),
  "thenable rejects": (value: unknown) =>
    returningForeign((_fulfilled, rejected) => queueMicrotask(() => rejected?.(value))),
  "thenable resolves at once": (value: unknown) => returningForeign((fulfilled) => fulfilled?.(value)),
} as const;

type Ending = keyof typeof ENDINGS;
const ENDING_NAMES = Object.keys(ENDINGS) as Ending[];

/** One call that is made twice, of the bare method and of the decorated one. */
export interface TwinCall {
  readonly dialect: number;
  readonly method: MethodName;
  readonly ending: Ending;
  readonly value: unknown;
  readonly args: readonly unknown[];
}

const ANYTHING = fc.oneof(fc.jsonValue(), fc.anything(), fc.constant(new Error("the host's own")));

/** What calls are made of. The numbers of each kind have no common divisor, so that all combinations come up. */
export class CallPool {
  readonly #values = fc.sample(ANYTHING, { numRuns: 997, seed: 1 });
  readonly #args = fc.sample(fc.array(ANYTHING, { maxLength: 3 }), { numRuns: 991, seed: 2 });
  readonly #before: readonly string[];

  constructor() {
    // As hosts save them, beside what no host would.
    for (let index = 0; index < this.#args.length; index += 50) this.#args[index] = [history(index)];
    this.#before = this.#all().map(describe);
  }

  callAt(index: number): TwinCall {
    const method = METHODS[index % METHODS.length]!;
    const ending = ENDING_NAMES[index % ENDING_NAMES.length]!;
    return {
      dialect: index % 2,
      method,
      // What such a method's body drops would surface, whoever calls it.
      ending: ending === "rejects" && method === "readsPrivateState" ? "resolves" : ending,
      value: this.#values[index % this.#values.length],
      args: this.#args[index % this.#args.length]!,
    };
  }

  /** How many of the values are no longer what they were. */
  countChanged(): number {
    return this.#all().filter((value, index) => describe(value) !== this.#before[index]).length;
  }

  #all(): unknown[] {
    return [...this.#values, ...this.#args];
  }
}

/** A fresh one for each call, as promises are for one caller alone. */
export function scriptOf({ ending, value }: Pick<TwinCall, "ending" | "value">): Script {
  return ENDINGS[ending](value);
}

function describe(value: unknown): string {
  return inspect(value, { depth: Infinity, maxArrayLength: null, maxStringLength: null, showHidden: true });
}
