import { UnreadableValueError } from "./errors.js";
import type { KeyRing } from "./key-ring.js";

// Loaded with the first secret: 20 ms that activation does not pay.
const loadJose = () => import("jose");

const KEY_MANAGEMENT = "dir";
const CONTENT_ENCRYPTION = "A256GCM";

/**
 * Encrypts to a JWE (RFC 7516 §7.2.2, flattened JSON serialization). The Redis key's own name is the additional
 * authenticated data, so a ciphertext that is moved to another user or record does not open there.
 *
 * @throws KeyRingError
 */
export async function encrypt(plaintext: string, redisKey: string, keyRing: KeyRing): Promise<string> {
  const { FlattenedEncrypt } = await loadJose();
  const key = await keyRing.encryptionKey();
  const jwe = await new FlattenedEncrypt(Buffer.from(plaintext))
    .setProtectedHeader({ alg: KEY_MANAGEMENT, enc: CONTENT_ENCRYPTION, kid: key.id })
    .setAdditionalAuthenticatedData(Buffer.from(redisKey))
    .encrypt(key.bytes);
  return JSON.stringify(jwe);
}

/**
 * @throws UnreadableValueError where it is no JWE, was made with a key that is not on the ring, was moved here from
 * another Redis key, or was changed.
 * @throws KeyRingError
 */
export async function decrypt(ciphertext: string, redisKey: string, keyRing: KeyRing): Promise<string> {
  const { flattenedDecrypt, errors } = await loadJose();
  try {
    const opened = await flattenedDecrypt(
      JSON.parse(ciphertext) as Parameters<typeof flattenedDecrypt>[0],
      async (header) => {
        const kid = header?.kid;
        const key = typeof kid === "string" ? await keyRing.decryptionKey(kid) : undefined;
        if (key === undefined)
          throw new UnreadableValueError("It was encrypted with a key that this machine does not have.");
        return key.bytes;
      },
      { keyManagementAlgorithms: [KEY_MANAGEMENT], contentEncryptionAlgorithms: [CONTENT_ENCRYPTION] },
    );
    const boundTo = Buffer.from(opened.additionalAuthenticatedData ?? []).toString();
    if (boundTo !== redisKey) throw new UnreadableValueError("It was encrypted for another key.");
    return Buffer.from(opened.plaintext).toString();
  } catch (error) {
    if (error instanceof errors.JOSEError) throw new UnreadableValueError("It does not decrypt.", { cause: error });
    // The message of a SyntaxError quotes what it could not parse; it stays here.
    if (error instanceof SyntaxError || error instanceof TypeError) throw new UnreadableValueError("It is not a JWE.");
    throw error;
  }
}
