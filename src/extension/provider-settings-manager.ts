import { RedisMirrored, RedisRestored, type TakeRemote } from "../index.js";
import type { HostContext, ProviderProfiles, ProviderSettings } from "./roo-types.js";

const SECRET_KEY = "roo_cline_config_api_config";

/** The provider profiles, all of them in one secret: each change reads, modifies and writes it, one after the other. */
export class ProviderSettingsManager {
  readonly #context: HostContext;
  #lock: Promise<unknown> = Promise.resolve();

  constructor(context: HostContext) {
    this.#context = context;
  }

  async listProfiles(): Promise<{ name: string; id: string | undefined; apiProvider: string | undefined }[]> {
    const { apiConfigs } = await this.#read();
    return Object.entries(apiConfigs).map(([name, { id, apiProvider }]) => ({ name, id, apiProvider }));
  }

  /** Adds a profile or replaces the one of that name. The answer is its id. */
  async saveProfile(name: string, settings: ProviderSettings): Promise<string> {
    return this.#modify((profiles) => {
      const id = settings.id ?? profiles.apiConfigs[name]?.id ?? Math.random().toString(36).slice(2, 15);
      profiles.apiConfigs[name] = { ...settings, id };
      return id;
    });
  }

  /** @throws Error if there is no profile of that name. */
  async activateProfile(name: string): Promise<ProviderSettings> {
    return this.#modify((profiles) => {
      const profile = profiles.apiConfigs[name];
      if (profile === undefined) throw new Error(`Expected the name of a profile, got \`${name}\``);
      profiles.currentApiConfigName = name;
      return profile;
    });
  }

  /** @throws Error if there is no profile of that name, or no other. */
  async deleteProfile(name: string): Promise<void> {
    await this.#modify((profiles) => {
      if (profiles.apiConfigs[name] === undefined) throw new Error(`Expected the name of a profile, got \`${name}\``);
      const others = Object.keys(profiles.apiConfigs).filter((other) => other !== name);
      if (others[0] === undefined) throw new Error("The last profile cannot be deleted");
      delete profiles.apiConfigs[name];
      if (profiles.currentApiConfigName === name) profiles.currentApiConfigName = others[0];
    });
  }

  /** All of it, as it is kept; `undefined`: nothing is. */
  async export(): Promise<ProviderProfiles | undefined> {
    return this.#exclusively(() => this.load());
  }

  /** Takes over what comes from the mirror. @throws TypeError if that are no profiles. */
  async takeOver(take: TakeRemote): Promise<void> {
    await this.#exclusively(async () => {
      const taken = take(await this.load());
      if (taken === undefined) return;
      if (!isProviderProfiles(taken.value)) throw new TypeError("Expected provider profiles");
      await this.store(taken.value);
    });
  }

  async #read(): Promise<ProviderProfiles> {
    return this.#exclusively(async () => (await this.load()) ?? defaultProfiles());
  }

  async #modify<T>(change: (profiles: ProviderProfiles) => T): Promise<T> {
    return this.#exclusively(async () => {
      const profiles = (await this.load()) ?? defaultProfiles();
      const result = change(profiles);
      await this.store(profiles);
      return result;
    });
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lock.then(work);
    this.#lock = result.catch(() => {});
    return result;
  }

  @RedisRestored("provider", {
    adopt: (self: ProviderSettingsManager, value: unknown) => {
      if (!isProviderProfiles(value)) throw new TypeError("Expected provider profiles");
      return self.store(value);
    },
  })
  private async load(): Promise<ProviderProfiles | undefined> {
    const content = await this.#context.secrets.get(SECRET_KEY);
    return content === undefined ? undefined : (JSON.parse(content) as ProviderProfiles);
  }

  @RedisMirrored("provider")
  private async store(profiles: ProviderProfiles): Promise<void> {
    await this.#context.secrets.store(SECRET_KEY, JSON.stringify(profiles));
  }
}

function defaultProfiles(): ProviderProfiles {
  return { currentApiConfigName: "default", apiConfigs: { default: {} } };
}

function isProviderProfiles(value: unknown): value is ProviderProfiles {
  if (typeof value !== "object" || value === null) return false;
  const { currentApiConfigName, apiConfigs } = value as Partial<ProviderProfiles>;
  return typeof currentApiConfigName === "string" && typeof apiConfigs === "object" && apiConfigs !== null;
}
