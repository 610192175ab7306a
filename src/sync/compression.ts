import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { gunzip, gzip, type ZlibOptions } from "node:zlib";
import { UnreadableValueError } from "./errors.js";

const MEBIBYTE = 2 ** 20;

const [gzipped, gunzipped] = [promisify(gzip), promisify(gunzip)];

/** A value as it lies in Redis: text, or one or several gzip members of it. */
export type StoredBody = string | Buffer;

/** By its first two bytes, which neither JSON nor a JWE begins with. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Off the main thread. One gzip member. */
export async function compress(text: string): Promise<Buffer> {
  const member = await gzipped(text, windowFor(Buffer.byteLength(text)));
  // It is a part of a larger buffer, which would be kept in memory with it.
  return copyOf(member);
}

/**
 * A window no larger than the text compresses it as well. Of the default one's 256 KiB nearly all the time goes into having
 * them, where a text is as short as an item.
 */
function windowFor(bytes: number): ZlibOptions {
  const windowBits = Math.min(15, Math.max(9, Math.ceil(Math.log2(bytes))));
  return { windowBits, memLevel: windowBits - 7, chunkSize: Math.min(16_384, Math.max(64, bytes)) };
}

/**
 * The text of what lies in Redis, whether it is compressed or not.
 * @param maxBytes More than that is not unpacked.
 * @throws UnreadableValueError whose message holds nothing of the value.
 */
export async function inflate(stored: StoredBody, maxBytes: number): Promise<string> {
  if (typeof stored === "string") return stored;
  if (!isGzip(stored)) return toText(stored);
  let unpacked: Buffer;
  try {
    unpacked = await gunzipped(stored, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw new UnreadableValueError(
      isTooLarge ? `Unpacked it is larger than ${maxBytes / MEBIBYTE} MiB.` : "It is not gzip, or broken.",
    );
  }
  return toText(unpacked);
}

/** Not with replacement characters in the place of what is none: two texts would be one. */
function toText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new UnreadableValueError("It is not UTF-8.");
  return bytes.toString();
}

export function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
