import { type Clock, withDeadline } from "./clock.js";
import type { Codec } from "./codec.js";
import { ConnectionLostError, UnreadableValueError, VersionNotFoundError } from "./errors.js";
import { isMerged, type RecordDefinition } from "./records.js";
import type { RedisGateway, StoredValue } from "./redis-gateway.js";
import { type ReplayGuard, versionOf } from "./replay-guard.js";
import { UNKNOWN_VERSION } from "./script-parts.js";
import { parseVersion, type Version } from "./version.js";

/** How long somebody who asks for the history is kept waiting: connecting and a large value. */
const ANSWER_DEADLINE_MS = 10_000;

/** One of the versions of a record that Redis holds. */
export interface RecordVersion {
  readonly version: Version;
  readonly savedAt: Date;
  /** Which process of which local store saved it. */
  readonly writer: string;
  /** As it lies in Redis. */
  readonly bytes: number;
  readonly isCurrent: boolean;
}

/** What Redis holds of a record's past: the current version, and those that were overwritten and kept. */
export class RecordHistory {
  readonly #gateway: RedisGateway;
  readonly #codec: Codec;
  readonly #clock: Clock;
  readonly #onSeen: (version: Version | undefined) => void;
  readonly #replayGuard: ReplayGuard | undefined;

  /**
   * @param onSeen Told of the current version: what is saved after it has to be later, whatever the clock here says.
   * @param replayGuard Knows what is not to be believed. Default: all that can be read is.
   */
  constructor(
    gateway: RedisGateway,
    codec: Codec,
    clock: Clock,
    onSeen: (version: Version | undefined) => void = () => {},
    replayGuard?: ReplayGuard,
  ) {
    this.#gateway = gateway;
    this.#codec = codec;
    this.#clock = clock;
    this.#onSeen = onSeen;
    this.#replayGuard = replayGuard;
  }

  /** Newest first. @throws ConnectionLostError @throws RefusedError */
  async list(record: RecordDefinition, redisKey: string): Promise<RecordVersion[]> {
    const { value, version } = await this.#answered(this.#readCurrent(record, redisKey));
    const kept = await this.#answered(this.#gateway.listKept(redisKey));
    const current = version === undefined ? [] : [describeVersion(version, Buffer.byteLength(value ?? ""), true)];
    const others = kept.map(({ version: older, bytes }) => describeVersion(older, bytes, false));
    return [...current, ...others].sort((a, b) => (a.version < b.version ? 1 : -1));
  }

  /** The value of a version. @throws VersionNotFoundError @throws UnreadableValueError and what `list` throws. */
  async read(record: RecordDefinition, redisKey: string, version: Version): Promise<unknown> {
    const current = await this.#answered(this.#readCurrent(record, redisKey));
    const stored =
      current.version === version ? current.value : await this.#answered(this.#gateway.readKept(redisKey, version));
    if (stored === undefined)
      throw new VersionNotFoundError(`Expected one of the kept versions of \`${record.name}\`, got \`${version}\``);
    this.#replayGuard?.expectNotOpen(record, redisKey, stored);
    const savedAs = version === UNKNOWN_VERSION ? undefined : version;
    return this.#answered(this.#codec.decode(record, redisKey, stored, savedAs));
  }

  /** The value of the current version; `undefined`: there is none that can be read. @throws what `list` throws. */
  async readCurrent(record: RecordDefinition, redisKey: string): Promise<unknown> {
    const { version } = await this.#answered(this.#readCurrent(record, redisKey));
    if (version === undefined) return undefined;
    return this.read(record, redisKey, version).catch((error: unknown) => {
      if (error instanceof UnreadableValueError || error instanceof VersionNotFoundError) return undefined;
      throw error;
    });
  }

  async #readCurrent(record: RecordDefinition, redisKey: string): Promise<Pick<StoredValue, "value" | "version">> {
    const read = isMerged(record) ? this.#gateway.readCollection(redisKey) : this.#gateway.read(redisKey);
    const stored = await read;
    const version = isMerged(record) ? stored.version : versionOf(record, stored);
    this.#onSeen(version);
    return { value: stored.value, version };
  }

  /** Somebody waits for this: the process lives until there is an answer, or the deadline. */
  #answered<T>(work: Promise<T>): Promise<T> {
    return withDeadline(work, {
      deadlineMs: ANSWER_DEADLINE_MS,
      onExpired: () => new ConnectionLostError(`No answer within ${ANSWER_DEADLINE_MS} ms.`),
      clock: this.#clock,
      isHoldingProcess: true,
    });
  }
}

function describeVersion(version: Version, bytes: number, isCurrent: boolean): RecordVersion {
  const { ms = 0, writer = "unknown" } = parseVersion(version) ?? {};
  return { version, savedAt: new Date(ms), writer, bytes, isCurrent };
}
