import { RedisMirrored, RedisRestored, type TakeRemote } from "../index.js";
import type { HostContext } from "./roo-types.js";

/** Global state that is read often, and secrets, which are asynchronous: both are cached here. */
const CACHED_STATE_KEYS = [
  "customInstructions",
  "customModes",
  "pinnedApiConfigs",
  "mode",
  "currentApiConfigName",
] as const;
const SECRET_KEYS = ["apiKey", "openRouterApiKey", "openAiApiKey", "codeIndexOpenAiKey"] as const;

/** A read cache over VS Code's `globalState` and `secrets`. */
export class ContextProxy {
  readonly #context: HostContext;
  readonly #state = new Map<string, unknown>();
  readonly #secrets = new Map<string, string | undefined>();

  constructor(context: HostContext) {
    this.#context = context;
  }

  /** Fills the caches. Before it has settled `get` and `getSecret` know nothing. */
  @RedisRestored(["taskHistory", "customInstructions", "customModes", "pinnedApiConfigs"], {
    read: (self: ContextProxy, record) => self.get(record),
    adopt: (self: ContextProxy, record, value) => self.update(record, value),
  })
  async initialize(): Promise<void> {
    for (const key of CACHED_STATE_KEYS) this.#state.set(key, this.#context.globalState.get(key));
    await Promise.all(SECRET_KEYS.map((key) => this.#loadSecret(key)));
  }

  async #loadSecret(key: string): Promise<void> {
    const before = this.#secrets.get(key);
    const stored = await this.#context.secrets.get(key);
    // One that was saved meanwhile is newer than the answer.
    if (this.#secrets.get(key) === before) this.#secrets.set(key, stored);
  }

  get<T>(key: string): T | undefined {
    // Large and written by others too, such as the history: always fresh from the store.
    return (this.#isCached(key) ? this.#state.get(key) : this.#context.globalState.get(key)) as T | undefined;
  }

  @RedisMirrored((key: string, value: unknown) => ({ record: key, value }))
  update(key: string, value: unknown): Thenable<void> {
    if (this.#isCached(key)) this.#state.set(key, value);
    return this.#context.globalState.update(key, value);
  }

  /** Takes over what another instance has changed. */
  async takeOver(key: string, take: TakeRemote): Promise<void> {
    const taken = take(this.get(key));
    if (taken !== undefined) await this.update(key, taken.value);
  }

  getSecret(key: string): string | undefined {
    return this.#secrets.get(key);
  }

  storeSecret(key: string, value: string | undefined): Thenable<void> {
    this.#secrets.set(key, value);
    return value === undefined ? this.#context.secrets.delete(key) : this.#context.secrets.store(key, value);
  }

  #isCached(key: string): boolean {
    return (CACHED_STATE_KEYS as readonly string[]).includes(key);
  }
}
