import { ConnectionLostError, describeError, MirrorError, NotServedError, RefusedError } from "./errors.js";

/** Replies that say "not now" about the whole server: waiting helps, as with a lost connection. */
const TRANSIENT_REPLIES = new Set(["LOADING", "MASTERDOWN", "BUSY"]);

/** Replies of a cluster that say "not here", or "not now", about one key. */
const NOT_SERVED_REPLIES = new Set(["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"]);

/**
 * Tells "Redis said no" from "Redis is not there" from "another node has it". The reply's text stays with the cause: it
 * may quote what was sent.
 */
export function classify(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error;
  const reply = error instanceof Error ? /^([A-Z][A-Z0-9]+) /.exec(error.message)?.[1] : undefined;
  if (reply === undefined) return new ConnectionLostError(`The connection failed: ${describeConnectionError(error)}.`);
  if (NOT_SERVED_REPLIES.has(reply)) return new NotServedError(reply);
  return TRANSIENT_REPLIES.has(reply)
    ? new ConnectionLostError(`Redis is not ready: ${reply}.`)
    : new RefusedError(reply);
}

/** System errors carry a code that says more than their message (which for several addresses is empty). */
function describeConnectionError(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : describeError(error);
}
