import { isPromise } from "node:util/types";
import type { Script } from "./decorated.js";

/** The methods that `Bare` and `Decorated` have in common. */
export const METHODS = [
  "sync",
  "async",
  "thenable",
  "generic",
  "overloaded",
  "inherited",
  "callHidden",
  "callSymbol",
  "readsPrivateState",
  "withDefaults",
  "static",
] as const;

export type MethodName = (typeof METHODS)[number];

/** All that a caller can see of a call. */
export interface Observation {
  readonly kind: "value" | "error" | "promise" | "thenable";
  readonly settled: "fulfilled" | "rejected" | undefined;
  readonly outcome: unknown;
  /** Whether it is the very object that the script names, and of a foreign thenable, that the method returned. */
  readonly isSameObject: boolean;
  readonly isOwnSelf: boolean;
  /** The arguments that the method got, each time that it ran. */
  readonly seen: readonly (readonly unknown[])[];
}

/** Calls the method and waits for what comes of it, as a caller does. */
export async function observe(
  owner: object,
  method: string,
  script: Script,
  args: readonly unknown[],
): Promise<Observation> {
  const see = (kind: Observation["kind"], outcome: unknown, settled?: "fulfilled" | "rejected"): Observation => ({
    kind,
    settled,
    outcome,
    isSameObject: kind === "thenable" ? returned === script.seen[0]?.returned : outcome === script.value,
    isOwnSelf: script.seen.every(({ self }) => self === owner),
    seen: script.seen.map((seen) => seen.args),
  });
  let returned: unknown;
  try {
    returned = callMethod(owner, method, script, args);
  } catch (error) {
    return see("error", error);
  }
  if (typeof (returned as PromiseLike<unknown> | undefined)?.then !== "function") return see("value", returned);
  const thenable = returned as PromiseLike<unknown>;
  const kind = isPromise(thenable) ? "promise" : "thenable";
  return new Promise((resolve) => {
    const rejected = (error: unknown) => resolve(see(kind, error, "rejected"));
    try {
      void thenable.then((value) => resolve(see(kind, value, "fulfilled")), rejected);
    } catch (error) {
      rejected(error);
    }
  });
}

export function callMethod(owner: object, method: string, script: Script, args: readonly unknown[]): unknown {
  return (owner as Record<string, (...args: unknown[]) => unknown>)[method]!(script, ...args);
}

/** Whether two calls look the same to their callers: the same objects, not merely equal ones. */
export function areIndistinguishable(one: Observation, other: Observation): boolean {
  return (
    one.kind === other.kind &&
    one.settled === other.settled &&
    Object.is(one.outcome, other.outcome) &&
    one.isSameObject === other.isSameObject &&
    one.isOwnSelf === other.isOwnSelf &&
    one.seen.length === other.seen.length &&
    one.seen.every((args, run) => areSameObjects(args, other.seen[run]!))
  );
}

function areSameObjects(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((value, index) => Object.is(value, others[index]));
}
