import { isShowableHost } from "../sync/plaintext.js";
import { printable } from "../sync/printable.js";
import type { RedisAddress, RedisEndpoint } from "../sync/redis-address.js";
import { type Value, type Words, words } from "./words.js";

/** As long as anything may be that somebody else has said. */
const MAX_SAID = 100;

/** Which servers the settings name. */
export function namedEndpoints({ host, port, sentinels, cluster }: RedisAddress): readonly RedisEndpoint[] {
  return cluster ?? sentinels?.endpoints ?? [{ host, port }];
}

/** `redis.example:6379`. What is no name of a host may be a password in the wrong place, and is not shown. */
export function shown({ host, port }: RedisEndpoint): string | Words {
  if (!isShowableHost(host)) return words`port ${port} of the host`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function shownHost(host: string): string | Words {
  return isShowableHost(host) ? host : words`the host`;
}

/** What a server said, for people. */
export function said(text: string): string {
  return printable(text.length > MAX_SAID ? `${text.slice(0, MAX_SAID)}…` : text);
}

/** What is counted, one of it and more. */
const COUNTED = {
  day: (number: number) => [words`${number} day`, words`${number} days`],
  "encrypted value": (number: number) => [words`${number} encrypted value`, words`${number} encrypted values`],
  key: (number: number) => [words`${number} key`, words`${number} keys`],
  primary: (number: number) => [words`${number} primary`, words`${number} primaries`],
  record: (number: number) => [words`${number} record`, words`${number} records`],
  sentinel: (number: number) => [words`${number} sentinel`, words`${number} sentinels`],
  slot: (number: number) => [words`${number} slot`, words`${number} slots`],
  value: (number: number) => [words`${number} value`, words`${number} values`],
} as const satisfies Record<string, (number: number) => readonly [one: Words, more: Words]>;

/** `1 key`, `2 keys`. */
export function count(number: number, noun: keyof typeof COUNTED): Words {
  const [one, more] = COUNTED[noun](number);
  return number === 1 ? one : more;
}

/** `a, b and c`. */
export function list(names: readonly Value[]): Value {
  const [first = "", ...others] = names;
  const last = others.pop();
  const all = others.reduce<Value>((before, name) => words`${before}, ${name}`, first);
  return last === undefined ? first : words`${all} and ${last}`;
}

/** `a, b, c and 4 more`. */
export function listSome(names: readonly string[], maximum: number): Value {
  const more = names.length - maximum;
  return list(more > 0 ? [...names.slice(0, maximum), words`${more} more`] : names);
}

/** `3.2 MiB`. */
export function shownBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${unit === 0 ? bytes : (bytes / 1024 ** unit).toFixed(1)} ${units[unit]}`;
}
