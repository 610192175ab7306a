import { isShowableHost } from "../sync/plaintext.js";
import { printable } from "../sync/printable.js";
import type { RedisAddress, RedisEndpoint } from "../sync/redis-address.js";

/** As long as anything may be that somebody else has said. */
const MAX_SAID = 100;

/** Which servers the settings name. */
export function namedEndpoints({ host, port, sentinels, cluster }: RedisAddress): readonly RedisEndpoint[] {
  return cluster ?? sentinels?.endpoints ?? [{ host, port }];
}

/** `redis.example:6379`. What is no name of a host may be a password in the wrong place, and is not shown. */
export function shown({ host, port }: RedisEndpoint): string {
  if (!isShowableHost(host)) return `port ${port} of the host`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function shownHost(host: string): string {
  return isShowableHost(host) ? host : "the host";
}

/** What a server said, for people. */
export function said(text: string): string {
  return printable(text.length > MAX_SAID ? `${text.slice(0, MAX_SAID)}…` : text);
}

/** `1 key`, `2 keys`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** `a, b and c`. */
export function list(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** `3.2 MiB`. */
export function shownBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${unit === 0 ? bytes : (bytes / 1024 ** unit).toFixed(1)} ${units[unit]}`;
}

/** As a sentence begins. */
export function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
