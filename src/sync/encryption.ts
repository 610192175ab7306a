import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { UnreadableValueError } from "./errors.js";
import type { KeyRing } from "./key-ring.js";
import { parseStoredJson } from "./stored-json.js";
import { parseVersion, type Version } from "./version.js";

// RFC 7518 §4.5 and §5.3: the key itself encrypts, by AES-256-GCM with an initialisation vector of 96 bits.
const KEY_MANAGEMENT = "dir";
const CONTENT_ENCRYPTION = "A256GCM";
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** How every JWE of the mirror begins: members in this order, without spaces. */
export const JWE_BEGINNING = '{"protected":"';

/** How the header of every JWE of the mirror begins, up to the id of its key: 36 bytes, so 48 characters stand for just them. */
const HEADER_BEGINNING = toBase64url(`{"alg":"${KEY_MANAGEMENT}","enc":"${CONTENT_ENCRYPTION}","kid":"`);

/** How every value begins that the mirror has encrypted, whatever the key. */
export const SEALED_BEGINNING = `${JWE_BEGINNING}${HEADER_BEGINNING}`;

/** How a header goes on after the key's id, of 11 characters, where it says a version: by that scripts tell it without decoding it. */
export const VERSION_MEMBER = toBase64url(',"v');

/** RFC 7516 §7.2.2, flattened JSON serialization; every member is base64url. */
interface FlattenedJwe {
  readonly protected: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
  readonly aad: string;
}

/** What a JWE's protected header says: exactly these members, in this order where the mirror has written it. */
export interface JweHeader {
  readonly alg: typeof KEY_MANAGEMENT;
  readonly enc: typeof CONTENT_ENCRYPTION;
  readonly kid: string;
  /** The version of the save. Another program, and an earlier release of this one, does not say it. */
  readonly ver?: Version;
}

/**
 * Encrypts to a JWE. The Redis key's own name is the additional authenticated data, and the version stands in the header,
 * so a ciphertext opens neither under another user or record, nor as another save of the same record.
 *
 * @param version `undefined`: that of the save is not known, and the JWE says none.
 * @throws KeyRingError
 */
export async function encrypt(
  plaintext: string,
  redisKey: string,
  keyRing: KeyRing,
  version: Version | undefined,
): Promise<string> {
  const key = await keyRing.encryptionKey();
  const says: JweHeader = { alg: KEY_MANAGEMENT, enc: CONTENT_ENCRYPTION, kid: key.id };
  const header = toBase64url(JSON.stringify(version === undefined ? says : { ...says, ver: version }));
  const aad = toBase64url(redisKey);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, iv);
  cipher.setAAD(authenticated(header, aad));
  const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  const jwe: FlattenedJwe = {
    protected: header,
    iv: iv.toString("base64url"),
    ciphertext: ciphertext.toString("base64url"),
    tag: cipher.getAuthTag().toString("base64url"),
    aad,
  };
  return JSON.stringify(jwe);
}

/**
 * @param version Under which it lies there; `undefined`: nobody knows.
 * @throws UnreadableValueError where it is no JWE, was made with a key that is not on the ring or in a way that is not
 * ours, was moved here from another Redis key or from another version, or was changed.
 * @throws KeyRingError
 */
export async function decrypt(
  stored: string,
  redisKey: string,
  keyRing: KeyRing,
  version: Version | undefined,
): Promise<string> {
  const jwe = parseJwe(stored);
  const { kid, ver } = parseHeader(jwe.protected);
  const key = await keyRing.decryptionKey(kid);
  if (key === undefined)
    throw new UnreadableValueError(`It was encrypted with ${nameKey(kid)}, which this machine does not have.`);
  const [iv, tag] = [fromBase64url(jwe.iv), fromBase64url(jwe.tag)];
  if (iv.length !== IV_BYTES) throw new UnreadableValueError("It does not decrypt.");
  let plaintext: Buffer;
  try {
    // A tag cut short would be accepted without it.
    const decipher = createDecipheriv(CIPHER, key.bytes, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(authenticated(jwe.protected, jwe.aad)).setAuthTag(tag);
    plaintext = Buffer.concat([decipher.update(jwe.ciphertext, "base64url"), decipher.final()]);
  } catch {
    throw new UnreadableValueError("It does not decrypt.");
  }
  // Only now, when it is known to be as it was written.
  if (fromBase64url(jwe.aad).toString() !== redisKey)
    throw new UnreadableValueError("It was encrypted for another key.");
  if (ver !== undefined && version !== undefined && ver !== version)
    throw new UnreadableValueError("It was encrypted for another version.");
  return plaintext.toString();
}

/** Whether it may be a JWE, of whatever program. */
export function isSealed(stored: string | Uint8Array): boolean {
  if (typeof stored !== "string" || !stored.startsWith("{")) return false;
  return stored.startsWith(JWE_BEGINNING) || (stored.includes('"protected"') && stored.includes('"ciphertext"'));
}

/** What a JWE says of itself, to be believed once it has been decrypted; `undefined`: it is none, or not one of ours. */
export function headerOf(stored: string): JweHeader | undefined {
  try {
    return parseHeader(parseJwe(stored).protected);
  } catch {
    return undefined;
  }
}

/** As `headerOf`, of the header alone, as it stands in the JWE. The id is one that may be shown to people. */
export function keyIdIn(encodedHeader: string): string | undefined {
  try {
    const { kid } = parseHeader(encodedHeader);
    return isShowable(kid) ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** How the header of a JWE begins that the mirror has made with a key: in whole groups of four characters. */
export function headerBeginningUnder(kid: string): string {
  const { length } = Buffer.from(JSON.stringify(kid).slice(1));
  return `${HEADER_BEGINNING}${toBase64url(JSON.stringify(kid).slice(1)).slice(0, Math.floor(length / 3) * 4)}`;
}

/** An id is no secret, but what stands in Redis may be anything. */
function nameKey(kid: string): string {
  return isShowable(kid) ? `the key ${kid}` : "a key";
}

/** Whether the id of a key, as Redis has it, may be written where people read. */
export function isShowable(kid: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(kid);
}

/** What the tag vouches for beside the text (RFC 7516 §5.1, step 14). */
function authenticated(header: string, aad: string): Buffer {
  return Buffer.from(`${header}.${aad}`);
}

function parseJwe(stored: string): FlattenedJwe {
  const jwe = parseObject(stored);
  const members = ["protected", "iv", "ciphertext", "tag", "aad"] as const;
  // Another member (an unprotected header, an encrypted key) would be a JWE of another kind.
  const isFlattened =
    Object.keys(jwe).length === members.length && members.every((name) => isCanonicalBase64url(jwe[name]));
  if (!isFlattened) throw new UnreadableValueError("It is not a JWE.");
  return jwe as unknown as FlattenedJwe;
}

/** What the header does not say, or says beside, is not ours to guess: `zip`, `crit`, another algorithm. */
function parseHeader(encodedHeader: string): JweHeader {
  const { alg, enc, kid, ver, ...others } = parseObject(fromBase64url(encodedHeader).toString());
  const isOurs = alg === KEY_MANAGEMENT && enc === CONTENT_ENCRYPTION && Object.keys(others).length === 0;
  if (!isOurs || typeof kid !== "string" || !isVersion(ver))
    throw new UnreadableValueError("It is encrypted in another way.");
  return ver === undefined ? { alg, enc, kid } : { alg, enc, kid, ver };
}

function isVersion(ver: unknown): ver is Version | undefined {
  return ver === undefined || (typeof ver === "string" && parseVersion(ver) !== undefined);
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseStoredJson(text);
  } catch {
    // The message of a SyntaxError quotes what it could not parse; it stays here.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UnreadableValueError("It is not a JWE.");
  return value as Record<string, unknown>;
}

/** Whether nothing but its bytes can be written so: what a decoder would pass over may not be changed either. */
function isCanonicalBase64url(value: unknown): value is string {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]*$/.test(value)) return false;
  const left = value.slice(value.length - (value.length % 4));
  return fromBase64url(left).toString("base64url") === left;
}

function toBase64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function fromBase64url(text: string): Buffer {
  return Buffer.from(text, "base64url");
}
