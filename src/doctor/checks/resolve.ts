import { isIP } from "node:net";
import { isLoopback } from "../../sync/plaintext.js";
import type { RedisEndpoint } from "../../sync/redis-address.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { list, said, shownHost } from "../naming.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { type Words, words } from "../words.js";

/** Whether the names of the servers lead to addresses. The answer: those that do. */
export async function* checkNames(visit: Visit, endpoints: readonly RedisEndpoint[]): Findings<RedisEndpoint[]> {
  const hosts = [...new Set(endpoints.map(({ host }) => host))];
  const resolved = new Map(await Promise.all(hosts.map(async (host) => [host, await resolve(visit, host)] as const)));
  const isUsable = ({ host }: RedisEndpoint) => Array.isArray(resolved.get(host));
  const usable = endpoints.filter(isUsable);
  const problem = usable.length === 0 ? error : warning;
  for (const [host, outcome] of resolved) {
    if (typeof outcome === "string") yield problem("resolve", ...describe(visit, host, outcome));
    else if (isIP(host) === 0) yield ok("resolve", words`${shownHost(host)} is ${list(outcome.map(said))}.`);
    else yield ok("resolve", words`${host} is an address; no name has to be looked up.`);
  }
  return usable;
}

/** Its addresses, or why there are none: a code. */
async function resolve({ parts, patience }: Visit, host: string): Promise<readonly string[] | string> {
  if (isIP(host) !== 0) return [host];
  try {
    const addresses = await patience.within(parts.lookUp(host));
    return addresses.length > 0 ? addresses.slice(0, 8) : "ENOTFOUND";
  } catch (failure) {
    const { code } = failure as { code?: unknown };
    return code === "CONNECTION_LOST"
      ? "TIMEOUT"
      : typeof code === "string" && /^[A-Z_]{1,32}$/.test(code)
        ? code
        : "UNKNOWN";
  }
}

function describe(visit: Visit, host: string, code: string): [message: Words, remedy: Words] {
  const setting = namingSetting(visit);
  const name = shownHost(host);
  if (code === "ENOTFOUND" || code === "ENODATA")
    return [
      words`No address is known for ${name}.`,
      isLoopback(host)
        ? words`Set ${setting} to 127.0.0.1.`
        : words`Correct ${setting}; in a container or a VPN, see that the name is known there: \`getent hosts ${name}\`.`,
    ];
  return [
    code === "TIMEOUT"
      ? words`The name service did not answer within 2 s when asked for ${name}.`
      : words`The name service did not tell the address of ${name}: ${code}.`,
    words`See that this machine is on the network and its name service works, or set ${setting} to an address.`,
  ];
}

/** Which setting names the servers. */
export function namingSetting(visit: Visit): string | Words {
  const { cluster, sentinels } = visit.settings.address;
  const option = cluster !== undefined ? "redis.cluster" : sentinels !== undefined ? "redis.sentinels" : "redis.host";
  return nameOfSetting(visit, option);
}
