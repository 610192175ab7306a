import { readFileSync } from "node:fs";
import { describeError } from "../sync/errors.js";
import { type MirrorKey, parseKeys } from "../sync/key-ring.js";
import type { RedisAddress } from "../sync/node-redis-gateway.js";
import { DEFAULT_TIMINGS, type SyncTimings } from "../sync/timings.js";
import type { MirrorOptions } from "./options.js";
import type { SettingProblem, SettingsResult } from "./settings.js";

/** A value and the name under which the user gave it, for whoever has to say that it is wrong. */
interface Given {
  readonly setting: string;
  readonly value: unknown;
}

const MAX_DATABASE = 2 ** 31 - 1;
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Option, else environment, else default, each checked. Never throws: what is wrong is in the answer, all of it at once. */
export function resolveSettings(options: MirrorOptions): SettingsResult {
  const problems: SettingProblem[] = [];
  const reader = new SettingsReader(options.env ?? process.env, problems);
  const settings = {
    isEnabled: reader.boolean(reader.given("enabled", options.enabled, "REDIS_ENABLED"), true),
    address: readAddress(reader, options.redis ?? {}),
    instanceId: reader.text(reader.given("instanceId", options.instanceId, "ROO_INSTANCE_ID")) ?? "",
    keys: readKeys(reader, options),
    records: options.records ?? [],
    timings: readTimings(reader, options.timings ?? {}),
  };
  // Whoever switched it off does not want to hear what else is wrong.
  return problems.length === 0 || !settings.isEnabled ? { settings } : { problems };
}

function readAddress(reader: SettingsReader, redis: NonNullable<MirrorOptions["redis"]>): RedisAddress {
  const parts: RedisAddress = {
    host: reader.text(reader.given("redis.host", redis.host, "REDIS_HOST")) ?? "localhost",
    port: reader.integer(reader.given("redis.port", redis.port, "REDIS_PORT"), 1, 65_535) ?? 6379,
    username: reader.text(reader.given("redis.username", redis.username, "REDIS_USERNAME")),
    password: reader.secret(reader.given("redis.password", redis.password, "REDIS_PASSWORD")),
    database: reader.integer(reader.given("redis.database", redis.database, "REDIS_DB"), 0, MAX_DATABASE) ?? 0,
    tls: readTls(reader, redis.tls),
  };
  const url = reader.given("redis.url", redis.url, "REDIS_URL");
  return url === undefined ? parts : { ...parts, ...readUrl(reader, url, parts) };
}

function readTls(reader: SettingsReader, option: boolean | { ca?: string } | undefined): RedisAddress["tls"] {
  if (typeof option === "object" && option !== null)
    return { ca: reader.secret({ setting: "redis.tls.ca", value: option.ca }) };
  const file = reader.text(reader.given("", undefined, "REDIS_TLS_CA"));
  const isOn = reader.boolean(reader.given("redis.tls", option, "REDIS_TLS"), file !== undefined);
  return isOn ? { ca: file === undefined ? undefined : reader.file("REDIS_TLS_CA", file) } : undefined;
}

/** The parts that the URL names; the message never quotes it, a password may be anywhere in it. */
function readUrl(reader: SettingsReader, { setting, value }: Given, parts: RedisAddress): Partial<RedisAddress> {
  const expected = "a redis:// or rediss:// URL with a host";
  if (typeof value !== "string" || !URL.canParse(value)) {
    reader.reject(setting, expected, typeof value === "string" ? "text that is no URL" : `a ${typeof value}`);
    return {};
  }
  const url = new URL(value);
  const database = decode(url.pathname.slice(1));
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    reader.reject(setting, expected, `a ${url.protocol} URL`);
  else if (url.hostname === "") reader.reject(setting, expected, "a URL without a host");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(url.username !== "" && { username: decode(url.username) }),
    ...(url.password !== "" && { password: decode(url.password) }),
    ...(database !== "" && {
      database: reader.integer({ setting: `the database of ${setting}`, value: database }, 0, MAX_DATABASE) ?? 0,
    }),
    tls: url.protocol === "rediss:" ? (parts.tls ?? { ca: undefined }) : parts.tls,
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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

class SettingsReader {
  readonly #env: Record<string, string | undefined>;
  readonly #problems: SettingProblem[];

  constructor(env: Record<string, string | undefined>, problems: SettingProblem[]) {
    this.#env = env;
    this.#problems = problems;
  }

  /** An empty environment variable counts as one that is not set. */
  given(option: string, value: unknown, variable: string): Given | undefined {
    if (value !== undefined) return { setting: option, value };
    const text = this.#env[variable];
    return text === undefined || text === "" ? undefined : { setting: variable, value: text };
  }

  reject(setting: string, expected: string, got: string): void {
    this.#problems.push({ setting, expected, got });
  }

  text(given: Given | undefined): string | undefined {
    if (given?.value === undefined) return undefined;
    if (typeof given.value === "string") return given.value;
    this.reject(given.setting, "a string", describe(given.value));
    return undefined;
  }

  /** As `text`, and says nothing of what it got. */
  secret(given: Given | undefined): string | undefined {
    if (given?.value === undefined) return undefined;
    if (typeof given.value === "string") return given.value;
    this.reject(given.setting, "a string", `a ${typeof given.value}`);
    return undefined;
  }

  integer(given: Given | undefined, minimum: number, maximum: number): number | undefined {
    if (given?.value === undefined) return undefined;
    const { setting, value } = given;
    const number = typeof value === "string" && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
    if (Number.isInteger(number) && (number as number) >= minimum && (number as number) <= maximum)
      return number as number;
    this.reject(setting, `an integer from ${minimum} to ${maximum}`, describe(value));
    return undefined;
  }

  boolean(given: Given | undefined, fallback: boolean): boolean {
    if (given === undefined) return fallback;
    const word = String(given.value).trim().toLowerCase();
    if (["true", "1", "yes", "on"].includes(word)) return true;
    if (["false", "0", "no", "off"].includes(word)) return false;
    this.reject(given.setting, "true or false", describe(given.value));
    return fallback;
  }

  file(setting: string, path: string): string | undefined {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      this.reject(
        setting,
        "a file that can be read",
        `\`${path}\` (${(error as NodeJS.ErrnoException).code ?? "unreadable"})`,
      );
      return undefined;
    }
  }
}

function describe(value: unknown): string {
  const text = typeof value === "object" ? Object.prototype.toString.call(value) : String(value);
  return `\`${text.length > 60 ? `${text.slice(0, 60)}…` : text}\` (${typeof value})`;
}
