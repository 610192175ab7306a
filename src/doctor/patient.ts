import type { RedisEndpoint } from "../sync/redis-address.js";
import type { Facts } from "./facts.js";
import type { Line } from "./line.js";
import type { Visit } from "./visit.js";
import { type Words, words } from "./words.js";

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
export function granting(visit: Visit, rules: readonly string[]): Words {
  const account = accountOf(visit);
  const command = `ACL SETUSER ${account} ${rules.join(" ")}`;
  return account === "USERNAME"
    ? words`On the server: \`${command}\` (USERNAME: the account that the settings name), then \`ACL SAVE\` or the same in users.acl.`
    : words`On the server: \`${command}\`, then \`ACL SAVE\` or the same in users.acl.`;
}
