import { decrypt, encrypt } from "./encryption.js";
import { UnreadableValueError } from "./errors.js";
import type { KeyRing } from "./key-ring.js";
import type { RecordDefinition } from "./records.js";

/** Between the JSON of a snapshot and the string that lies in Redis. */
export class Codec {
  readonly #keyRing: KeyRing;

  constructor(keyRing: KeyRing) {
    this.#keyRing = keyRing;
  }

  /** @throws KeyRingError */
  async encode(record: RecordDefinition, redisKey: string, text: string): Promise<string> {
    return record.encrypted ? encrypt(text, redisKey, this.#keyRing) : text;
  }

  /** @throws UnreadableValueError whose message holds nothing of the value. @throws KeyRingError */
  async decode(record: RecordDefinition, redisKey: string, stored: string): Promise<unknown> {
    return parse(record, await this.decrypt(record, redisKey, stored));
  }

  /** The JSON, as it was taken down. @throws UnreadableValueError @throws KeyRingError */
  async decrypt(record: RecordDefinition, redisKey: string, stored: string): Promise<string> {
    return record.encrypted ? decrypt(stored, redisKey, this.#keyRing) : stored;
  }
}

function parse(record: RecordDefinition, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No cause: the SyntaxError quotes the text, and that may be a decrypted profile.
    throw new UnreadableValueError("It is not JSON.");
  }
  if (record.kind === "collection" && !Array.isArray(value)) throw new UnreadableValueError("It is not an array.");
  return value;
}
