import { installedInterceptor } from "./installed-interceptor.js";
import { ignoreRejection, ignoringErrors, type Method, type MirrorAdvice, MirrorCall } from "./intercepted-call.js";
import type { Mutation } from "./join-point.js";
import { decorateMethod, type MethodDecoratorOfBothDialects } from "./method-decorator.js";

/* The arguments of a host's methods are the host's affair: `any` lets a selector name their types. */
/* eslint-disable typescript/no-explicit-any */

export interface MirroredOptions {
  /** The value to mirror, from the arguments, with the method's `this`; read when the method's synchronous part has returned. Default: the first argument. */
  value?: (this: any, ...args: any[]) => unknown;
  /** The value to mirror, read once the write has succeeded; for a method whose arguments do not hold it. */
  result?: (self: any, result: any) => unknown;
  /** Whose record it is, with the method's `this`. Default: the mirror's user. `undefined`: mirror nothing. */
  userId?: (this: any, ...args: any[]) => string | undefined;
}

/** Reads from a call what it writes; `undefined`: nothing that is to be mirrored. */
export type MutationSelector = (this: any, ...args: any[]) => Mutation | undefined;

/* eslint-enable typescript/no-explicit-any */

/**
 * Mirrors to Redis what a method has written to the local store. The method behaves as if undecorated: it stays
 * synchronous if it was, settles with what it settled with, and neither waits for Redis nor fails because of it.
 *
 * @example
 * @RedisMirrored("provider")                                  // mirrors the first argument
 * private async store(profiles: ProviderProfiles) { … }
 *
 * @example
 * @RedisMirrored((key, value) => ({ record: key, value }))    // the call says what it writes
 * update(key: string, value: unknown): Thenable<void> { … }
 *
 * @throws TypeError if `record` is neither a name nor a function, or what it decorates is not a method.
 */
export function RedisMirrored(record: string, options?: MirroredOptions): MethodDecoratorOfBothDialects;
export function RedisMirrored(selector: MutationSelector): MethodDecoratorOfBothDialects;
export function RedisMirrored(
  recordOrSelector: string | MutationSelector,
  options: MirroredOptions = {},
): MethodDecoratorOfBothDialects {
  const advice = toAdvice(recordOrSelector, options);
  return decorateMethod("RedisMirrored", (body, name) => {
    const wrapper = {
      // A method, not a function: it cannot be called with `new`, as the one it stands for cannot.
      method(this: unknown, ...args: unknown[]): unknown {
        return callMirrored(advice, this, name, body, args);
      },
    };
    return wrapper.method;
  });
}

function toAdvice(recordOrSelector: unknown, { value, result, userId }: MirroredOptions): MirrorAdvice {
  if (typeof recordOrSelector === "function") {
    const selector = recordOrSelector as MutationSelector;
    return { mutation: (target, args) => selector.apply(target, args as unknown[]), mutationFromResult: undefined };
  }
  if (typeof recordOrSelector !== "string" || recordOrSelector === "") {
    throw new TypeError(
      `Expected \`@RedisMirrored\` to get a record's name or a function, got \`${String(recordOrSelector)}\` (${typeof recordOrSelector})`,
    );
  }
  const record = recordOrSelector;
  const mutationOf = (target: unknown, args: readonly unknown[], mirrored: unknown): Mutation | undefined => {
    if (userId === undefined) return { record, value: mirrored };
    const owner = userId.apply(target, args as unknown[]);
    return owner === undefined ? undefined : { record, value: mirrored, userId: owner };
  };
  return {
    mutation: (target, args) =>
      mutationOf(target, args, value === undefined ? args[0] : value.apply(target, args as unknown[])),
    mutationFromResult: result && ((target, args, returned) => mutationOf(target, args, result(target, returned))),
  };
}

function callMirrored(
  advice: MirrorAdvice,
  target: unknown,
  name: string | symbol,
  body: Method,
  args: unknown[],
): unknown {
  const interceptor = installedInterceptor();
  if (interceptor === undefined) return Reflect.apply(body, target, args);
  const call = new MirrorCall(advice, target, name, body, args);
  ignoringErrors(() => ignoreRejection(interceptor.around(call)));
  return call.settle();
}
