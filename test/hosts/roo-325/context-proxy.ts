import { RedisMirrored, RedisRestored } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";

const STATE_KEYS = ["taskHistory", "customInstructions", "pinnedApiConfigs", "customModes", "mode", "apiProvider"];
const SECRET_KEYS = ["apiKey", "openAiApiKey"];
const PASS_THROUGH_STATE_KEYS = ["taskHistory"];

type Values = Record<string, unknown>;

/** A cache before global state and secrets; the history of tasks, one array in global state, is not cached. */
export class ContextProxy {
  private static instance: ContextProxy | undefined;
  private readonly originalContext: ExtensionContext;
  private stateCache: Values = {};
  private secretCache: Record<string, string | undefined> = {};

  constructor(context: ExtensionContext) {
    this.originalContext = context;
  }

  @RedisRestored(["taskHistory", "customInstructions", "pinnedApiConfigs"], { read: "stateCache", adopt: "setValue" })
  public async initialize() {
    for (const key of STATE_KEYS) this.stateCache[key] = this.originalContext.globalState.get(key);
    const loading = SECRET_KEYS.map(async (key) => {
      this.secretCache[key] = await this.originalContext.secrets.get(key);
    });
    await Promise.all(loading);
  }

  public getGlobalState(key: string): unknown {
    return PASS_THROUGH_STATE_KEYS.includes(key) ? this.originalContext.globalState.get(key) : this.stateCache[key];
  }

  @RedisMirrored((record, value) => ({ record, value }))
  updateGlobalState(key: string, value: unknown) {
    if (!PASS_THROUGH_STATE_KEYS.includes(key)) this.stateCache[key] = value;
    return this.originalContext.globalState.update(key, value);
  }

  public storeSecret(key: string, value: string | undefined) {
    this.secretCache[key] = value;
    const { secrets } = this.originalContext;
    return value === undefined ? secrets.delete(key) : secrets.store(key, value);
  }

  public setValue(key: string, value: unknown) {
    return SECRET_KEYS.includes(key)
      ? this.storeSecret(key, value as string | undefined)
      : this.updateGlobalState(key, value);
  }

  public getValue(key: string): unknown {
    return SECRET_KEYS.includes(key) ? this.secretCache[key] : this.getGlobalState(key);
  }

  public async setValues(values: Values) {
    await Promise.all(Object.entries(values).map(([key, value]) => this.setValue(key, value)));
  }

  @RedisMirrored(["taskHistory", "customInstructions", "pinnedApiConfigs", "customModes", "provider"], {
    value: () => undefined,
  })
  public async resetAllState() {
    this.stateCache = {};
    this.secretCache = {};
    await Promise.all([
      ...STATE_KEYS.map((key) => this.originalContext.globalState.update(key, undefined)),
      ...SECRET_KEYS.map((key) => this.originalContext.secrets.delete(key)),
    ]);
    await this.initialize();
  }

  static async getInstance(context: ExtensionContext) {
    if (this.instance !== undefined) return this.instance;
    this.instance = new ContextProxy(context);
    await this.instance.initialize();
    return this.instance;
  }

  /** A restart, for tests: the process stays. */
  static forgetInstance() {
    this.instance = undefined;
  }
}
