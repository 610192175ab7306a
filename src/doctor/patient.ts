import type { RedisEndpoint } from "../sync/redis-address.js";
import type { Facts } from "./facts.js";
import type { Line } from "./line.js";
import type { Visit } from "./visit.js";

/** A server that is connected to and has let us in. */
export interface Patient extends Visit {
  readonly endpoint: RedisEndpoint;
  readonly line: Line;
  readonly facts: Facts;
}

/** The name of the account for a command to type: a name is shown as little as a password. */
export function accountOf({ settings }: Visit): string {
  return settings.address.username === undefined ? "default" : "USERNAME";
}

/** What to add to an account, for who may change it. */
export function granting(visit: Visit, rules: readonly string[]): string {
  const account = accountOf(visit);
  const whose = account === "USERNAME" ? " (USERNAME: the account that the settings name)" : "";
  return `On the server: \`ACL SETUSER ${account} ${rules.join(" ")}\`${whose}, then \`ACL SAVE\` or the same in users.acl.`;
}
