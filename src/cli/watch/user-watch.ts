import type { Settings } from "../../settings/settings.js";
import { ConnectionLostError, MirrorError, RefusedError } from "../../sync/errors.js";
import { KeySpace } from "../../sync/keys.js";
import { openGateway } from "../../sync/open-gateway.js";
import type { RedisGateway } from "../../sync/redis-gateway.js";
import { type RecordSurvey, surveyRecords } from "../../sync/record-survey.js";
import { Catalogue } from "../../sync/records.js";
import { parseKey, type UserKey, UserKeys, valueKeysOf } from "../../sync/user-keys.js";

/** How often it looks although it hears of what changes: a message may get lost, and of what expires there is none. */
const LISTENING_INTERVAL_MS = 60_000;

/** Anybody who may publish there can name anything. */
const MAX_HINTED = 1_000;

/** So long after a lost connection the next is tried. */
const RETRY_MS = 1_000;

export type WatchEvent =
  /** `there`: so it was at the start, or when the connection was back. `gone`: there is nothing of it any more. */
  | { readonly kind: "there" | "saved" | "deleted" | "missing" | "gone"; readonly survey: RecordSurvey }
  /** `warnings`: of servers that only sentinels or a cluster's nodes have named. */
  | { readonly kind: "connected"; readonly warnings: readonly string[] }
  /** Tries again by itself. */
  | { readonly kind: "disconnected"; readonly reason: string }
  /** The account may not listen: it looks from time to time. */
  | { readonly kind: "unheard"; readonly reason: string };

export interface UserWatchOptions {
  readonly settings: Settings;
  readonly userId: string;
  /** Where it cannot listen. */
  readonly intervalMs: number;
  onEvent(event: WatchEvent): void;
}

/** Follows what changes of a user's records in Redis, for as long as it is not stopped. */
export class UserWatch {
  readonly #options: UserWatchOptions;
  readonly #catalogue: Catalogue;
  /** By the value's key. */
  readonly #seen = new Map<string, RecordSurvey>();
  readonly #hinted = new Set<string>();
  /** What was found, and is told as soon as the look at it is over, or the next connection there. */
  readonly #untold: WatchEvent[] = [];
  #keys: UserKeys | undefined;
  #gateway: RedisGateway | undefined;
  #hasLooked = false;
  #isListening = false;
  #isLost = false;
  readonly #stopping = new AbortController();
  #wake = () => {};

  constructor(options: UserWatchOptions) {
    this.#options = options;
    this.#catalogue = new Catalogue([], options.settings);
  }

  /** Settles once it is stopped. @throws ConnectionLostError @throws RefusedError if Redis cannot be asked at the start. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#follow();
      } catch (error) {
        if (this.#isStopped) return;
        if (!(error instanceof MirrorError) || !this.#hasLooked) throw error;
        this.#options.onEvent({ kind: "disconnected", reason: error.message });
        await this.#reconnect();
      }
    }
  }

  /** Whether it has seen what is there, and told it. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  stop(): void {
    this.#stopping.abort();
    this.#gateway?.close();
    this.#keys?.close();
    this.#wake();
  }

  /** @throws MirrorError once the connection is lost. */
  async #follow(): Promise<void> {
    const { settings, intervalMs, onEvent } = this.#options;
    const gateway = openGateway(settings.address);
    this.#gateway = gateway;
    try {
      this.#keys ??= await this.#connect();
      this.#isLost = false;
      const refusal = await this.#listen(gateway);
      await this.#lookAtAll("there");
      // Not before it listens, and knows what is there: whatever is saved from here on is told of as saved.
      this.#hasLooked = true;
      onEvent({ kind: "connected", warnings: this.#keys.warnings });
      if (refusal !== undefined) onEvent({ kind: "unheard", reason: refusal });
      this.#tell();
      while (!this.#isStopped) {
        await this.#pause(this.#isListening ? LISTENING_INTERVAL_MS : intervalMs);
        if (this.#isStopped) return;
        if (this.#isLost) throw new ConnectionLostError("The connection was lost.");
        if (this.#hinted.size === 0) await this.#lookAtAll("saved");
        else await this.#lookAtHinted();
        this.#tell();
      }
    } finally {
      gateway.close();
      this.#keys?.close();
    }
  }

  /** Until there is one, or it is stopped. */
  async #reconnect(): Promise<void> {
    for (;;) {
      // Also where a connection was just lost, or something was said on it: nothing of that hurries this.
      await this.#sleep(RETRY_MS);
      if (this.#isStopped) return;
      try {
        this.#keys = await this.#connect();
        return;
      } catch (error) {
        if (!(error instanceof MirrorError)) throw error;
      }
    }
  }

  /** @throws MirrorError also where it is stopped meanwhile. */
  #connect(): Promise<UserKeys> {
    const { settings, userId } = this.#options;
    return UserKeys.open(settings.address, userId, undefined, undefined, this.#stopping.signal);
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** The answer: why it may not listen, if it may not. */
  async #listen(gateway: RedisGateway): Promise<string | undefined> {
    const { settings, userId } = this.#options;
    this.#isListening = false;
    try {
      const watch = await gateway.watch({
        onHint: (redisKey) => {
          // Whatever is beyond is found by the next look at all.
          if (this.#hinted.size < MAX_HINTED) this.#hinted.add(redisKey);
          this.#wake();
        },
        onLost: () => {
          this.#isLost = true;
          this.#wake();
        },
      });
      await watch.add(
        new KeySpace({ isCluster: settings.address.cluster !== undefined }).keyOf({ userId, record: "" }),
      );
      this.#isListening = true;
      return undefined;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return error.message;
    }
  }

  async #lookAtAll(kind: "there" | "saved"): Promise<void> {
    this.#hinted.clear();
    const keys = valueKeysOf((await this.#keys!.list()).keys);
    const gone = new Set(this.#seen.keys());
    for (const key of keys) {
      gone.delete(key.redisKey);
      await this.#look(key, kind);
    }
    for (const redisKey of gone) {
      this.#untold.push({ kind: "gone", survey: this.#seen.get(redisKey)! });
      this.#seen.delete(redisKey);
    }
  }

  async #lookAtHinted(): Promise<void> {
    const keys = [...this.#hinted].map(parseKey).filter((key) => key !== undefined);
    this.#hinted.clear();
    for (const key of keys) if (key.bookkeeping === undefined) await this.#look(key, "saved");
  }

  async #look(key: UserKey, kind: "there" | "saved"): Promise<void> {
    const [survey] = await surveyRecords(this.#keys!, [key], this.#catalogue);
    const before = this.#seen.get(key.redisKey);
    if (survey === undefined || (before?.version === survey.version && before?.state === survey.state)) return;
    const isNothing = survey.state === "missing" && survey.version === undefined;
    if (isNothing && before === undefined) return;
    this.#seen.set(key.redisKey, survey);
    this.#untold.push({ kind: survey.state === "there" ? kind : survey.state, survey });
  }

  #tell(): void {
    this.#untold.splice(0).forEach(this.#options.onEvent);
  }

  /** Until the time is over, or something wakes it that has happened. */
  #pause(durationMs: number): Promise<void> {
    return this.#isLost || this.#hinted.size > 0 ? Promise.resolve() : this.#sleep(durationMs);
  }

  #sleep(durationMs: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
