import { readSettings } from "../../settings/resolve-settings.js";
import type { SettingSource } from "../../settings/settings-reader.js";
import type { Settings } from "../../settings/settings.js";
import { masked } from "../../sync/concealment.js";
import type { RedisEndpoint } from "../../sync/redis-address.js";
import type { Names } from "./names.js";

/** A setting as a bundle shows it. */
interface ShownSetting {
  /** `null`: there is none. Left out where something is wrong, as then none is in force. */
  readonly value?: unknown;
  readonly from: SettingSource["from"];
  readonly variable: string;
}

export interface SettingsPart {
  readonly settings: Readonly<Record<string, ShownSetting>>;
  /** What is wrong with them. What was got instead is left out: whoever mixes up two variables may have a secret there. */
  readonly problems: readonly { readonly setting: string; readonly expected: string }[];
}

/** What is in force for a command; a host's own options are the host's. The settings are for who goes on with them. */
export function settingsPart(names: Names): { part: SettingsPart; settings: Settings | undefined } {
  const { result, sources } = readSettings({});
  const settings = "settings" in result ? result.settings : undefined;
  const values = settings && shownValues(settings, names, sources.get("redis.url")?.from !== "default");
  const shown = [...sources].map(([option, source]): [string, ShownSetting] => [
    option,
    { ...(values !== undefined && { value: values[option] ?? null }), ...source },
  ]);
  const problems = "problems" in result ? result.problems : [];
  const part = {
    settings: Object.fromEntries(shown),
    problems: problems.map(({ setting, expected }) => ({ setting, expected })),
  };
  return { part, settings };
}

function shownValues(settings: Settings, names: Names, hasUrl: boolean): Record<string, unknown> {
  const { host, port, username, password, database, tls, sentinels, cluster } = settings.address;
  const endpoint = (each: RedisEndpoint) => `${names.shown(each.host)}:${each.port}`;
  return {
    enabled: settings.isEnabled,
    "redis.url": hasUrl ? masked("a URL") : undefined,
    "redis.host": names.shown(host),
    "redis.port": port,
    "redis.username": masked(username),
    "redis.password": masked(password),
    "redis.database": database,
    "redis.tls": tls !== undefined,
    "redis.tls.ca": masked(tls?.ca),
    "redis.sentinels": sentinels?.endpoints.map(endpoint),
    "redis.masterName": sentinels && names.shown(sentinels.masterName),
    "redis.sentinelUsername": masked(sentinels?.username),
    "redis.sentinelPassword": masked(sentinels?.password),
    "redis.cluster": cluster?.map(endpoint),
    instanceId: settings.instanceId === "" ? undefined : names.shown(settings.instanceId),
    share: settings.isSharedLive ? "live" : undefined,
    keys: settings.keys.length > 0 ? masked("keys") : undefined,
    compression: settings.isCompressing,
    encrypt: settings.isEncryptingAll ? "all" : "secrets",
    overwriteUnreadable: settings.overwritesUnreadable,
  };
}
