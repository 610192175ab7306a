import type { Codec } from "#dist/sync/codec.js";
import { headerOf } from "#dist/sync/encryption.js";
import { UnreadableValueError } from "#dist/sync/errors.js";
import { base64url, KNOWN_KEY } from "../support/sealed.js";

interface Sealing {
  readonly encrypted: boolean;
}

/** Encryption without chance and without threads: it only refuses what was sealed under another name or version. */
export const PLAIN_CODEC = {
  isUnderFirstKey: async () => true,
  keyIds: async () => [KNOWN_KEY],
  hasKey: async (id: string) => id === KNOWN_KEY,
  encode: async ({ encrypted }: Sealing, redisKey: string, text: string, version: string) =>
    encrypted ? seal(redisKey, text, version) : text,
  decrypt: async ({ encrypted }: Sealing, redisKey: string, stored: string, version: string | undefined) =>
    encrypted ? unseal(redisKey, stored, version) : stored,
  decode: async (sealing: Sealing, redisKey: string, stored: string, version: string | undefined) =>
    open(sealing, redisKey, stored, version),
  accept: async (sealing: Sealing, redisKey: string, stored: string, version: string | undefined) => ({
    value: open(sealing, redisKey, stored, version),
    leftOut: 0,
  }),
} as unknown as Codec;

function open({ encrypted }: Sealing, redisKey: string, stored: string, version: string | undefined): unknown {
  return JSON.parse(encrypted ? unseal(redisKey, stored, version) : stored);
}

function seal(redisKey: string, text: string, ver: string): string {
  const header = base64url(JSON.stringify({ alg: "dir", enc: "A256GCM", kid: KNOWN_KEY, ver }));
  return JSON.stringify({ protected: header, iv: "", ciphertext: base64url(text), tag: "", aad: base64url(redisKey) });
}

function unseal(redisKey: string, stored: string, version: string | undefined): string {
  const ver = headerOf(stored)?.ver;
  const text = textIn(stored);
  if (text === undefined || ver === undefined || stored !== seal(redisKey, text, version ?? ver))
    throw new UnreadableValueError("It was sealed for something else.");
  return text;
}

/** What a sealed value holds; `undefined`: it is none. */
export function textIn(stored: string): string | undefined {
  if (headerOf(stored) === undefined) return undefined;
  const { ciphertext } = JSON.parse(stored) as { ciphertext: string };
  return Buffer.from(ciphertext, "base64url").toString();
}
