import { RedisMirrored, RedisRestored } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";

export type ProviderSettings = { id?: string; apiProvider?: string } & Record<string, unknown>;

export interface ProviderProfiles {
  currentApiConfigName: string;
  apiConfigs: Record<string, ProviderSettings>;
  migrations?: { headersMigrated?: boolean };
}

export const PROFILES_SECRET = "miniature_api_config";

/** All profiles in one secret, changed under a lock. Where there are none, everybody gets, and changes, the same defaults. */
export class ProviderSettingsManager {
  private readonly defaultProviderProfiles: ProviderProfiles = {
    currentApiConfigName: "default",
    apiConfigs: { default: { id: "default-id" } },
  };
  private readonly context: ExtensionContext;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(context: ExtensionContext) {
    this.context = context;
    this.initialize().catch(() => {});
  }

  /** On a fresh machine, too, something is to be migrated: so defaults are stored. */
  public async initialize() {
    await this.lock(async () => {
      const profiles = await this.load();
      if (profiles.migrations?.headersMigrated) return;
      profiles.migrations = { headersMigrated: true };
      await this.store(profiles);
    });
  }

  public async listConfig() {
    return this.lock(async () => Object.keys((await this.load()).apiConfigs));
  }

  public async getProfile(name: string) {
    return this.lock(async () => (await this.load()).apiConfigs[name]);
  }

  public async saveConfig(name: string, config: ProviderSettings) {
    return this.lock(async () => {
      const profiles = await this.load();
      const id = config.id ?? profiles.apiConfigs[name]?.id ?? `${name}-id`;
      profiles.apiConfigs[name] = { ...config, id };
      await this.store(profiles);
      return id;
    });
  }

  public async deleteConfig(name: string) {
    await this.lock(async () => {
      const profiles = await this.load();
      if (Object.keys(profiles.apiConfigs).length === 1) throw new Error("Cannot delete the last one");
      delete profiles.apiConfigs[name];
      await this.store(profiles);
    });
  }

  public async resetAllConfigs() {
    await this.lock(async () => {
      await this.context.secrets.delete(PROFILES_SECRET);
    });
  }

  private lock<T>(work: () => Promise<T>): Promise<T> {
    const next = this.queue.then(work);
    this.queue = next.catch(() => {});
    return next;
  }

  @RedisRestored("provider", { adopt: "store", isEmpty: (profiles, self) => profiles === self.defaultProviderProfiles })
  private async load(): Promise<ProviderProfiles> {
    const content = await this.context.secrets.get(PROFILES_SECRET);
    if (content === undefined) return this.defaultProviderProfiles;
    return JSON.parse(content) as ProviderProfiles;
  }

  @RedisMirrored("provider")
  private async store(profiles: ProviderProfiles) {
    try {
      await this.context.secrets.store(PROFILES_SECRET, JSON.stringify(profiles));
    } catch (error) {
      throw new Error(`Failed to write profiles: ${String(error)}`, { cause: error });
    }
  }
}
