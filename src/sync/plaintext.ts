import { BlockList, isIP } from "node:net";
import type { RedisAddress } from "./redis-address.js";

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

/**
 * A sentence where something goes unencrypted to what is not this machine: to the server, or to any of the sentinels or
 * nodes of a cluster that the settings name. What these name in turn is not looked at.
 */
export function warningsOf({ host, tls, sentinels, cluster }: RedisAddress): readonly string[] {
  if (tls !== undefined) return [];
  const hosts = (cluster ?? sentinels?.endpoints ?? [{ host }]).map((endpoint) => endpoint.host);
  const others = [...new Set(hosts)].filter((each) => !isLoopback(each));
  if (others.length === 0) return [];
  const names = others.every(isShowableHost) ? others.join(", ") : "Redis";
  return [
    `What goes to ${names} is not encrypted: whoever is on the way can read and change it, and takes the password. Use rediss:// or REDIS_TLS=true.`,
  ];
}
