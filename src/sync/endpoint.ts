import type { RedisEndpoint } from "./redis-address.js";

/** The longest name that the name service knows (RFC 1035). */
const MAX_HOST_LENGTH = 253;

/** What a node or a sentinel says of where another one is; `undefined` where that is no address. Messages name it. */
export function toEndpoint(host: unknown, port: unknown): RedisEndpoint | undefined {
  if (typeof host !== "string" || !/^[A-Za-z0-9._:%-]+$/.test(host) || host.length > MAX_HOST_LENGTH) return undefined;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { host, port };
}
