/** What the user has set in the host's own settings: VS Code's `redisMirrored.*`. */
export interface HostSettings {
  /**
   * The value under a name without its prefix, such as `host`; `undefined`: the user has set none. A default that the host
   * would use in its stead is no value: it must not go before the environment.
   */
  given(name: string): unknown;
  /**
   * The password that the host keeps for the user, asked as the option `redis.password` is where that is a function, and used
   * where no option says one, nor a URL that is an option. Another function than before says that the password may be another.
   */
  readonly askPassword?: (() => PromiseLike<string | undefined>) | undefined;
}

/** The settings that a host has of ours, by the names of the options. */
const NAMES: Readonly<Record<string, string>> = {
  enabled: "enabled",
  "redis.host": "host",
  "redis.port": "port",
  "redis.username": "username",
  "redis.database": "database",
  "redis.tls": "tls",
  userId: "userId",
  instanceId: "instanceId",
  share: "share",
  compression: "compression",
};

export const HOST_SETTING_NAMES: readonly string[] = Object.values(NAMES);

/** What VS Code calls a setting of ours, and what is wrong with it is reported under. */
export function hostSettingName(name: string): string {
  return `redisMirrored.${name}`;
}

/** What an option is called there; `undefined`: it has no such setting. */
export function nameInHost(option: string): string | undefined {
  const name = NAMES[option];
  return name === undefined ? undefined : hostSettingName(name);
}

/** The value of an option's setting; `undefined`: none is set, or the option has none. Empty text counts as not set. */
export function givenInHost(
  settings: HostSettings | undefined,
  option: string,
): { name: string; value: unknown } | undefined {
  const name = NAMES[option];
  const value = name === undefined ? undefined : settings?.given(name);
  if (value === undefined || value === null || value === "") return undefined;
  return { name: hostSettingName(name!), value };
}
