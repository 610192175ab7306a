import { decrypt, headerOf, isShowable } from "../../sync/encryption.js";
import { UnreadableValueError } from "../../sync/errors.js";
import type { KeyRing } from "../../sync/key-ring.js";
import type { RecordDefinition } from "../../sync/records.js";
import { UNKNOWN_VERSION } from "../../sync/script-parts.js";
import type { Version } from "../../sync/version.js";
import { shownKey } from "../table.js";
import type { PlannedWrite } from "./plan.js";
import { RefusedContentError } from "./refused-content-error.js";

/** A JWE is bound to the name under which it lay. */
export class JweReader {
  readonly #keyRing: KeyRing;

  constructor(keyRing: KeyRing) {
    this.#keyRing = keyRing;
  }

  /**
   * As it is where it lay under this very name, else decrypted, to be encrypted for the new one.
   * @param given The version that the file says.
   * @throws RefusedContentError @throws KeyRingError
   */
  async read(
    jwe: string,
    given: Version | undefined,
    redisKey: string,
    record: RecordDefinition,
  ): Promise<{ readonly body: PlannedWrite["body"]; readonly version: Version | undefined; readonly keyId: string }> {
    const header = headerOf(jwe);
    if (header === undefined) throw new RefusedContentError("it is not encrypted as the mirror does it");
    if (!record.encrypted)
      throw new RefusedContentError("it is encrypted, and here this record is not: set ROO_MIRROR_ENCRYPT=all");
    const { kid, ver } = header;
    const isKnown = given !== undefined && given !== UNKNOWN_VERSION;
    const isBoundOtherwise = ver !== undefined && isKnown && ver !== given;
    if (isBoundOtherwise) throw new RefusedContentError("it was encrypted for another version");
    const version = given ?? ver;
    const name = nameIn(jwe);
    const hasKey = (await this.#keyRing.decryptionKey(kid)) !== undefined;
    if (!hasKey && name === redisKey) return { body: { jwe }, version, keyId: kid };
    if (!hasKey) {
      const key = isShowable(kid) ? `the key ${kid}` : "a key";
      throw new RefusedContentError(
        `it is encrypted for ${shownKey(name)} with ${key}, which is not at hand to encrypt it for ${shownKey(redisKey)}`,
      );
    }
    const text = await decrypt(jwe, name, this.#keyRing, isKnown ? given : ver).catch((error: unknown) => {
      if (error instanceof UnreadableValueError) throw new RefusedContentError("it does not decrypt");
      throw error;
    });
    return { body: name === redisKey ? { jwe } : { text }, version, keyId: kid };
  }
}

/** For which key of Redis it was encrypted, as it says itself. */
function nameIn(jwe: string): string {
  const { aad } = JSON.parse(jwe) as { aad: string };
  return Buffer.from(aad, "base64url").toString();
}
