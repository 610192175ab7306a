import { warningsOf } from "../sync/plaintext.js";
import type { RedisAddress } from "../sync/redis-address.js";
import type { UserKeys } from "../sync/user-keys.js";
import { printable } from "./printable.js";

/**
 * Says on the error output, before anything is sent, that it goes unencrypted to another machine. The answer is where the
 * warnings of a mirror on these servers go, which would say the same again.
 */
export function noticePlaintext(...addresses: readonly RedisAddress[]): (message: string) => void {
  const said = new Set<string>();
  const warn = (message: string) => {
    if (said.has(message)) return;
    said.add(message);
    console.error(printable(message));
  };
  for (const warning of addresses.flatMap(warningsOf)) warn(`redis-mirrored: ${warning}`);
  return warn;
}

/** The same of servers that only sentinels or a cluster's nodes have named. */
export function noticeLearnt(servers: readonly UserKeys[], warn = noticePlaintext()): void {
  noticeWarnings(
    servers.flatMap(({ warnings }) => warnings),
    warn,
  );
}

/** The same of who has them already. */
export function noticeWarnings(warnings: readonly string[], warn = noticePlaintext()): void {
  for (const warning of warnings) warn(`redis-mirrored: ${warning}`);
}
