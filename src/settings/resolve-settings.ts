import { describeError } from "../sync/errors.js";
import { type MirrorKey, parseKeys } from "../sync/key-ring.js";
import { DEFAULT_TIMINGS, type SyncTimings } from "../sync/timings.js";
import type { MirrorOptions } from "./options.js";
import { readAddress } from "./read-address.js";
import type { SettingProblem, SettingsResult } from "./settings.js";
import { SettingsReader, type SettingSource } from "./settings-reader.js";

const MAX_DELAY_MS = 2 ** 31 - 1;

/** Option, else VS Code setting, else environment, else default, each checked. Never throws: what is wrong is in the answer, all of it at once. */
export function resolveSettings(options: MirrorOptions): SettingsResult {
  return readSettings(options).result;
}

/** The same, with where each of them is from, by the names of the options. */
export function readSettings(options: MirrorOptions): {
  readonly result: SettingsResult;
  readonly sources: ReadonlyMap<string, SettingSource>;
} {
  const problems: SettingProblem[] = [];
  const reader = new SettingsReader(options.env ?? process.env, problems, options.settings);
  // Of the other places it is read when it is needed, by `Identity`, and nobody who is not signed in is a mistake.
  reader.text(reader.givenInHost("userId"));
  const settings = {
    isEnabled: reader.boolean(reader.given("enabled", options.enabled, "REDIS_ENABLED"), true),
    address: readAddress(reader, options.redis ?? {}),
    instanceId: reader.text(reader.given("instanceId", options.instanceId, "ROO_INSTANCE_ID")) ?? "",
    isSharedLive: reader.word(reader.given("share", options.share, "ROO_MIRROR_SHARE"), ["off", "live"]) === "live",
    keys: readKeys(reader, options),
    records: options.records ?? [],
    isCompressing: reader.boolean(reader.given("compression", options.compression, "ROO_MIRROR_COMPRESSION"), false),
    isEncryptingAll:
      reader.word(reader.given("encrypt", options.encrypt, "ROO_MIRROR_ENCRYPT"), ["secrets", "all"]) === "all",
    overwritesUnreadable: reader.boolean(
      reader.given("overwriteUnreadable", options.overwriteUnreadable, "ROO_MIRROR_OVERWRITE_UNREADABLE"),
      false,
    ),
    timings: readTimings(reader, options.timings ?? {}),
  };
  // Whoever switched it off does not want to hear what else is wrong.
  const result = problems.length === 0 || !settings.isEnabled ? { settings } : { problems };
  return { result, sources: reader.sources };
}

function readKeys(reader: SettingsReader, options: MirrorOptions): readonly MirrorKey[] {
  const given = reader.given("keys", options.keys?.length === 0 ? undefined : options.keys, "ROO_MIRROR_KEY");
  if (given === undefined) return [];
  const texts: unknown[] = Array.isArray(given.value) ? given.value : [given.value];
  if (!texts.every((text) => typeof text === "string")) {
    reader.reject(given.setting, "an array of strings", "something else");
    return [];
  }
  try {
    return parseKeys(texts.join(","));
  } catch (error) {
    reader.reject(
      given.setting,
      "keys of 32 bytes in base64url, separated by commas",
      describeError(error).replace(/^.*, got /, ""),
    );
    return [];
  }
}

function readTimings(reader: SettingsReader, timings: Partial<SyncTimings>): SyncTimings {
  const read = { ...DEFAULT_TIMINGS };
  for (const name of Object.keys(DEFAULT_TIMINGS) as (keyof SyncTimings)[]) {
    read[name] = reader.integer({ setting: `timings.${name}`, value: timings[name] }, 1, MAX_DELAY_MS) ?? read[name];
  }
  return read;
}
