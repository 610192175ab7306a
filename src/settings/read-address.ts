import { X509Certificate } from "node:crypto";
import { concealing, masked } from "../sync/concealment.js";
import type { RedisAddress, RedisEndpoint, SentinelAddress } from "../sync/redis-address.js";
import type { MirrorOptions } from "./options.js";
import type { Given, SettingsReader } from "./settings-reader.js";

/** Which a message may name. Of `app:password@host` a parser takes what is before the colon for the scheme. */
const OTHER_SCHEMES = new Set(["http:", "https:", "tcp:", "unix:", "valkey:", "valkeys:"]);

const MAX_DATABASE = 2 ** 31 - 1;

/** Where Redis is and how to get in: the parts, what the URL overrides of them, and who knows where the primary is. */
export function readAddress(reader: SettingsReader, redis: NonNullable<MirrorOptions["redis"]>): RedisAddress {
  const { password } = redis;
  const isFunction = typeof password === "function";
  const parts: RedisAddress = {
    host: reader.text(reader.given("redis.host", redis.host, "REDIS_HOST")) ?? "localhost",
    port: reader.integer(reader.given("redis.port", redis.port, "REDIS_PORT"), 1, 65_535) ?? 6379,
    username: reader.text(reader.given("redis.username", redis.username, "REDIS_USERNAME")),
    password: reader.secret(reader.given("redis.password", isFunction ? undefined : password, "REDIS_PASSWORD")),
    database: reader.integer(reader.given("redis.database", redis.database, "REDIS_DB"), 0, MAX_DATABASE) ?? 0,
    tls: readTls(reader, redis.tls),
  };
  const url = reader.given("redis.url", redis.url, "REDIS_URL");
  const overriding = url === undefined ? {} : withoutParts(readUrl(reader, url, parts), partsSetInHost(reader));
  for (const part of Object.keys(overriding)) reader.overridden(`redis.${part}`, "redis.url");
  const isSaid = password !== undefined || (overriding.password !== undefined && isOption(reader, "redis.url"));
  const askPassword = isFunction ? password : isSaid ? undefined : reader.askPassword;
  const address = { ...parts, ...overriding, ...(askPassword !== undefined && { askPassword }) };
  const sentinels = readSentinels(reader, redis);
  const cluster = readCluster(reader, redis);
  if (cluster !== undefined) {
    if (sentinels !== undefined) reader.reject("redis.cluster", "none where there are sentinels", "both");
    if (address.database !== 0) reader.reject("redis.database", "0, the only one of a cluster", `${address.database}`);
  }
  return withMaskedLogin({
    ...address,
    ...(sentinels !== undefined && { sentinels }),
    ...(cluster !== undefined && { cluster }),
  });
}

function isOption(reader: SettingsReader, option: string): boolean {
  return reader.sources.get(option)?.from === "option";
}

/** A URL of the environment does not override what the user has set in VS Code, and one that is an option does. */
function partsSetInHost(reader: SettingsReader): string[] {
  if (reader.sources.get("redis.url")?.from !== "environment") return [];
  const isSet = (part: string) => reader.sources.get(`redis.${part}`)?.from === "VS Code setting";
  return ["host", "port", "username", "database", "tls"].filter(isSet);
}

function withoutParts(overriding: Partial<RedisAddress>, parts: readonly string[]): Partial<RedisAddress> {
  return Object.fromEntries(Object.entries(overriding).filter(([part]) => !parts.includes(part)));
}

/** A name is shown as little as a password: where tokens are in use, either may be one. */
function withMaskedLogin<Login extends { username: string | undefined; password: string | undefined }>(login: Login) {
  return concealing(login, (shown) => ({
    ...shown,
    username: masked(shown.username),
    password: masked(shown.password),
  }));
}

function readSentinels(
  reader: SettingsReader,
  redis: NonNullable<MirrorOptions["redis"]>,
): SentinelAddress | undefined {
  const given = reader.given("redis.sentinels", redis.sentinels, "REDIS_SENTINELS");
  const masterName = reader.text(reader.given("redis.masterName", redis.masterName, "REDIS_MASTER_NAME"));
  if (given === undefined) {
    if (masterName !== undefined)
      reader.reject("REDIS_SENTINELS", "given where there is a REDIS_MASTER_NAME", "nothing");
    return undefined;
  }
  const { sentinelUsername, sentinelPassword } = redis;
  return withMaskedLogin({
    endpoints: readEndpoints(reader, given, 26_379),
    masterName: masterName ?? "mymaster",
    username: reader.text(reader.given("redis.sentinelUsername", sentinelUsername, "REDIS_SENTINEL_USERNAME")),
    password: reader.secret(reader.given("redis.sentinelPassword", sentinelPassword, "REDIS_SENTINEL_PASSWORD")),
  });
}

function readCluster(
  reader: SettingsReader,
  redis: NonNullable<MirrorOptions["redis"]>,
): readonly RedisEndpoint[] | undefined {
  const given = reader.given("redis.cluster", redis.cluster, "REDIS_CLUSTER");
  return given === undefined ? undefined : readEndpoints(reader, given, 6_379);
}

/** `host`, `host:port` or `[::1]:port`, several of them separated by commas. */
function readEndpoints(reader: SettingsReader, { setting, value }: Given, defaultPort: number): RedisEndpoint[] {
  const texts: unknown[] = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : [value];
  const endpoints = texts.map((text) => readEndpoint(text, defaultPort));
  const known = endpoints.filter((endpoint) => endpoint !== undefined);
  if (known.length > 0 && known.length === endpoints.length) return known;
  reader.reject(
    setting,
    "one or more of `host:port`, separated by commas",
    texts.length === 0 ? "none" : `${endpoints.length - known.length} that are not`,
  );
  return [];
}

function readEndpoint(text: unknown, defaultPort: number): RedisEndpoint | undefined {
  const form = /^\s*(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/[\]]+))(?::(\d{1,5}))?\s*$/;
  const match = typeof text === "string" ? form.exec(text) : null;
  if (match === null) return undefined;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  return port >= 1 && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined;
}

function readTls(reader: SettingsReader, option: boolean | { ca?: string } | undefined): RedisAddress["tls"] {
  if (typeof option === "object" && option !== null) {
    const setting = "redis.tls.ca";
    return { ca: expectCertificates(reader, setting, reader.secret({ setting, value: option.ca })) };
  }
  const file = reader.text(reader.given("redis.tls.ca", undefined, "REDIS_TLS_CA"));
  const isOn = reader.boolean(reader.given("redis.tls", option, "REDIS_TLS"), file !== undefined);
  if (!isOn || file === undefined) return isOn ? { ca: undefined } : undefined;
  return { ca: expectCertificates(reader, "REDIS_TLS_CA", reader.file("REDIS_TLS_CA", file)) };
}

/** Without one the system's authorities would be trusted, or nobody. */
function expectCertificates(reader: SettingsReader, setting: string, pem: string | undefined): string | undefined {
  if (pem === undefined) return undefined;
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate))
    reader.reject(setting, "certificates in PEM", certificates.length === 0 ? "text without one" : "one that is none");
  return pem;
}

function isCertificate(pem: string): boolean {
  try {
    void new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
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
    reader.reject(
      setting,
      expected,
      OTHER_SCHEMES.has(url.protocol) ? `a ${url.protocol} URL` : "a URL of another kind",
    );
  else if (url.hostname === "") reader.reject(setting, expected, "a URL without a host");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(url.username !== "" && { username: decode(url.username) }),
    ...(url.password !== "" && { password: decode(url.password) }),
    ...(database !== "" && { database: readDatabase(reader, setting, database) }),
    ...(url.protocol === "rediss:" && { tls: parts.tls ?? { ca: undefined } }),
  };
}

/** Not quoted either: an unescaped `/` in a password makes its rest look like one. */
function readDatabase(reader: SettingsReader, setting: string, text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= MAX_DATABASE) return Number(text);
  reader.reject(`the database of ${setting}`, `an integer from 0 to ${MAX_DATABASE}`, "something else");
  return 0;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
