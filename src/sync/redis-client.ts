// A module of its own because it is the one that is loaded late: 45–100 ms that activation must not pay, and the
// chunk that the extension's bundle splits off. The class and not `createClient`, which takes 35–135 ms to make a method
// of each of Redis's commands, again and again where clients of different settings are made in turn.
import {
  AbortError,
  ClientClosedError,
  ClientOfflineError,
  ConnectionTimeoutError,
  DisconnectsClientError,
  SocketClosedUnexpectedlyError,
} from "@redis/client";

export { ErrorReply, RedisClient } from "@redis/client";

/** In our words: a bundler that minifies leaves no class its name. */
const FAILURES = [
  [SocketClosedUnexpectedlyError, "socket closed unexpectedly"],
  [ConnectionTimeoutError, "connection timeout"],
  [DisconnectsClientError, "client disconnected"],
  [ClientClosedError, "client closed"],
  [ClientOfflineError, "client offline"],
  [AbortError, "command aborted"],
] as const;

/** What happened, of an error of the client's own; `undefined` of any other. */
export function describeClientError(error: unknown): string | undefined {
  return FAILURES.find(([Failure]) => error instanceof Failure)?.[1];
}
