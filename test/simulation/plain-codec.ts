import type { Codec } from "#dist/sync/codec.js";
import { UnreadableValueError } from "#dist/sync/errors.js";

interface Sealing {
  readonly encrypted: boolean;
}

/** Encryption without chance and without threads: it only refuses what was sealed under another name or version. */
export const PLAIN_CODEC = {
  encode: async ({ encrypted }: Sealing, redisKey: string, text: string, version: string) =>
    encrypted ? `${sealOf(redisKey, version)}${text}` : text,
  decrypt: async ({ encrypted }: Sealing, redisKey: string, stored: string, version: string | undefined) =>
    encrypted ? unseal(redisKey, stored, version) : stored,
  decode: async ({ encrypted }: Sealing, redisKey: string, stored: string, version: string | undefined) =>
    JSON.parse(encrypted ? unseal(redisKey, stored, version) : stored) as unknown,
} as unknown as Codec;

function sealOf(redisKey: string, version: string): string {
  return `sealed for ${redisKey} at ${version}: `;
}

function unseal(redisKey: string, stored: string, version: string | undefined): string {
  const sealed = /^sealed for \S+ at (\S+): /.exec(stored);
  const isOurs = sealed?.[0] === sealOf(redisKey, version ?? sealed?.[1] ?? "");
  if (!isOurs) throw new UnreadableValueError("It was sealed for something else.");
  return stored.slice(sealed[0].length);
}
