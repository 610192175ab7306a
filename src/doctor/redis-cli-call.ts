import { isShowableHost } from "../sync/plaintext.js";
import type { RedisEndpoint } from "../sync/redis-address.js";
import type { Patient } from "./patient.js";
import type { Visit } from "./visit.js";

/**
 * A call of `redis-cli` as it can be pasted into a shell, that goes where the mirror goes, by the same way. It asks for the
 * password itself; the name of the account, which is not shown either, is taken from the environment if it is there.
 */
export function redisCli(visit: Visit, { host, port }: RedisEndpoint, ...args: readonly string[]): string {
  return ["redis-cli", "-h", hostWord(host), "-p", String(port), ...wayIn(visit), ...args].join(" ");
}

/** The same of what is done to a cluster by one of its nodes, or to that node. */
export function clusterCli(visit: Visit, command: string, { host, port }: RedisEndpoint, ...args: string[]): string {
  return ["redis-cli", ...wayIn(visit), "--cluster", command, `${hostWord(host)}:${port}`, ...args].join(" ");
}

/** Which keys take most of the room. */
export function findingBigKeys(patient: Patient): string {
  const { database } = patient.settings.address;
  return redisCli(patient, patient.endpoint, ...(database === 0 ? [] : ["-n", String(database)]), "--bigkeys");
}

function wayIn(visit: Visit): string[] {
  const { username, password, askPassword, tls } = visit.settings.address;
  return [
    ...(username === undefined
      ? []
      : ["--user", fromEnvironment(visit, "redis.username", "REDIS_USERNAME") ?? "USERNAME"]),
    ...(password === undefined && askPassword === undefined ? [] : ["--askpass"]),
    ...(tls === undefined ? [] : ["--tls"]),
    ...(tls?.ca === undefined ? [] : ["--cacert", fromEnvironment(visit, "redis.tls.ca", "REDIS_TLS_CA") ?? "CA.pem"]),
  ];
}

/** As a shell puts in what the variable holds; `undefined`: the setting is from elsewhere. */
function fromEnvironment({ sources }: Visit, option: string, variable: string): string | undefined {
  const source = sources.get(option);
  return source?.from === "environment" && source.variable === variable ? `"$${variable}"` : undefined;
}

/** What is shown as the name of a host means nothing to a shell. */
function hostWord(host: string): string {
  return isShowableHost(host) ? host : "HOST";
}
