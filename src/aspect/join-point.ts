/** One save, as the call says it. `value: undefined` deletes the record from the mirror. */
export interface Mutation {
  record: string;
  value: unknown;
  /** Default: the user of the moment. */
  userId?: string | undefined;
}

/** One call of a method that writes to the local store. */
export interface MirrorJoinPoint {
  readonly kind: "mirror";
  /** The call's `this`: an instance, or the class of a static method. */
  readonly target: unknown;
  readonly method: string | symbol;
  readonly args: readonly unknown[];
  /** Runs the method, at the first call; every call returns what it returned or throws what it threw. */
  proceed(): unknown;
  /** What the call writes, read from the arguments as they are now. May throw what the host's selector throws. */
  mutations(): readonly Mutation[];
  /** Whether the value is only known from the method's result. */
  readonly isFromResult: boolean;
  /** The records of which the result will say what was written; without values. May throw what the host's `userId` throws. */
  recordsFromResult(): readonly Omit<Mutation, "value">[];
  /** What the call has written, read from the method's result. May throw what the host's selector throws. */
  mutationsFromResult(result: unknown): readonly Mutation[];
  /** Calls back when the local write has succeeded, before the caller hears of it. */
  onSucceeded(listener: (result: unknown) => void): void;
  /** Calls back when it has failed: the returned promise was rejected. */
  onFailed(listener: () => void): void;
}

/** One call of a method that reads the local store, or makes it ready. */
export interface RestoreJoinPoint {
  readonly kind: "restore";
  readonly target: unknown;
  readonly method: string | symbol;
  readonly args: readonly unknown[];
  /** Runs the method, at the first call; every call returns what it returned or throws what it threw. */
  proceed(): unknown;
  /** Runs the method once more, to see what the local store holds by now. May be kept: it does not hold the target. */
  readonly reload: (target: unknown) => unknown;
  readonly advice: RestoreAdvice;
}

/** One call of a decorated method, as an interceptor sees it. */
export type JoinPoint = MirrorJoinPoint | RestoreJoinPoint;

/** What `@RedisRestored` was told. */
export interface RestoreAdvice {
  readonly records: readonly string[];
  /** `loader`: the method's result is the local value. `initializer`: the local values are read afterwards. */
  readonly form: "loader" | "initializer";
  isEmpty(value: unknown, target: unknown): boolean;
  /** The local value of a record; only of an initializer. */
  read(target: unknown, record: string, args: readonly unknown[]): unknown;
  /** Writes a restored value to the local store. */
  adopt(target: unknown, record: string, value: unknown, args: readonly unknown[]): unknown;
  /** Whose record it is; `undefined` where the decorator does not say. */
  readonly userId: ((target: unknown, args: readonly unknown[]) => string | undefined) | undefined;
}

/** What stands between the caller of a decorated method and the method. */
export interface SyncInterceptor {
  /**
   * Goes around one call. Of a mirroring call the caller gets the method's own outcome, whatever this returns or
   * throws, and the method runs exactly once, even if this never proceeds. Only a restoring call may be answered here.
   */
  around(joinPoint: JoinPoint): unknown;
}

/** Lets every call through: the mirror switched off. */
export class NoopSyncInterceptor implements SyncInterceptor {
  around(joinPoint: JoinPoint): unknown {
    return joinPoint.proceed();
  }
}
