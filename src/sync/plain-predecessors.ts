import type { Author } from "./author.js";
import { MAX_VALUE_BYTES } from "./codec.js";
import type { Encoder } from "./encoder.js";
import { ConnectionLostError, MirrorError, UnreadableValueError } from "./errors.js";
import { isSealed } from "./encryption.js";
import type { RecordDefinition } from "./records.js";
import type { RedisGateway } from "./redis-gateway.js";
import type { ReplayGuard } from "./replay-guard.js";
import { UNKNOWN_VERSION } from "./script-parts.js";
import { setLast } from "./set-last.js";
import type { PendingDocument } from "./writes.js";

/** Of so many records it is known that nothing lies in plain; the others are looked at once more. */
const MAX_SEALED = 10_000;

export interface PlainPredecessorsOptions {
  gateway: RedisGateway;
  encoder: Encoder;
  replayGuard: ReplayGuard;
  author: Author;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition): number;
}

/**
 * What lies in plain under the name of a record that is encrypted from now on. It is not kept beside what overwrites it, so
 * it is encrypted in its place before that: then it is kept as any other value is.
 */
export class PlainPredecessors {
  readonly #options: PlainPredecessorsOptions;
  /** Once in a process is enough, as long as it is remembered. */
  readonly #sealed = new Map<string, true>();

  constructor(options: PlainPredecessorsOptions) {
    this.#options = options;
  }

  /** Before these are sent. What Redis refuses of it does not hold them up. @throws ConnectionLostError */
  async sealBefore(writes: readonly PendingDocument[]): Promise<void> {
    const { replayGuard } = this.#options;
    for (const { record, redisKey } of writes) {
      // What lies open although it was encrypted is nobody's to be kept, and must not be given out as ours.
      if (record.isReadInPlain !== true || this.#sealed.has(redisKey) || replayGuard.isSealed(redisKey)) continue;
      if (await this.#seal(record, redisKey)) setLast(this.#sealed, redisKey, true, MAX_SEALED);
    }
  }

  /** Whether nothing is left to be done. */
  async #seal(record: RecordDefinition, redisKey: string): Promise<boolean> {
    const { gateway, encoder, author, ttlSecondsOf } = this.#options;
    try {
      const stored = await gateway.read(redisKey);
      if (stored.value === undefined || isSealed(stored.value)) return true;
      const ofItems = record.kind === "collection" ? (await gateway.readCollection(redisKey)).version : undefined;
      const version = stored.version ?? ofItems ?? UNKNOWN_VERSION;
      author.observe(stored.version ?? ofItems);
      const text = await encoder.decrypt(record, redisKey, stored.value, version, MAX_VALUE_BYTES);
      const [value] = await encoder.encodeAll([{ record, redisKey, text, version }]);
      if (value === undefined || value instanceof MirrorError) return false;
      const ttlSeconds = ttlSecondsOf(record);
      const secret = { isSecret: true, keyIds: await encoder.keyIds() };
      const [outcome] = await gateway.write([
        { redisKey, value, version, seen: version, keepsPrevious: false, ttlSeconds, ...secret },
      ]);
      return outcome?.kind !== "failed";
    } catch (error) {
      if (error instanceof ConnectionLostError) throw error;
      // Nobody can read it, here or elsewhere.
      return error instanceof UnreadableValueError;
    }
  }
}
