import type { Author } from "./author.js";
import type { Clock, Timer } from "./clock.js";
import { describeError, RefusedError } from "./errors.js";
import { folderOf, type RecordId } from "./keys.js";
import type { ChangeWatch, RedisGateway } from "./redis-gateway.js";
import type { SyncTimings } from "./timings.js";
import { parseVersion, type Version } from "./version.js";

/** A record that changes all the time is looked at so often. */
const LOOK_INTERVAL_MS = 250;

/** So many records are looked at in one go. */
const LOOKS_AT_ONCE = 16;

/** What there is of a record that this process does not know yet. */
export interface RemoteNews {
  /** Tells it from other news of the record; `undefined`: there is none. */
  readonly token: string | undefined;
  /** Of a collection: in which state its news was looked for. */
  readonly fingerprint: string | undefined;
  /** Whether this process has a part in it that is under way: then there is to be another look. */
  readonly isUnsettled: boolean;
}

/** A record this process has to do with. */
interface Followed {
  readonly id: RecordId;
  /** Which news was told of it. */
  token: string | undefined;
  fingerprint: string | undefined;
}

export interface RemoteChangesOptions {
  gateway: RedisGateway;
  author: Author;
  clock: Clock;
  timings: Pick<SyncTimings, "healthCheckMs" | "reconcileMs">;
  maxRecords: number;
  /** @throws what the gateway's reading does. */
  look(redisKey: string, id: RecordId): Promise<RemoteNews>;
  onNews(id: RecordId): void;
  /** Hints come from here on; what was changed before is to be found out. */
  onListening(): void;
  /** Redis does not allow to listen. */
  onRefused(reason: string): void;
}

/**
 * Hears of what other instances change: a hint makes it look, and the reconcile where no hint came. Tells each piece of
 * news once.
 */
export class RemoteChanges {
  readonly #options: RemoteChangesOptions;
  /** The records this process has read or saved. */
  readonly #followed = new Map<string, Followed>();
  readonly #folders = new Set<string>();
  readonly #due = new Set<string>();
  /** To be looked at again when this process's own part is over. */
  readonly #unsettled = new Set<string>();
  #isLooking = false;
  /** When each was last looked at, for as long as that keeps from looking again. */
  readonly #lookedAtMs = new Map<string, number>();
  #lookTimer: Timer | undefined;
  #watch: ChangeWatch | undefined;
  #isOpening = false;
  #watchTimer: Timer | undefined;
  #wasRefused = false;
  #isClosed = false;

  constructor(options: RemoteChangesOptions) {
    this.#options = options;
  }

  /** The records that are followed. */
  get keys(): Iterable<string> {
    return this.#followed.keys();
  }

  /** This process has to do with a record: from here on it hears of it. */
  follow(redisKey: string, id: RecordId): void {
    if (this.#isClosed || this.#followed.has(redisKey)) return;
    this.#followed.set(redisKey, { id, token: undefined, fingerprint: undefined });
    if (this.#followed.size > this.#options.maxRecords) this.#followed.delete(this.#followed.keys().next().value!);
    const folder = folderOf(redisKey);
    if (this.#folders.has(folder)) return;
    this.#folders.add(folder);
    if (this.#watch !== undefined) void this.#listenTo(this.#watch, [folder]);
    else if (this.#watchTimer === undefined) void this.#open();
  }

  /** Somebody may have changed it. */
  suspect(redisKey: string): void {
    if (this.#isClosed || !this.#followed.has(redisKey)) return;
    this.#due.add(redisKey);
    void this.#lookAtDue();
  }

  /** A collection is in this state now. */
  found(redisKey: string, fingerprint: string | undefined): void {
    if (this.#followed.get(redisKey)?.fingerprint !== fingerprint) this.suspect(redisKey);
  }

  /** What was told of it is told again if it is still news: the record is another one here than it was then. */
  forget(redisKey: string): void {
    const followed = this.#followed.get(redisKey);
    if (followed !== undefined) followed.token = undefined;
  }

  /** What was told cannot be taken over yet: it is told again when what is under way has settled. */
  postpone(redisKey: string): void {
    this.forget(redisKey);
    this.#unsettled.add(redisKey);
  }

  /** What was under way may have arrived. */
  settle(): void {
    const unsettled = [...this.#unsettled];
    this.#unsettled.clear();
    for (const redisKey of unsettled) this.suspect(redisKey);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of [this.#lookTimer, this.#watchTimer]) this.#options.clock.clearTimeout(timer);
    this.#watch?.close();
    this.#watch = undefined;
  }

  // ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #lookAtDue(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (let part = this.#takeDue(); part.length > 0; part = this.#takeDue())
        await Promise.all(part.map((redisKey) => this.#look(redisKey)));
    } finally {
      this.#isLooking = false;
    }
    this.#lookLater();
  }

  #takeDue(): string[] {
    if (this.#isClosed) return [];
    const nowMs = this.#options.clock.now();
    for (const [redisKey, atMs] of this.#lookedAtMs)
      if (atMs + LOOK_INTERVAL_MS <= nowMs) this.#lookedAtMs.delete(redisKey);
    const part = [...this.#due].filter((redisKey) => !this.#lookedAtMs.has(redisKey)).slice(0, LOOKS_AT_ONCE);
    for (const redisKey of part) {
      this.#due.delete(redisKey);
      this.#lookedAtMs.set(redisKey, nowMs);
    }
    return part;
  }

  #lookLater(): void {
    if (this.#due.size === 0 || this.#lookTimer !== undefined || this.#isClosed) return;
    this.#lookTimer = this.#options.clock.setTimeout(() => {
      this.#lookTimer = undefined;
      void this.#lookAtDue();
    }, LOOK_INTERVAL_MS);
    this.#lookTimer.unref?.();
  }

  async #look(redisKey: string): Promise<void> {
    const followed = this.#followed.get(redisKey);
    if (followed === undefined) return;
    let news: RemoteNews;
    try {
      news = await this.#options.look(redisKey, followed.id);
    } catch {
      // The reconcile will find it: it goes by what is known, and that has not changed.
      return;
    }
    if (this.#isClosed) return;
    const { token, fingerprint, isUnsettled } = news;
    if (isUnsettled) this.#unsettled.add(redisKey);
    const isNew = token !== undefined && token !== followed.token;
    followed.token = token;
    followed.fingerprint = fingerprint;
    if (isNew) this.#options.onNews(followed.id);
  }

  // ── Listening ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #open(): Promise<void> {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    try {
      const watch = await this.#options.gateway.watch({
        onHint: (redisKey, writer) => this.#hear(redisKey, writer),
        onLost: () => this.#lost(this.#options.timings.healthCheckMs),
      });
      if (this.#isClosed) return watch.close();
      this.#watch = watch;
      await this.#listenTo(watch, [...this.#folders]);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isOpening = false;
    }
  }

  async #listenTo(watch: ChangeWatch, folders: readonly string[]): Promise<void> {
    try {
      await Promise.all(folders.map((folder) => watch.add(folder)));
      if (!this.#isClosed && this.#watch === watch) this.#options.onListening();
    } catch (error) {
      if (this.#watch === watch) this.#failed(error);
    }
  }

  #hear(redisKey: string, writer: string): void {
    if (!this.#options.author.isWriter(writer)) this.suspect(redisKey);
  }

  #failed(error: unknown): void {
    const { healthCheckMs, reconcileMs } = this.#options.timings;
    const isRefused = error instanceof RefusedError;
    if (isRefused && !this.#wasRefused && !this.#isClosed) this.#options.onRefused(describeError(error));
    this.#wasRefused ||= isRefused;
    // Somebody has to change something on the server: until then the reconcile finds what others change.
    this.#lost(isRefused ? reconcileMs : healthCheckMs);
  }

  #lost(delayMs: number): void {
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#isClosed || this.#watchTimer !== undefined) return;
    this.#watchTimer = this.#options.clock.setTimeout(() => {
      this.#watchTimer = undefined;
      void this.#open();
    }, delayMs);
    this.#watchTimer.unref?.();
  }
}

/** Whether a version is of another process, and later than the one that is known. */
export function isRemote(author: Author, version: Version | undefined, known: Version | undefined): boolean {
  return parseVersion(version) !== undefined && !author.isOwn(version!) && version! > (known ?? "");
}
