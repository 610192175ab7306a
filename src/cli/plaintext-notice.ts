import { warningsOf } from "../sync/plaintext.js";
import type { RedisAddress } from "../sync/redis-address.js";
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
