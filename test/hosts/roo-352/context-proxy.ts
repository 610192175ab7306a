import { RedisMirrored, RedisRestored } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";

const STATE_KEYS = ["taskHistory", "customInstructions", "pinnedApiConfigs", "customModes"];
const PASS_THROUGH_STATE_KEYS = ["taskHistory"];

export const isPassThroughStateKey = (key: string) => PASS_THROUGH_STATE_KEYS.includes(key);

/** A cache before global state, where the history of tasks is but a copy of what is kept elsewhere. */
export class ContextProxy {
  private readonly originalContext: ExtensionContext;
  private stateCache: Record<string, unknown> = {};

  constructor(context: ExtensionContext) {
    this.originalContext = context;
  }

  @RedisRestored(["customInstructions", "pinnedApiConfigs"], { read: "getValue", adopt: "setValue" })
  public async initialize() {
    for (const key of STATE_KEYS) this.stateCache[key] = this.originalContext.globalState.get(key);
  }

  @RedisMirrored((record, value) => (isPassThroughStateKey(record) ? undefined : { record, value }))
  updateGlobalState(key: string, value: unknown) {
    if (!isPassThroughStateKey(key)) this.stateCache[key] = value;
    return this.originalContext.globalState.update(key, value);
  }

  public setValue(key: string, value: unknown) {
    return this.updateGlobalState(key, value);
  }

  public getValue(key: string): unknown {
    return isPassThroughStateKey(key) ? this.originalContext.globalState.get(key) : this.stateCache[key];
  }

  @RedisMirrored(["customInstructions", "pinnedApiConfigs", "customModes", "provider"], { value: () => undefined })
  public async resetAllState() {
    this.stateCache = {};
    await Promise.all(STATE_KEYS.map((key) => this.originalContext.globalState.update(key, undefined)));
    await this.initialize();
  }
}
