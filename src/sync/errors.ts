/** What every error of this package has in common: a stable `code` to branch on, and a sentence to read. */
export abstract class MirrorError extends Error {
  /** Of its own: its class may have lost its name in a bundle. */
  abstract override readonly name: string;
  /** Stays the same from version to version, unlike the message. */
  abstract readonly code: string;
}

/** The connection could not be made, broke, or stayed silent past its deadline. Trying again later may help. */
export class ConnectionLostError extends MirrorError {
  override readonly name = "ConnectionLostError";
  readonly code = "CONNECTION_LOST";
}

/**
 * Redis answered, and said no: `OOM`, `NOPERM`, `READONLY`, `MISCONF`, `WRONGPASS`, `NOAUTH`, …
 * The connection is fine; somebody has to change something on the server or in the settings.
 */
export class RefusedError extends MirrorError {
  override readonly name = "RefusedError";
  readonly code = "REFUSED";

  /** The first word of the error reply, upper-case, e.g. `OOM`. */
  readonly reply: string;

  constructor(reply: string, options?: ErrorOptions) {
    super(`Redis refused: ${reply}.`, options);
    this.reply = reply;
  }

  /** Whether it may be about one key, as an access list is, and not about the server, as its memory is. */
  get isOfOneKey(): boolean {
    return this.reply === "NOPERM" || this.reply === "WRONGTYPE";
  }
}

/**
 * A node of a cluster answered, and does not serve the key, or not now: `MOVED`, `ASK`, `TRYAGAIN`, `CLUSTERDOWN`.
 * The connection is fine; trying again later may help.
 */
export class NotServedError extends MirrorError {
  override readonly name = "NotServedError";
  readonly code = "NOT_SERVED";

  /** The first word of the error reply. */
  readonly reply: string;

  constructor(reply: string, options?: ErrorOptions) {
    const hint = reply === "MOVED" ? " This is a node of a cluster: see REDIS_CLUSTER." : "";
    super(`Redis does not serve this key now: ${reply}.${hint}`, options);
    this.reply = reply;
  }
}

/** A stored value that cannot be decrypted or parsed. Carries no part of the value. */
export class UnreadableValueError extends MirrorError {
  override readonly name = "UnreadableValueError";
  readonly code = "UNREADABLE_VALUE";
}

/** How to go on where something is not overwritten. */
const OVERWRITING = "or have it overwritten: ROO_MIRROR_OVERWRITE_UNREADABLE=true";

/**
 * What lies in Redis is encrypted in a way that this instance cannot read, so it is not overwritten. The connection is
 * fine; somebody has to bring the key here, or to say that it may go.
 */
export class UnknownKeyError extends MirrorError {
  override readonly name = "UnknownKeyError";
  readonly code = "UNKNOWN_KEY";

  /** Of the key that is missing here; `undefined`: it is encrypted in a form that is not known here. */
  readonly keyId: string | undefined;

  /** As it stands in Redis, or how it begins; `undefined`: nobody knows. */
  readonly header: string | undefined;

  /** @param isSecretHere Whether this instance encrypts the record too. */
  constructor(
    keyId: string | undefined,
    isSecretHere: boolean,
    { header, ...options }: ErrorOptions & { header?: string } = {},
  ) {
    const key = keyId === undefined ? "in a form that this release does not know" : `with the key ${keyId}`;
    const remedy =
      keyId === undefined
        ? "Update redis-mirrored"
        : `Import that key or add it to ROO_MIRROR_KEY ("npx redis-mirrored rotate" then brings all under one)`;
    super(
      isSecretHere
        ? `In Redis it is encrypted ${key}${keyId === undefined ? "" : ", which this machine does not have"}. ${remedy}, ${OVERWRITING}.`
        : `In Redis it is encrypted ${key}, and here it is not. Set ROO_MIRROR_ENCRYPT=all, ${OVERWRITING}.`,
      options,
    );
    this.keyId = keyId;
    this.header = header;
  }
}

/** A key that is not 32 bytes of base64url, or a key store that cannot be read. Carries no part of a key. */
export class KeyRingError extends MirrorError {
  override readonly name = "KeyRingError";
  readonly code = "KEY_RING";
}

/** None of the versions that are kept of a record. */
export class VersionNotFoundError extends MirrorError {
  override readonly name = "VersionNotFoundError";
  readonly code = "VERSION_NOT_FOUND";
}

/** Whether it is about one record, or one node of a cluster, and not about the server. */
export function isOfOneKey(error: MirrorError): boolean {
  return error instanceof RefusedError ? error.isOfOneKey : true;
}

export function toMirrorError(error: unknown): MirrorError {
  return error instanceof MirrorError ? error : new ConnectionLostError(describeError(error));
}

/** The sentence of any thrown thing, for a status line. Only for errors whose messages hold no user data. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
