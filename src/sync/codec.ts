import { compress, inflate, type StoredBody } from "./compression.js";
import { decrypt, encrypt, headerBeginningUnder, isSealed, JWE_BEGINNING, SEALED_BEGINNING } from "./encryption.js";
import { UnreadableValueError } from "./errors.js";
import type { KeyRing } from "./key-ring.js";
import type { RecordDefinition } from "./records.js";
import { type AcceptedValue, acceptValue } from "./record-schema.js";
import { parseStoredJson } from "./stored-json.js";
import type { Version } from "./version.js";

/** As much as the mirror reads of one value: what is larger it has not written. */
export const MAX_VALUE_BYTES = 32 * 2 ** 20;

export interface CodecOptions {
  /** Whether what is not encrypted goes out as gzip. It is read either way. Default false. */
  isCompressing?: boolean;
}

/** Between the JSON of a snapshot and what lies in Redis. */
export class Codec {
  readonly isCompressing: boolean;
  /** Called with how many items of a collection a host does not get, because they do not pass the record's schema. */
  onLeftOut: ((record: RecordDefinition, redisKey: string, items: number) => void) | undefined;
  readonly #keyRing: KeyRing;

  constructor(keyRing: KeyRing, { isCompressing = false }: CodecOptions = {}) {
    this.#keyRing = keyRing;
    this.isCompressing = isCompressing;
  }

  /** With which keys what is encrypted can be read here. @throws KeyRingError */
  keyIds(): Promise<readonly string[]> {
    return this.#keyRing.decryptionKeyIds();
  }

  /** Whether a key can be had, also one that was added to the ring just now. @throws KeyRingError */
  async hasKey(id: string): Promise<boolean> {
    return (await this.#keyRing.decryptionKey(id)) !== undefined && (await this.keyIds()).includes(id);
  }

  /** Whether it is encrypted with the key that encrypts now. @throws KeyRingError */
  async isUnderFirstKey(stored: StoredBody): Promise<boolean> {
    const [first] = await this.keyIds();
    return first !== undefined && stored.toString().startsWith(JWE_BEGINNING + headerBeginningUnder(first));
  }

  /** @param version Of the save, to which a secret is bound. @throws KeyRingError */
  async encode(record: RecordDefinition, redisKey: string, text: string, version: Version): Promise<StoredBody> {
    if (record.encrypted) return encrypt(text, redisKey, this.#keyRing, version);
    return this.isCompressing ? compress(text) : text;
  }

  /**
   * @param version Under which it lies there; `undefined`: nobody knows.
   * @throws UnreadableValueError whose message holds nothing of the value. @throws KeyRingError
   */
  async decode(
    record: RecordDefinition,
    redisKey: string,
    stored: StoredBody,
    version: Version | undefined,
  ): Promise<unknown> {
    return (await this.accept(record, redisKey, stored, version)).value;
  }

  /** As `decode`, and says how many items of a collection the host does not get. */
  async accept(
    record: RecordDefinition,
    redisKey: string,
    stored: StoredBody,
    version: Version | undefined,
  ): Promise<AcceptedValue> {
    const accepted = acceptValue(record, parse(record, await this.decrypt(record, redisKey, stored, version)));
    if (accepted.leftOut > 0) this.onLeftOut?.(record, redisKey, accepted.leftOut);
    return accepted;
  }

  /**
   * The JSON, as it was taken down.
   * @param version Under which it lies there; `undefined`: nobody knows.
   * @param maxBytes More than that is not unpacked.
   * @throws UnreadableValueError @throws KeyRingError
   */
  async decrypt(
    record: RecordDefinition,
    redisKey: string,
    stored: StoredBody,
    version: Version | undefined,
    maxBytes = MAX_VALUE_BYTES,
  ): Promise<string> {
    if (!record.encrypted) return inflate(expectOpen(stored), maxBytes);
    if (record.isReadInPlain === true && !isSealed(stored)) return inflate(stored, maxBytes);
    if (typeof stored !== "string") throw new UnreadableValueError("It is gzip, and no JWE.");
    return decrypt(stored, redisKey, this.#keyRing, version);
  }
}

/** Of an instance that encrypts more records than this one. */
function expectOpen(stored: StoredBody): StoredBody {
  if (typeof stored === "string" && stored.startsWith(SEALED_BEGINNING))
    throw new UnreadableValueError("It is encrypted, and here this record is not.");
  return stored;
}

function parse(record: RecordDefinition, text: string): unknown {
  const value = parseStoredJson(text);
  if (record.kind === "collection" && !Array.isArray(value)) throw new UnreadableValueError("It is not an array.");
  return value;
}
