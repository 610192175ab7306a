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

/** To whom something goes unencrypted that is not this machine. */
export interface Exposed {
  /** As they may be shown. */
  readonly names: readonly string[];
  /** How many are not named. */
  readonly more: number;
}

/**
 * The server, or any of the sentinels or nodes of a cluster that the settings name; `undefined`: all of it stays here or is
 * encrypted. What these name in turn: `exposedLearnt`.
 */
export function exposedNamed({ tls, ...address }: RedisAddress): Exposed | undefined {
  if (tls !== undefined) return undefined;
  const hosts = namedHosts(address).filter((each) => !isLoopback(each));
  if (hosts.length === 0) return undefined;
  return { names: hosts.every((each) => isShowableHost(each)) ? hosts : ["Redis"], more: 0 };
}

/** The same of the servers that sentinels or nodes of a cluster have named, and the settings have not. */
export function exposedLearnt(
  { tls, ...address }: RedisAddress,
  endpoints: readonly RedisEndpoint[],
): Exposed | undefined {
  if (tls !== undefined) return undefined;
  const named = new Set(namedHosts(address));
  const hosts = [...new Set(endpoints.map(({ host }) => host))].filter((each) => !isLoopback(each) && !named.has(each));
  if (hosts.length === 0) return undefined;
  const names = hosts.slice(0, MAX_NAMED).map((each) => (isShowableHost(each) ? each : "Redis"));
  return { names, more: hosts.length - names.length };
}

/** A sentence of whom `exposedNamed` finds. */
export function warningsOf(address: RedisAddress): readonly string[] {
  return warningsFor(exposedNamed(address));
}

/** A sentence of whom `exposedLearnt` finds. */
export function warningsOfLearnt(address: RedisAddress, endpoints: readonly RedisEndpoint[]): readonly string[] {
  return warningsFor(exposedLearnt(address, endpoints));
}

function namedHosts({ host, sentinels, cluster }: Omit<RedisAddress, "tls">): string[] {
  return [...new Set((cluster ?? sentinels?.endpoints ?? [{ host }]).map((endpoint) => endpoint.host))];
}

function warningsFor(exposed: Exposed | undefined): readonly string[] {
  if (exposed === undefined) return [];
  const { names, more } = exposed;
  const hosts = `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return [
    `What goes to ${hosts} is not encrypted: whoever is on the way can read and change it, and takes the password. Use rediss:// or REDIS_TLS=true.`,
  ];
}
