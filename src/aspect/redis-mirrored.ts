import { isPromise } from "node:util/types";
import { callHost, type HostFunction, isHostFunction } from "./host-function.js";
import { installedInterceptor } from "./installed-interceptor.js";
import { ignoreRejection, ignoringErrors, type Method, type MirrorAdvice, MirrorCall } from "./intercepted-call.js";
import type { Mutation } from "./join-point.js";
import { decorateMethod, expectArgument, type MethodDecoratorOfBothDialects } from "./method-decorator.js";

/* The arguments of a host's methods are the host's affair: `any` lets a selector name their types. */
/* eslint-disable typescript/no-explicit-any */

/** What `@RedisMirrored("record", …)` may be told. Either `value` or `result`, not both. */
export interface MirroredOptions {
  /**
   * The value to mirror, from the arguments, with the method's `this`, or the name of a method that says it; read when
   * the method's synchronous part has returned. Default: the first argument. `undefined` deletes the record.
   */
  value?: string | ((this: any, ...args: any[]) => unknown);
  /** The value to mirror, read once the write has succeeded; for a method whose arguments do not hold it. */
  result?: HostFunction<(self: any, result: any) => unknown>;
  /** Whose record it is, with the method's `this`. Default: the mirror's user. `undefined`: mirror nothing. */
  userId?: (this: any, ...args: any[]) => string | undefined;
}

/** Reads from a call what it writes; `undefined`, or an empty array: nothing that is to be mirrored. */
export type MutationSelector = (this: any, ...args: any[]) => Mutation | readonly Mutation[] | undefined;

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
 * @example
 * @RedisMirrored(["customInstructions", "provider"], { value: () => undefined })   // deletes both from the mirror
 * async resetAllState() { … }
 *
 * @param record A record's name, or several: each of them gets the value.
 * @throws TypeError if `record` is neither names nor a function, if an option is no function, or what it decorates is
 *   not a method.
 */
export function RedisMirrored(
  record: string | readonly string[],
  options?: MirroredOptions,
): MethodDecoratorOfBothDialects;
export function RedisMirrored(selector: MutationSelector): MethodDecoratorOfBothDialects;
export function RedisMirrored(
  recordOrSelector: string | readonly string[] | MutationSelector,
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
    return {
      mutations: (target, args) => toArray(selector.apply(target, args as unknown[])),
      mutationsFromResult: undefined,
    };
  }
  const records = toArray(recordOrSelector);
  const areNames = records.length > 0 && records.every((record) => typeof record === "string" && record !== "");
  expectArgument("RedisMirrored", areNames, "a record's name, an array of them, or a function", recordOrSelector);
  expectArgument(
    "RedisMirrored",
    value === undefined || isHostFunction(value),
    "the option `value`, a function or a method's name",
    value,
  );
  expectArgument(
    "RedisMirrored",
    result === undefined || isHostFunction(result),
    "the option `result`, a function or a method's name",
    result,
  );
  const mutationsOf = (target: unknown, args: readonly unknown[], mirrored: unknown): readonly Mutation[] => {
    if (isPromise(mirrored)) {
      // Nobody waits for it, and a rejection of it would end the host.
      ignoreRejection(mirrored);
      throw new TypeError("Expected `value` and `result` of `@RedisMirrored` to say the value at once, got a promise");
    }
    if (userId === undefined) return records.map((record) => ({ record: record as string, value: mirrored }));
    const owner = userId.apply(target, args as unknown[]);
    if (owner === undefined) return [];
    return records.map((record) => ({ record: record as string, value: mirrored, userId: owner }));
  };
  const valueOf = (target: unknown, args: readonly unknown[]): unknown => {
    if (value === undefined) return args[0];
    return typeof value === "function" ? value.apply(target, args as unknown[]) : callHost(value, target, args);
  };
  return {
    mutations: (target, args) => mutationsOf(target, args, valueOf(target, args)),
    recordsFromResult: (target, args) => mutationsOf(target, args, undefined),
    mutationsFromResult:
      result === undefined
        ? undefined
        : (target, args, returned) => mutationsOf(target, args, callHost(result, target, [returned])),
  };
}

function toArray<T>(oneOrMore: T | readonly T[] | undefined): readonly T[] {
  if (oneOrMore === undefined) return [];
  return Array.isArray(oneOrMore) ? (oneOrMore as readonly T[]) : [oneOrMore as T];
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
