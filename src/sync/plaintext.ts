import { BlockList, isIP } from "node:net";
import type { RedisAddress, RedisEndpoint } from "./redis-address.js";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** What is none may be anything, a password that is in the wrong place too. */
const HOST_NAME = /^[A-Za-z0-9._:-]{1,253}$/;

/** Whether what a setting names as a host may be written where people read. */
export function isShowableHost(host: string): boolean {
  return HOST_NAME.test(host);
}

/** By the name alone: what another one resolves to is somebody else's word, and may change. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === "localhost";
  return LOOPBACK.check(host, family === 4 ? "ipv4" : "ipv6");
}

/** Who sent the mirror there may name a thousand. */
const MAX_NAMED = 5;

/**
 * A sentence where something goes unencrypted to what is not this machine: to the server, or to any of the sentinels or
 * nodes of a cluster that the settings name. What these name in turn: `warningsOfLearnt`.
 */
export function warningsOf({ tls, ...address }: RedisAddress): readonly string[] {
  if (tls !== undefined) return [];
  const hosts = namedHosts(address).filter((each) => !isLoopback(each));
  return hosts.length === 0
    ? []
    : [warningOf(hosts.every((each) => isShowableHost(each)) ? hosts.join(", ") : "Redis")];
}

/** The same of the servers that sentinels or nodes of a cluster have named, and the settings have not. */
export function warningsOfLearnt(
  { tls, ...address }: RedisAddress,
  endpoints: readonly RedisEndpoint[],
): readonly string[] {
  if (tls !== undefined) return [];
  const named = new Set(namedHosts(address));
  const hosts = [...new Set(endpoints.map(({ host }) => host))].filter((each) => !isLoopback(each) && !named.has(each));
  if (hosts.length === 0) return [];
  const shown = hosts.slice(0, MAX_NAMED).map((each) => (isShowableHost(each) ? each : "Redis"));
  const more = hosts.length > MAX_NAMED ? ` and ${hosts.length - MAX_NAMED} more` : "";
  return [warningOf(shown.join(", ") + more)];
}

function namedHosts({ host, sentinels, cluster }: Omit<RedisAddress, "tls">): string[] {
  return [...new Set((cluster ?? sentinels?.endpoints ?? [{ host }]).map((endpoint) => endpoint.host))];
}

function warningOf(names: string): string {
  return `What goes to ${names} is not encrypted: whoever is on the way can read and change it, and takes the password. Use rediss:// or REDIS_TLS=true.`;
}
