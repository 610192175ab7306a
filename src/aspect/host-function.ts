/* The objects and arguments of a host's methods are the host's affair: `any` lets its functions name their types. */
/* eslint-disable typescript/no-explicit-any */

/**
 * Something of the host's that a decorator calls: a function of the object and some arguments, or the name of a method
 * of the object that takes these arguments. `"setValue"` says the same as `(self, key, value) => self.setValue(key, value)`.
 */
export type HostFunction<Function extends (self: any, ...args: any[]) => unknown> = string | Function;

export function isHostFunction(candidate: unknown): candidate is HostFunction<(self: any) => unknown> {
  return typeof candidate === "function" || (typeof candidate === "string" && candidate !== "");
}

/** @throws TypeError if the object has no method of that name, and whatever the host's function throws. */
export function callHost(
  hostFunction: HostFunction<(self: any, ...args: any[]) => unknown>,
  self: unknown,
  args: readonly unknown[],
): unknown {
  if (typeof hostFunction === "function") return hostFunction(self, ...args);
  const method = (self as Record<string, unknown> | null | undefined)?.[hostFunction];
  if (typeof method !== "function") {
    throw new TypeError(
      `Expected \`${hostFunction}\` to be a method of the decorated one's object, got ${typeof method}`,
    );
  }
  return Reflect.apply(method, self, args);
}
