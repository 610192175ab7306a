import { Identity } from "../settings/identity.js";
import type { MirrorOptions } from "../settings/options.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem, type Settings } from "../settings/settings.js";
import { UserKeys } from "../sync/user-keys.js";
import { Failure } from "./failure.js";
import { noticeLearnt, noticePlaintext } from "./plaintext-notice.js";
import { UsageError } from "./usage-error.js";

/** What a command and the environment say. @throws Failure with all that is wrong with it. */
export function settingsInForce(options: MirrorOptions = {}): Settings {
  const result = resolveSettings(options);
  if ("settings" in result) return result.settings;
  throw new Failure("MISCONFIGURED", result.problems.map(describeProblem).join("\n"));
}

/** Whose records a command is about. @throws UsageError */
export function userInForce(given: string | undefined): string {
  const userId = given ?? new Identity({}).current;
  if (!userId) throw new UsageError("Expected a user id, got an empty one");
  return userId;
}

/**
 * Looks at the keys of a user on the server that has them, after a notice where that is in the open.
 * @throws ConnectionLostError @throws RefusedError @throws NotServedError and what the work does.
 */
export async function withUserKeys<Result>(
  { address }: Settings,
  userId: string,
  work: (keys: UserKeys) => Promise<Result>,
): Promise<Result> {
  noticePlaintext(address);
  const keys = await UserKeys.open(address, userId);
  try {
    noticeLearnt([keys]);
    return await work(keys);
  } finally {
    keys.close();
  }
}

/** The same on each server that may have a key: on a cluster on all primaries. @throws as `withUserKeys`. */
export async function withAllServers<Result>(
  { address }: Settings,
  userId: string,
  work: (servers: readonly UserKeys[]) => Promise<Result>,
): Promise<Result> {
  noticePlaintext(address);
  const servers = await UserKeys.openAll(address, userId);
  try {
    noticeLearnt(servers);
    return await work(servers);
  } finally {
    for (const server of servers) server.close();
  }
}
