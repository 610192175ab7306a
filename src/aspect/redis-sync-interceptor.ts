import { isPromise } from "node:util/types";
import { systemClock, withDeadline } from "../sync/clock.js";
import type { RecordId } from "../sync/keys.js";
import type { FoundValue } from "../sync/record-reader.js";
import type { RedisSyncService } from "../sync/redis-sync-service.js";
import type { PreparedWrite } from "../sync/writes.js";
import { ignoreRejection, ignoringErrors, isObject } from "./intercepted-call.js";
import type {
  JoinPoint,
  MirrorJoinPoint,
  Mutation,
  RestoreAdvice,
  RestoreJoinPoint,
  SyncInterceptor,
} from "./join-point.js";
import { SavesUnderway } from "./saves-underway.js";
import { ShownRecords } from "./shown-records.js";

/** The user of the moment; `undefined`: nobody, mirror nothing. */
export interface UserSource {
  /** `undefined`: nobody is signed in. */
  readonly current: string | undefined;
}

/** A restore that found no user: to be made up for when there is one, if its object still lives. */
interface AwaitingUser {
  readonly target: WeakRef<object>;
  readonly joinPoint: Pick<RestoreJoinPoint, "advice" | "args" | "reload">;
}

/** What a call is saving while its method runs, to recognise an inner call that saves the very same. */
interface Taken extends RecordId {
  readonly value: unknown;
}

/** A restore that waits for Redis. */
interface OngoingRestore {
  readonly redisKey: string;
  /** Whether the host has saved the record in the meantime. */
  isOvertaken: boolean;
}

/** Wrapped, so that "nothing was adopted" is not mistaken for a value. */
interface Adopted {
  readonly value: unknown;
}

/**
 * `adopt` is the host's own write to its own store. A second is plenty for that, and one that waits for a lock which
 * the loader holds would wait for ever.
 */
const ADOPTING = { deadlineMs: 2_000, clock: systemClock, isHoldingProcess: true };

/** Hands what decorated methods write to the engine, and fills what they find empty from it. */
export class RedisSyncInterceptor implements SyncInterceptor {
  readonly #service: RedisSyncService;
  readonly #user: UserSource;
  readonly #awaitingUser = new Set<AwaitingUser>();
  readonly #taken: Taken[] = [];
  readonly #ongoing = new Set<OngoingRestore>();
  readonly #underway = new SavesUnderway();
  readonly #shown = new ShownRecords();
  #depth = 0;

  constructor(service: RedisSyncService, user: UserSource) {
    this.#service = service;
    this.#user = user;
  }

  around(joinPoint: JoinPoint): unknown {
    const answer = joinPoint.kind === "mirror" ? this.#aroundMirroring(joinPoint) : this.#aroundRestoring(joinPoint);
    // A user who becomes known by a function tells nobody: the next call finds out. That function is the host's, and
    // what it throws must not keep back this call's answer, whose rejection nobody else would handle.
    ignoringErrors(() => this.resumeRestores());
    return answer;
  }

  /** Whether restores have found no user. */
  get isAwaitingUser(): boolean {
    return this.#awaitingUser.size > 0;
  }

  /** Makes up also for the restores that another one could not make, in whose place this one is put. */
  takeOver(from: RedisSyncInterceptor): void {
    for (const awaiting of from.#awaitingUser) this.#awaitingUser.add(awaiting);
    from.#awaitingUser.clear();
  }

  /** Makes up for the restores that found no user. Call it when there is one. */
  resumeRestores(): void {
    if (this.#awaitingUser.size === 0 || this.#user.current === undefined) return;
    const awaiting = [...this.#awaitingUser];
    this.#awaitingUser.clear();
    for (const { target, joinPoint } of awaiting) {
      const living = target.deref();
      if (living !== undefined) ignoreRejection(this.#restoreLate(living, joinPoint));
    }
  }

  // ── Mirroring ────────────────────────────────────────────────────────────────────────────────────────────────────

  #aroundMirroring(call: MirrorJoinPoint): unknown {
    if (call.isFromResult) return this.#aroundUnknown(call);
    const outermost = this.#depth++ === 0;
    const before = this.#taken.length;
    try {
      const returned = call.proceed();
      for (const write of this.#prepare(call, () => call.mutations(), { before })) {
        const done = this.#begin(write.redisKey);
        call.onSucceeded(() => {
          done();
          this.#service.submit(write);
        });
        call.onFailed(done);
      }
      return returned;
    } finally {
      this.#depth--;
      if (outermost) this.#taken.length = 0;
    }
  }

  /** What is saved is known at the end. Which records these are, and whose, is known, and counts, at the beginning. */
  #aroundUnknown(call: MirrorJoinPoint): unknown {
    let userOf = () => this.#user.current;
    let redisKeys: readonly string[] = [];
    ignoringErrors(() => {
      const { current } = this.#user;
      userOf = () => current;
      const ids = call.recordsFromResult().map(({ record, userId = current ?? "" }) => ({ record, userId }));
      redisKeys = ids.filter(({ userId }) => userId !== "").map((id) => this.#service.keyOf(id));
    });
    const begun = redisKeys.map((redisKey) => this.#begin(redisKey));
    const done = () => begun.splice(0).forEach((end) => end());
    call.onFailed(done);
    call.onSucceeded((result) => {
      done();
      const mutations = () => call.mutationsFromResult(result);
      for (const write of this.#prepare(call, mutations, { userOf })) this.#service.submit(write);
    });
    try {
      return call.proceed();
    } catch (error) {
      done();
      throw error;
    }
  }

  /** A record that is being saved is not restored meanwhile. The answer ends that. */
  #begin(redisKey: string): () => void {
    for (const restore of this.#ongoing) if (restore.redisKey === redisKey) restore.isOvertaken = true;
    return this.#underway.begin(redisKey);
  }

  /** Takes down what a call saves, for the user of this moment; not again what an inner call has just taken (`setValue` calls `update`). */
  #prepare(
    { method, target }: Pick<MirrorJoinPoint, "method" | "target">,
    select: () => readonly Mutation[],
    { before, userOf = () => this.#user.current }: { before?: number; userOf?: () => string | undefined },
  ): PreparedWrite[] {
    let mutations: { readonly mutation: Mutation; readonly userId: string | undefined }[];
    try {
      mutations = select().map((mutation) => ({
        mutation,
        userId: (mutation.userId ?? userOf()) || undefined,
      }));
    } catch {
      // Only which method: what a selector throws may quote what it was given.
      this.#service.emit("dropped", {
        userId: undefined,
        record: String(method),
        reason: "selector",
        detail: `a selector of \`${String(method)}\` threw`,
      });
      return [];
    }
    return mutations.flatMap(({ mutation: { record, value }, userId }) => {
      if (userId === undefined) return [];
      if (before !== undefined && this.#isTakenSince(before, { userId, record, value })) return [];
      const write = this.#service.prepare({ userId, record }, value, target);
      return write === undefined ? [] : [write];
    });
  }

  #isTakenSince(before: number, { userId, record, value }: Taken): boolean {
    for (let index = before; index < this.#taken.length; index++) {
      const taken = this.#taken[index]!;
      if (taken.userId === userId && taken.record === record && Object.is(taken.value, value)) return true;
    }
    // Only an inner call has an outer one to tell.
    if (this.#depth > 1) this.#taken.push({ userId, record, value });
    return false;
  }

  // ── Restoring ────────────────────────────────────────────────────────────────────────────────────────────────────

  #aroundRestoring(call: RestoreJoinPoint): unknown {
    const outcome = call.proceed();
    // A synchronous method cannot wait: it is answered from the local store, which the next call finds filled.
    if (!isPromise(outcome)) {
      ignoreRejection(Promise.resolve(outcome).then((local) => this.#restoreAfter(call, local)));
      return outcome;
    }
    return outcome.then((local) => this.#restoreAfter(call, local));
  }

  /** The answer is the method's own result, or of a loader the value that was adopted in its stead. */
  async #restoreAfter(call: RestoreJoinPoint, local: unknown): Promise<unknown> {
    const { advice, target, args, reload } = call;
    const userId = this.#userOf(call, target);
    // Where the call says whose it is, several may be there at a time.
    if (advice.userId === undefined) this.#shown.forgetOthers(target, userId);
    if (userId !== undefined) {
      const adopted = await this.#restoreAll({ advice, args }, target, userId, () => local);
      if (adopted === undefined) return local;
      // What is not the user's, and therefore not mirrored, is in the local value alone.
      if (advice.isEmpty(local, target)) return adopted.value;
      return withDeadline(Promise.resolve(reload(target)), { ...ADOPTING, onExpired: () => new Error("reload") });
    }
    if (isObject(target)) this.#awaitUser(target, { advice, args, reload });
    return local;
  }

  /** Once for each object and decorated method, however often that is called while nobody is signed in. */
  #awaitUser(target: object, joinPoint: AwaitingUser["joinPoint"]): void {
    for (const awaiting of this.#awaitingUser) {
      const living = awaiting.target.deref();
      if (living === undefined) this.#awaitingUser.delete(awaiting);
      else if (living === target && awaiting.joinPoint.advice === joinPoint.advice) return;
    }
    this.#awaitingUser.add({ target: new WeakRef(target), joinPoint });
  }

  async #restoreLate(target: object, { advice, args, reload }: AwaitingUser["joinPoint"]): Promise<void> {
    const userId = this.#userOf({ advice, args }, target);
    if (userId !== undefined) await this.#restoreAll({ advice, args }, target, userId, () => reload(target));
  }

  #userOf({ advice, args }: Pick<RestoreJoinPoint, "advice" | "args">, target: unknown): string | undefined {
    return (advice.userId === undefined ? this.#user.current : advice.userId(target, args)) || undefined;
  }

  /** Each record for itself and all at once: one deadline for them together. */
  async #restoreAll(
    call: Pick<RestoreJoinPoint, "advice" | "args">,
    target: unknown,
    userId: string,
    loadLocal: () => unknown,
  ): Promise<Adopted | undefined> {
    const { advice, args } = call;
    const restores = advice.records.map(async (record) => {
      const readLocal = () => (advice.form === "loader" ? loadLocal() : advice.read(target, record, args));
      try {
        return await this.#restore({ userId, record }, advice, target, readLocal, (value) =>
          advice.adopt(target, record, value, args),
        );
      } catch {
        // Of the host's own `read` and `adopt`, whose words may quote what they were given.
        this.#service.emit("unreadable", { userId, record, detail: "It could not be adopted." });
        return undefined;
      }
    });
    const [first] = await Promise.all(restores);
    return advice.form === "loader" ? first : undefined;
  }

  async #restore(
    id: RecordId,
    advice: RestoreAdvice,
    target: unknown,
    readLocal: () => unknown,
    adopt: (value: unknown) => unknown,
  ): Promise<Adopted | undefined> {
    // From here on, not from the answer on: the host may save while its own store is read, too.
    const restore: OngoingRestore = { redisKey: this.#service.keyOf(id), isOvertaken: false };
    this.#ongoing.add(restore);
    const found = await this.#ask(id, advice, target, readLocal).finally(() => this.#ongoing.delete(restore));
    if (found === undefined) return undefined;
    const { value } = found;
    const reason = this.#reasonAgainst(id, advice, target, { value, isOvertaken: restore.isOvertaken });
    if (reason !== undefined) {
      this.#service.giveUpRestore(found, reason);
      return undefined;
    }
    const adoptLocally = () =>
      withDeadline(Promise.resolve(adopt(value)), { ...ADOPTING, onExpired: () => new Error("adopt did not settle") });
    await this.#service.adopt(id, found, adoptLocally, target);
    this.#shown.noteFull(target, id);
    this.#service.emit("restored", id);
    return { value };
  }

  /** Why what was found is not adopted after all. */
  #reasonAgainst(
    id: RecordId,
    advice: RestoreAdvice,
    target: unknown,
    found: { readonly value: unknown; readonly isOvertaken: boolean },
  ): "absent" | "overtaken" | undefined {
    if (advice.isEmpty(found.value, target)) return "absent";
    // The host has saved in the meantime, or somebody else has signed in: what was asked for is out of date.
    const isOther = advice.userId === undefined && this.#user.current !== id.userId;
    return found.isOvertaken || isOther ? "overtaken" : undefined;
  }

  /** What the mirror has of a record that is empty here. */
  async #ask(
    id: RecordId,
    advice: RestoreAdvice,
    target: unknown,
    readLocal: () => unknown,
  ): Promise<FoundValue | undefined> {
    const redisKey = this.#service.keyOf(id);
    // A call that is saving it has not come to its end: what is read in between is not what the local store will hold.
    if (this.#underway.has(redisKey)) return undefined;
    const local = await readLocal();
    const isEmpty = advice.isEmpty(local, target) || advice.isEmpty(this.#service.selected(id, local), target);
    this.#service.compare(id, isEmpty ? undefined : local, target);
    const hasBeenFull = this.#shown.hasBeenFull(target, id);
    if (!isEmpty) this.#shown.noteFull(target, id);
    return isEmpty ? this.#service.findToRestore(id, { hasBeenFull }) : undefined;
  }
}
