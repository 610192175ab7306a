import { callHost, type HostFunction, isHostFunction } from "./host-function.js";
import { installedInterceptor } from "./installed-interceptor.js";
import { type Method, RestoreCall } from "./intercepted-call.js";
import type { RestoreAdvice } from "./join-point.js";
import { decorateMethod, expectArgument, type MethodDecoratorOfBothDialects } from "./method-decorator.js";

/* The arguments of a host's methods are the host's affair: `any` lets `read` and `adopt` name their types. */
/* eslint-disable typescript/no-explicit-any */

interface CommonRestoreOptions {
  /** Whether a local value counts as none. Default: `undefined`, `null`, `""`, `[]` and `{}` do. */
  isEmpty?: (value: any, self: any) => boolean;
  /** Whose record it is. Default: the mirror's user. */
  userId?: (self: any, ...args: any[]) => string | undefined;
}

/** What `@RedisRestored("record", …)` is told. */
export interface RestoredOptions extends CommonRestoreOptions {
  /**
   * Writes the restored value to the local store; called with the method's `this`, the value and the method's arguments.
   * Or the name of a method that does: `"store"`.
   */
  adopt: HostFunction<(self: any, value: any, ...args: any[]) => unknown>;
  /** The local value, for a method that makes it ready without returning it. Default: what the method returns. */
  read?: HostFunction<(self: any, ...args: any[]) => unknown>;
}

/** What `@RedisRestored(["record", …], …)` is told, on a method that makes several records ready. */
export interface RestoredManyOptions extends CommonRestoreOptions {
  /** Writes a restored value to the local store. */
  adopt: HostFunction<(self: any, record: string, value: any, ...args: any[]) => unknown>;
  /** The local value of a record; or the name of a method that says it, or of a property that holds them by record. */
  read: HostFunction<(self: any, record: string, ...args: any[]) => unknown>;
}

/* eslint-enable typescript/no-explicit-any */

/**
 * Restores from Redis what the local store does not have: when the decorated method has run and left a record empty,
 * the mirror's value is adopted, within the read deadline. The caller of a loader gets the adopted value.
 *
 * @example
 * @RedisRestored("provider", { adopt: (self, value) => self.store(value) })
 * private async load(): Promise<ProviderProfiles | undefined> { … }
 *
 * @example
 * @RedisRestored(["taskHistory", "customInstructions"], { read: "get", adopt: "update" })
 * async initialize(): Promise<void> { … }
 *
 * @throws TypeError if an argument is missing, or what it decorates is not a method.
 */
export function RedisRestored(record: string, options: RestoredOptions): MethodDecoratorOfBothDialects;
export function RedisRestored(records: readonly string[], options: RestoredManyOptions): MethodDecoratorOfBothDialects;
export function RedisRestored(
  records: string | readonly string[],
  options: RestoredOptions | RestoredManyOptions,
): MethodDecoratorOfBothDialects {
  const advice = toAdvice(records, options);
  return decorateMethod("RedisRestored", (body, name) => {
    const wrapper = {
      method(this: unknown, ...args: unknown[]): unknown {
        return callRestored(advice, this, name, body, args);
      },
    };
    return wrapper.method;
  });
}

function toAdvice(records: string | readonly string[], options: RestoredOptions | RestoredManyOptions): RestoreAdvice {
  const names = typeof records === "string" ? [records] : records;
  const areNames =
    Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === "string" && name !== "");
  expectArgument("RedisRestored", areNames, "a record's name, or an array of them", records);
  expectArgument(
    "RedisRestored",
    isHostFunction(options?.adopt),
    "the option `adopt`, a function or a method's name",
    options?.adopt,
  );
  const isOne = typeof records === "string";
  expectArgument(
    "RedisRestored",
    isHostFunction(options.read) || (isOne && options.read === undefined),
    `the option \`read\`, a function or a method's name${isOne ? ", or none" : ", for several records"}`,
    options.read,
  );
  const { isEmpty, userId } = options;
  const common = {
    records: names,
    form: options.read === undefined ? ("loader" as const) : ("initializer" as const),
    isEmpty: (value: unknown, target: unknown) => isEmptyByDefault(value) || (isEmpty?.(value, target) ?? false),
    userId: userId && ((target: unknown, args: readonly unknown[]) => userId(target, ...args)),
  };
  if (typeof records === "string") {
    const { read, adopt }: RestoredOptions = options;
    return {
      ...common,
      read: (target, _record, args) => (read === undefined ? undefined : callHost(read, target, args)),
      adopt: (target, _record, value, args) => callHost(adopt, target, [value, ...args]),
    };
  }
  const { read, adopt } = options as RestoredManyOptions;
  return {
    ...common,
    read: (target, record, args) => {
      const held = typeof read === "string" ? (target as Record<string, unknown> | undefined)?.[read] : undefined;
      if (typeof held === "object" && held !== null) return (held as Record<string, unknown>)[record];
      return callHost(read, target, [record, ...args]);
    },
    adopt: (target, record, value, args) => callHost(adopt, target, [record, value, ...args]),
  };
}

function isEmptyByDefault(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function callRestored(
  advice: RestoreAdvice,
  target: unknown,
  name: string | symbol,
  body: Method,
  args: unknown[],
): unknown {
  const interceptor = installedInterceptor();
  if (interceptor === undefined) return Reflect.apply(body, target, args);
  const call = new RestoreCall(advice, target, name, body, args);
  let answer: unknown;
  try {
    answer = interceptor.around(call);
  } catch {
    // The method's own outcome is what the caller gets, its own exception included.
    answer = undefined;
  }
  return call.settle(answer);
}
