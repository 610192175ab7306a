import { type Clock, withDeadline } from "./clock.js";
import type { Codec } from "./codec.js";
import type { StoredBody } from "./compression.js";
import { KeyRingError, MirrorError } from "./errors.js";
import type { RecordDefinition } from "./records.js";
import type { CollectionWrite } from "./redis-gateway.js";
import type { Version } from "./version.js";
import type { PreparedDocument } from "./writes.js";

/** How long the key of a secret may take, from a keychain that may have to be unlocked; and compressing as long. */
const KEY_DEADLINE_MS = 2_000;

/** How many texts are compressed at a time: as many threads as Node has for it by default, each with 300 KB for itself. */
const COMPRESSED_AT_ONCE = 4;

/** A value as it goes over the wire, `undefined` for a deletion; or why there is none. */
export type Encoded = StoredBody | undefined | MirrorError;

/** A value, and the version under which it goes there. */
export type Plain = Pick<PreparedDocument, "record" | "redisKey" | "text"> & { readonly version: Version };

/** The codec for those who cannot wait: a keychain that asks a person who is not there must not hold up everything. */
export class Encoder {
  readonly #codec: Codec;
  readonly #clock: Clock;
  readonly #abandons = new Set<(error: Error) => void>();

  constructor(codec: Codec, clock: Clock) {
    this.#codec = codec;
    this.#clock = clock;
  }

  /** All at once, so that a silent keychain costs its deadline once. One that fails leaves the others alone. Does not reject. */
  async encodeAll(writes: readonly Plain[]): Promise<Encoded[]> {
    const [secrets, bodies] = await Promise.all([
      Promise.all(writes.map((write) => this.#encrypt(write))),
      this.#compressAll(writes.map((write) => (write.record.encrypted ? { ...write, text: undefined } : write))),
    ]);
    return writes.map(({ record }, index) => (record.encrypted ? secrets[index] : bodies[index]));
  }

  /** The items of collections, each compressed for itself if the mirror compresses. Does not reject. */
  async encodeItems(
    writes: readonly { readonly record: RecordDefinition; readonly wire: CollectionWrite }[],
  ): Promise<CollectionWrite[]> {
    if (!this.#codec.isCompressing) return writes.map(({ wire }) => wire);
    const texts = writes.flatMap(({ record, wire: { redisKey, items } }) =>
      items.map(({ body, version }) => ({
        record,
        redisKey,
        version,
        text: typeof body === "string" ? body : undefined,
      })),
    );
    const bodies = (await this.#compressAll(texts)).values();
    return writes.map(({ wire }) => ({
      ...wire,
      items: wire.items.map((item) => ({ ...item, body: bodies.next().value })),
    }));
  }

  async #encrypt({ record, redisKey, text, version }: Plain): Promise<Encoded> {
    if (text === undefined || !record.encrypted) return undefined;
    try {
      return await this.#bounded(this.#codec.encode(record, redisKey, text, version));
    } catch (error) {
      return error instanceof MirrorError ? error : new KeyRingError("It could not be encrypted", { cause: error });
    }
  }

  /** What cannot be compressed, or not in time, goes as it is: readers tell the two apart. */
  async #compressAll(plains: readonly Plain[]): Promise<(StoredBody | undefined)[]> {
    const bodies: (StoredBody | undefined)[] = plains.map(({ text }) => text);
    if (!this.#codec.isCompressing) return bodies;
    const rest = plains.entries();
    let isOver = false;
    const compressSome = async () => {
      for (const [index, { record, redisKey, text, version }] of rest) {
        if (isOver) return;
        if (text !== undefined) bodies[index] = await this.#codec.encode(record, redisKey, text, version);
      }
    };
    await this.#bounded(Promise.all(Array.from({ length: COMPRESSED_AT_ONCE }, compressSome))).catch(() => {});
    isOver = true;
    return bodies;
  }

  /**
   * The stored value as JSON.
   * @param version Under which it lies there; `undefined`: nobody knows.
   * @param maxBytes More than that is not unpacked.
   * @throws UnreadableValueError @throws KeyRingError
   */
  decrypt(
    record: RecordDefinition,
    redisKey: string,
    stored: StoredBody,
    version: Version | undefined,
    maxBytes: number,
  ): Promise<string> {
    return this.#bounded(this.#codec.decrypt(record, redisKey, stored, version, maxBytes));
  }

  /**
   * A secret that lies or lay in Redis, encrypted with the first key of the ring: as it is, or anew, for the same version.
   * @throws UnreadableValueError where its key is not on the ring any more. @throws KeyRingError
   */
  async underFirstKey(
    record: RecordDefinition,
    redisKey: string,
    stored: StoredBody,
    version: Version,
  ): Promise<StoredBody> {
    if (await this.#bounded(this.#codec.isUnderFirstKey(stored))) return stored;
    const text = await this.#bounded(this.#codec.decrypt(record, redisKey, stored, version));
    return this.#bounded(this.#codec.encode(record, redisKey, text, version));
  }

  /** With which keys what is encrypted can be read here; none where the key store does not say. Does not reject. */
  async keyIds(): Promise<readonly string[]> {
    return this.#bounded(this.#codec.keyIds()).catch(() => []);
  }

  /** Whether a key can be had, also one that was added just now. Does not reject. */
  async hasKey(id: string): Promise<boolean> {
    return this.#bounded(this.#codec.hasKey(id)).catch(() => false);
  }

  /** Lets go of a keychain that is being asked. */
  close(): void {
    for (const abandon of this.#abandons) abandon(new KeyRingError("The mirror was closed"));
  }

  #bounded<T>(work: Promise<T>): Promise<T> {
    let abandon!: (error: Error) => void;
    const closing = new Promise<never>((_resolve, reject) => (abandon = reject));
    this.#abandons.add(abandon);
    return withDeadline(Promise.race([work, closing]), {
      deadlineMs: KEY_DEADLINE_MS,
      onExpired: () => new KeyRingError(`The key store did not answer within ${KEY_DEADLINE_MS} ms`),
      clock: this.#clock,
    }).finally(() => this.#abandons.delete(abandon));
  }
}
