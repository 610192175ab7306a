import { isUtf8 } from "node:buffer";
import { describeCertificateFailure } from "./certificate-failure.js";
import { loadedClient } from "./client-loader.js";
import { copyOf, isGzip, type StoredBody } from "./compression.js";
import { keyIdIn } from "./encryption.js";
import { ConnectionLostError, MirrorError, NotServedError, RefusedError, UnknownKeyError } from "./errors.js";
import { UNREADABLE_REPLY } from "./script-parts.js";

/** Replies that say "not now" about the whole server: waiting helps, as with a lost connection. */
const TRANSIENT_REPLIES = new Set(["LOADING", "MASTERDOWN", "BUSY"]);

/** Replies of a cluster that say "not here", or "not now", about one key. */
const NOT_SERVED_REPLIES = new Set(["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"]);

/**
 * Tells "Redis said no" from "Redis is not there" from "another node has it". Of a reply only the first word is repeated:
 * the rest may quote what was sent.
 */
export function classify(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error;
  if (!isReply(error)) return new ConnectionLostError(describeConnectionError(error));
  const reply = /^([A-Z][A-Z0-9]+)(?: |$)/.exec(error.message)?.[1] ?? "UNKNOWN";
  if (NOT_SERVED_REPLIES.has(reply)) return new NotServedError(reply);
  return TRANSIENT_REPLIES.has(reply)
    ? new ConnectionLostError(`Redis is not ready: ${reply}.`)
    : new RefusedError(reply);
}

/** What concerns one command alone: the others have replies of their own. @throws ConnectionLostError */
export function refusalOf(error: unknown): RefusedError | NotServedError {
  const failure = classify(error);
  if (failure instanceof RefusedError || failure instanceof NotServedError) return failure;
  throw failure;
}

/** For a question about one type that finds another: what is asked for is not there. @throws what else the error says */
export function absentIfWrongType(error: unknown): undefined {
  const failure = classify(error);
  if (failure instanceof RefusedError && failure.reply === "WRONGTYPE") return undefined;
  throw failure;
}

/** Of a script that has left alone what its writer cannot read. */
export function unknownKeyOf(reply: unknown, isSecret: boolean): UnknownKeyError | undefined {
  const [word, header = ""] = (textOf(reply) ?? "").split(" ");
  return word === UNREADABLE_REPLY ? new UnknownKeyError(keyIdIn(header), isSecret, { header }) : undefined;
}

/** A server may answer anything. */
export function textOf(reply: unknown): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}

/** Asks for strings as bytes, which gzip needs. 36 is the client's RESP_TYPES.BLOB_STRING; the client is loaded late. */
export const AS_BYTES = { typeMapping: { 36: Buffer } } as const;

/** Of a reply that was asked for as bytes: what is compressed, or no text, stays bytes, all else is text. */
export function bodyOf(reply: unknown): StoredBody | undefined {
  if (!Buffer.isBuffer(reply)) return textOf(reply);
  // What came over the wire with it must not be kept in memory with it.
  return isGzip(reply) || !isUtf8(reply) ? copyOf(reply) : reply.toString();
}

export function bodiesOf(reply: unknown): (StoredBody | undefined)[] {
  return Array.isArray(reply) ? reply.map(bodyOf) : [];
}

export function textsOf(reply: unknown): (string | undefined)[] {
  return Array.isArray(reply) ? reply.map(textOf) : [];
}

/** By node-redis's class for them, and not by its name, which a minified bundle does not keep. */
function isReply(error: unknown): error is Error {
  const client = loadedClient();
  return client !== undefined && error instanceof client.ErrorReply;
}

/** By a system error's code, else by what happened to the client; a message may be anybody's words. */
function describeConnectionError(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  const certificate = typeof code === "string" ? describeCertificateFailure(code) : undefined;
  if (certificate !== undefined) return certificate;
  const what = typeof code === "string" ? code : loadedClient()?.describeClientError(error);
  return `The connection failed: ${what ?? "for an unknown reason"}.`;
}
