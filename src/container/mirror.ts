import { Container } from "inversify";
import { installInterceptorSource } from "../aspect/installed-interceptor.js";
import { ignoringErrors } from "../aspect/intercepted-call.js";
import { observeMirror } from "../observability/observe-mirror.js";
import { Identity } from "../settings/identity.js";
import { consoleLogger } from "../settings/logger.js";
import type { MirrorOptions } from "../settings/options.js";
import type { AdoptRemote } from "../sync/adoptions.js";
import type { FlushResult } from "../sync/flush-waiters.js";
import type { RecordId } from "../sync/keys.js";
import { MirrorEmitter, type MirrorEvents, type MirrorListener, type MirrorStatus } from "../sync/mirror-events.js";
import type { RecordVersion } from "../sync/record-history.js";
import type { RedisSyncService } from "../sync/redis-sync-service.js";
import { interceptorOf, isEnabledBy, MirrorBinding } from "./mirror-binding.js";

const FORWARDED_EVENTS = [
  "status",
  "saved",
  "batchStarted",
  "batchEnded",
  "flushed",
  "failed",
  "dropped",
  "held",
  "restoreStarted",
  "restoreEnded",
  "restored",
  "unreadable",
  "breaker",
  "skew",
  "remoteChange",
  "unheard",
] as const;

/** The mirror as a host holds it: switched on and off, told who is signed in, asked how it is, closed. */
export class Mirror implements Disposable, AsyncDisposable {
  /** Rebind a token to put a part of your own in its place; the next decorated call goes through it. */
  readonly container = new Container();
  #options: MirrorOptions;
  readonly #identity: Identity;
  readonly #events = new MirrorEmitter();
  readonly #binding: MirrorBinding;
  /** The one whose place another has taken; it still sends what it has. */
  #leaving: RedisSyncService | undefined;
  /** Whether the options, without those two, want it to be on. */
  #isWanted: boolean;
  /** What `enable` and `disable` have said since. */
  #switched: boolean | undefined;
  #swapping: Promise<unknown> = Promise.resolve();
  #closing: Promise<FlushResult> | undefined;
  #isObserved = false;
  #uninstall = () => {};

  constructor(options: MirrorOptions = {}) {
    const readable = readableCopy(options);
    this.#options = readable ?? {};
    this.#identity = new Identity(this.#options);
    this.#binding = new MirrorBinding(this.container, {
      identity: this.#identity,
      onEngineMade: (engine) => this.#follow(engine),
      onMisconfigured: (reason) => this.#warn(reason),
    });
    this.#binding.bind(readable);
    this.#isWanted = this.#binding.kind !== "disabled";
  }

  /** A copy: it does not change any more. */
  get status(): MirrorStatus {
    const { status } = this.#binding;
    const { pending = 0, pendingBytes = 0 } = this.#leaving?.status ?? {};
    return { ...status, pending: status.pending + pending, pendingBytes: status.pendingBytes + pendingBytes };
  }

  /** Calls back when something happens: see `MirrorEvents`. */
  on<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): this {
    this.#events.on(event, listener);
    return this;
  }

  /** Takes back what `on` was given. */
  off<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): this {
    this.#events.off(event, listener);
    return this;
  }

  /** Sign-in, switch or, with `undefined`, sign-out: from the next save on. Makes up for the restores that found no user. */
  setUser(userId: string | undefined): void {
    this.#changeUser(() => this.#identity.set(userId));
    this.#binding.resumeRestores();
  }

  /** Tells of it where somebody else is signed in afterwards. */
  #changeUser(change: () => void): void {
    const before = this.#user;
    change();
    const userId = this.#user;
    if (userId !== before && this.#closing === undefined) this.#events.emit("user", { userId });
  }

  /** `undefined` also where the host's own function throws. */
  get #user(): string | undefined {
    try {
      return this.#identity.current;
    } catch {
      return undefined;
    }
  }

  /** Puts the real binding in place, if the settings allow. */
  enable(): Promise<void> {
    this.#switched = true;
    return this.#swap(() => {
      this.#switched = true;
      if (this.#binding.kind === "active" || this.#closing !== undefined) return;
      this.#binding.takeAway();
      this.#binding.bind({ ...this.#options, enabled: true });
      this.#events.emit("status", this.status);
    });
  }

  /**
   * Other options from now on; those that are not named stay, and the user's settings and the environment are read anew. Where
   * that changes anything, another engine takes the place of this one at once: decorated calls go on, a document that is not
   * in Redis yet is saved by the new engine too, and what has changed of a collection is found when the host next shows it,
   * by a save or by a call of its loader. The old engine is given the time of a `close`. What `enable` or `disable` said stays
   * until the options say something else than before; what the host has rebound in the container is forgotten. Settles when
   * the old engine is closed; does not reject.
   */
  configure(changes: MirrorOptions = {}): Promise<void> {
    const readable = readableCopy(changes);
    return this.#swap(async () => {
      if (this.#closing !== undefined) return;
      if (readable !== undefined) this.#options = { ...this.#options, ...readable };
      ignoringErrors(() => this.#changeUser(() => this.#identity.configure(this.#options)));
      const isWanted = isEnabledBy(this.#options);
      if (isWanted !== this.#isWanted) this.#switched = undefined;
      this.#isWanted = isWanted;
      const options = { ...this.#options, ...(this.#switched !== undefined && { enabled: this.#switched }) };
      if (!this.#isInForce(options, readable)) await this.#exchange(readable && options);
      // Whoever was nobody may be somebody now.
      else this.#binding.resumeRestores();
    });
  }

  /** Whether what is bound would be bound once more. */
  #isInForce(options: MirrorOptions, changes: MirrorOptions | undefined): boolean {
    if (changes === undefined) return false;
    // What becomes of these is not among the settings.
    if (["logger", "memento", "secrets"].some((part) => part in changes)) return false;
    return this.#binding.isInForce(options);
  }

  async #exchange(options: MirrorOptions | undefined): Promise<void> {
    this.#leaving = this.#binding.engine;
    this.#binding.exchange(options);
    this.#events.emit("status", this.status);
    await this.#leaving?.close();
    this.#leaving = undefined;
  }

  /** Puts the no-op in place at once, then flushes what was saved before and closes the connection. Does not reject. */
  disable(): Promise<void> {
    this.#switched = false;
    // Begun at once, not in turn: from here on nothing holds the engine but this.
    const closed = this.#switchOff()?.close();
    return this.#swap(async () => {
      await closed;
      // What was asked for before and had its turn only now has not the last word.
      if (this.#binding.kind === "disabled") return;
      this.#switched = false;
      await this.#switchOff()?.close();
    });
  }

  /** Sends now what was saved so far, and says whether it is in Redis. Settles within the timeout; does not reject. */
  flush(options?: { timeoutMs?: number }): Promise<FlushResult> {
    return this.#whenSent(() => this.#binding.engine?.flush(options));
  }

  /**
   * As `flush`, and has all that was saved or shown here compared with what Redis holds: what that lacks is sent. Settles
   * also, with `flushed: false`, as soon as Redis cannot be used.
   */
  sync(options?: { timeoutMs?: number }): Promise<FlushResult> {
    return this.#whenSent(() => this.#binding.makeEngine().sync(options));
  }

  async #whenSent(send: () => Promise<FlushResult> | undefined): Promise<FlushResult> {
    if (this.#binding.kind !== "active") return { flushed: false, reason: `the mirror is ${this.#binding.kind}` };
    return this.#alsoOfLeaving(send());
  }

  /** The result where an engine is leaving too: what that had of lists the other one may not have got. */
  async #alsoOfLeaving(sent: Promise<FlushResult> | undefined): Promise<FlushResult> {
    const [leaving, current] = await Promise.all([this.#leaving?.close(), sent]);
    return [current, leaving].find((result) => result?.flushed === false) ?? { flushed: true };
  }

  /**
   * The versions of a record that Redis holds, newest first. What was overwritten by an instance that had not seen it,
   * or by an empty value, is kept for the time to live, the 16 of a record that lie furthest apart.
   * @param id `userId`: default the user of the moment.
   * @throws ConnectionLostError @throws RefusedError @throws TypeError if there is no such record, no user, or no active mirror.
   */
  async history(id: { record: string; userId?: string }): Promise<RecordVersion[]> {
    return this.#activeService().history(this.#identified(id));
  }

  /**
   * Makes a kept version the mirror's current one; what it replaces is kept in turn. The answer is its value. An instance
   * whose local store has none adopts it by itself; where there is one, whether to replace it is the host's decision.
   * @param id `local`: what the host is about to replace by it. Where that is not what the mirror has, it is kept too.
   * `timeoutMs`: how long each of these saves may take to be in Redis, default `timings.closeTimeoutMs`.
   * @throws VersionNotFoundError @throws UnreadableValueError and what `history` throws.
   */
  async restore({
    version,
    local,
    timeoutMs,
    ...id
  }: {
    record: string;
    version: string;
    userId?: string;
    local?: unknown;
    timeoutMs?: number;
  }): Promise<unknown> {
    return this.#activeService().restoreVersion(this.#identified(id), version, local, { timeoutMs });
  }

  /** The value of a version, which changes nothing. Throws what `restore` does. */
  async readVersion({ version, ...id }: { record: string; version: string; userId?: string }): Promise<unknown> {
    return this.#activeService().readVersion(this.#identified(id), version);
  }

  /**
   * Takes over what another instance has changed, when `remoteChange` told of it: `adopt` reads the local value, asks
   * `take` what it becomes, and saves that by its decorated method as it was given, which is not sent back. The answer is
   * whether anything was taken over; rejects with what `adopt` throws.
   *
   * @example
   * await mirror.adoptRemote({ userId, record }, (take) => {
   *   const taken = take(store.get(record));
   *   if (taken !== undefined) return store.update(record, taken.value);
   * });
   * @param id `userId`: default the user of the moment.
   * @throws TypeError if there is no such record, no user, or no active mirror.
   */
  async adoptRemote(id: { record: string; userId?: string }, adopt: AdoptRemote): Promise<boolean> {
    const identified = this.#identified(id);
    // Somebody else may sign in while Redis is asked: what the host then saves is theirs.
    const isMeant = () => id.userId !== undefined || this.#identity.current === identified.userId;
    return this.#activeService().adoptRemote(identified, (take) =>
      adopt((local) => (isMeant() ? take(local) : undefined)),
    );
  }

  #activeService(): RedisSyncService {
    if (this.#binding.kind !== "active")
      throw new TypeError(`Expected an active mirror, got one that is ${this.#binding.kind}`);
    return this.#binding.makeEngine();
  }

  #identified({ record, userId = this.#identity.current }: { record: string; userId?: string | undefined }): RecordId {
    if (userId === undefined) throw new TypeError("Expected a user id, got none and nobody is signed in");
    return { record, userId };
  }

  /** Flushes within the timeout, then lets go of everything; decorated calls are plain ones again. Idempotent; does not reject. */
  close(options?: { timeoutMs?: number }): Promise<FlushResult> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  /** For VS Code's `context.subscriptions`. Does not wait: where that is possible, `await mirror.close()`. */
  dispose(): void {
    void this.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Makes this mirror the one that decorators find. */
  install(): void {
    this.#uninstall();
    this.#uninstall = installInterceptorSource(() => this.#binding.interceptor);
  }

  async #close(options?: { timeoutMs?: number }): Promise<FlushResult> {
    this.#uninstall();
    const service = this.#switchOff();
    const result = await this.#alsoOfLeaving(service?.close(options));
    await this.#swapping;
    this.#events.emit("closed");
    return result;
  }

  /** One after the other: an `enable` while a `disable` still flushes waits for it. */
  #swap(work: () => unknown): Promise<void> {
    const swapped = this.#swapping.then(work).then(() => {});
    this.#swapping = swapped.catch(() => {});
    return swapped;
  }

  #switchOff(): RedisSyncService | undefined {
    const engine = this.#binding.switchOff();
    this.#events.emit("status", this.status);
    return engine;
  }

  #follow(engine: RedisSyncService): void {
    this.#observe();
    for (const event of FORWARDED_EVENTS) this.#forward(event, engine);
  }

  #forward<Event extends keyof MirrorEvents>(event: Event, engine: RedisSyncService): void {
    engine.on(event, (...args) => {
      // One that is being closed still tells what became of its last saves, but its state is no longer the mirror's.
      if (this.#binding.engine === engine || event !== "status") this.#events.emit(event, ...args);
    });
  }

  #warn(reason: string): void {
    this.#observe();
    ignoringErrors(() =>
      (this.#options.logger ?? consoleLogger).warn(
        `redis-mirrored is misconfigured: ${reason}. Local work is unaffected.`,
      ),
    );
  }

  /** Not before there is something to see: what is switched off costs nothing. */
  #observe(): void {
    if (this.#isObserved) return;
    this.#isObserved = true;
    observeMirror(this);
  }
}

/** `undefined` if one of the options throws when it is read. */
function readableCopy(options: MirrorOptions): MirrorOptions | undefined {
  try {
    return { ...options };
  } catch {
    return undefined;
  }
}

/**
 * Makes a mirror that decorators do not find; its `container` holds the parts. Never throws: options that cannot be
 * used make a mirror that is `misconfigured`, and says why.
 */
export function createMirror(options?: MirrorOptions): Mirror {
  // A caller without types may pass anything.
  return new Mirror(typeof options === "object" && options !== null ? options : {});
}

/** The one line in `activate()`: returns at once, never throws, never waits for Redis. */
export function installMirror(options?: MirrorOptions): Mirror {
  const mirror = createMirror(options);
  mirror.install();
  return mirror;
}

/** Makes a container of your own the one that decorators find, until the answer is disposed of. */
export function useContainer(container: Container): Disposable {
  const uninstall = installInterceptorSource(() => interceptorOf(container));
  return { [Symbol.dispose]: uninstall };
}
