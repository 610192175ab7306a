import { isPromise } from "node:util/types";
import type { MirrorJoinPoint, Mutation, RestoreAdvice, RestoreJoinPoint } from "./join-point.js";

export type Method = (this: unknown, ...args: unknown[]) => unknown;

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** The part that both kinds of calls share: the method runs once, and its outcome stays what it was. */
class InterceptedCall {
  readonly target: unknown;
  readonly method: string | symbol;
  readonly args: readonly unknown[];
  readonly #body: Method;
  #outcome: Outcome | undefined;

  constructor(target: unknown, method: string | symbol, body: Method, args: unknown[]) {
    this.target = target;
    this.method = method;
    this.args = args;
    this.#body = body;
  }

  get hasRun(): boolean {
    return this.#outcome !== undefined;
  }

  proceed(): unknown {
    this.#outcome ??= this.#run();
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }

  #run(): Outcome {
    try {
      return { value: Reflect.apply(this.#body, this.target, this.args as unknown[]) };
    } catch (error) {
      return { error };
    }
  }
}

/** What `@RedisMirrored` was told. */
export interface MirrorAdvice {
  mutations(target: unknown, args: readonly unknown[]): readonly Mutation[];
  /** Of a result that is yet to come. */
  recordsFromResult?(target: unknown, args: readonly unknown[]): readonly Omit<Mutation, "value">[];
  readonly mutationsFromResult:
    ((target: unknown, args: readonly unknown[], result: unknown) => readonly Mutation[]) | undefined;
}

export class MirrorCall extends InterceptedCall implements MirrorJoinPoint {
  readonly kind = "mirror";
  readonly #advice: MirrorAdvice;
  readonly #succeeded: ((result: unknown) => void)[] = [];
  readonly #failed: (() => void)[] = [];

  constructor(advice: MirrorAdvice, target: unknown, method: string | symbol, body: Method, args: unknown[]) {
    super(target, method, body, args);
    this.#advice = advice;
  }

  get isFromResult(): boolean {
    return this.#advice.mutationsFromResult !== undefined;
  }

  mutations(): readonly Mutation[] {
    return this.#advice.mutations(this.target, this.args);
  }

  recordsFromResult(): readonly Omit<Mutation, "value">[] {
    return this.#advice.recordsFromResult?.(this.target, this.args) ?? [];
  }

  mutationsFromResult(result: unknown): readonly Mutation[] {
    return this.#advice.mutationsFromResult?.(this.target, this.args, result) ?? [];
  }

  onSucceeded(listener: (result: unknown) => void): void {
    this.#succeeded.push(listener);
  }

  onFailed(listener: () => void): void {
    this.#failed.push(listener);
  }

  /** What the caller gets, once the interceptor has had its turn: the method's own outcome. */
  settle(): unknown {
    const returned = this.proceed();
    if (isPromise(returned)) {
      // Not the promise itself: whoever has listened to it, and if only to know when the write is done, has thereby
      // handled its rejection. This one is the caller's alone, so one that is ignored still surfaces, once.
      return returned.then(
        (result) => {
          this.#tellSucceeded(result);
          return result;
        },
        (error: unknown) => {
          this.#tellFailed();
          throw error;
        },
      );
    }
    if (isThenable(returned)) {
      ignoringErrors(() => {
        void returned.then(
          (result) => this.#tellSucceeded(result),
          () => this.#tellFailed(),
        );
      });
    } else {
      this.#tellSucceeded(returned);
    }
    return returned;
  }

  #tellSucceeded(result: unknown): void {
    for (const listener of this.#succeeded) ignoringErrors(() => listener(result));
  }

  #tellFailed(): void {
    for (const listener of this.#failed) ignoringErrors(listener);
  }
}

export class RestoreCall extends InterceptedCall implements RestoreJoinPoint {
  readonly kind = "restore";
  readonly advice: RestoreAdvice;
  readonly reload: (target: unknown) => unknown;

  constructor(advice: RestoreAdvice, target: unknown, method: string | symbol, body: Method, args: unknown[]) {
    super(target, method, body, args);
    this.advice = advice;
    this.reload = reloaderOf(body, args);
  }

  /** What the caller gets: the interceptor's answer, if it is of the method's kind and no failure; else the method's own. */
  settle(answer: unknown): unknown {
    if (!this.hasRun && answer !== undefined && !isPromise(answer)) return answer;
    if (!isPromise(answer)) return this.proceed();
    if (this.hasRun && !isPromise(this.proceed())) {
      // A synchronous method stays synchronous.
      ignoreRejection(answer);
      return this.proceed();
    }
    return answer.then(undefined, () => this.proceed());
  }
}

/** Outside the class, so that whoever keeps it for later does not keep the call's target alive. */
function reloaderOf(body: Method, args: unknown[]): (target: unknown) => unknown {
  return (target) => Reflect.apply(body, target, args);
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (!isObject(value)) return false;
  let then: unknown;
  ignoringErrors(() => (then = (value as { then?: unknown }).then));
  return typeof then === "function";
}

/** The mirror's own mistakes, and those of the host's selectors and interceptors, end here: the save comes first. */
export function ignoringErrors(work: () => void): void {
  try {
    work();
  } catch {
    // Nothing that a mirror does is worth a failed save.
  }
}

export function ignoreRejection(answer: unknown): void {
  if (isPromise(answer)) answer.catch(() => {});
}
