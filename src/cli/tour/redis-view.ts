import { isDeepStrictEqual } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import {
  Catalogue,
  Codec,
  ConnectionLostError,
  FixedKeyRing,
  type KeySpace,
  parseKeys,
  type Settings,
} from "../../index.js";
import { systemClock, withDeadline } from "../../sync/clock.js";
import { MAX_VALUE_BYTES } from "../../sync/codec.js";
import { inflate } from "../../sync/compression.js";
import { type Client, openConnection } from "../../sync/connection.js";
import { bookkeepingKey } from "../../sync/keys.js";
import { keySpaceOf } from "../../settings/settings.js";
import { AS_BYTES, bodyOf } from "../../sync/replies.js";
import { newestFirst } from "../../sync/snapshot.js";
import type { LocalState } from "./session.js";

const CONNECT_DEADLINE_MS = 5_000;

const RECORDS = ["taskHistory", "provider", "customInstructions"] as const;

export interface KeyView {
  readonly redisKey: string;
  readonly bytes: number;
  readonly ttlSeconds: number;
  /** Unpacked, if it is compressed. */
  readonly stored: string;
}

/** Looks at what one user has in Redis, with a client beside the mirror's. */
export class RedisView {
  readonly #settings: Settings;
  readonly #keySpace: KeySpace;
  readonly #codec: Codec;
  readonly #catalogue = new Catalogue();
  readonly #userId: string;
  #client: Client | undefined;

  constructor(settings: Settings, userId: string, key: string) {
    this.#settings = settings;
    this.#userId = userId;
    this.#keySpace = keySpaceOf(settings);
    this.#codec = new Codec(new FixedKeyRing(parseKeys(key)));
  }

  async keys(): Promise<KeyView[]> {
    const client = await this.#connected();
    const views: KeyView[] = [];
    for (const record of RECORDS) {
      const redisKey = this.#keyOf(record);
      const body = bodyOf(await client.sendCommand(["GET", redisKey], AS_BYTES));
      if (body === undefined) continue;
      const ttlSeconds = Number(await client.sendCommand(["TTL", redisKey]));
      const stored = await inflate(body, MAX_VALUE_BYTES);
      views.push({ redisKey, stored, bytes: Buffer.byteLength(body), ttlSeconds });
    }
    return views;
  }

  /** How long until Redis holds what the local store does, ms; `undefined` if it does not within the time given. */
  async untilEqual(local: LocalState, timeoutMs: number): Promise<number | undefined> {
    const begin = performance.now();
    while (performance.now() - begin < timeoutMs) {
      if (await this.#isEqual(local)) return performance.now() - begin;
      await pause(10);
    }
    return undefined;
  }

  /** Removes what this user has there. */
  async clear(): Promise<void> {
    const client = await this.#connected();
    const keys = RECORDS.map((record) => this.#keyOf(record));
    const all = keys.flatMap((key) => [
      key,
      ...(["version", "items", "kept"] as const).map((kind) => bookkeepingKey(key, kind)),
    ]);
    await client.sendCommand(["DEL", ...all]);
  }

  close(): void {
    if (this.#client?.isOpen) this.#client.destroy();
    this.#client = undefined;
  }

  async #isEqual(local: LocalState): Promise<boolean> {
    try {
      for (const record of RECORDS)
        if (!isDeepStrictEqual(await this.#read(record), mirroredPart(this.#catalogue, record, local))) return false;
      return true;
    } catch {
      // Not there yet: connecting again is part of waiting.
      this.close();
      return false;
    }
  }

  async #read(record: (typeof RECORDS)[number]): Promise<unknown> {
    const redisKey = this.#keyOf(record);
    const stored = bodyOf(await (await this.#connected()).sendCommand(["GET", redisKey], AS_BYTES));
    // Whether it is the value is what is asked here, and not under which version.
    return stored && this.#codec.decode(this.#catalogue.find(record)!, redisKey, stored, undefined);
  }

  #keyOf(record: string): string {
    return this.#keySpace.keyOf({ userId: this.#userId, record });
  }

  async #connected() {
    if (!this.#client?.isOpen) this.#client = await connect(this.#settings);
    return this.#client;
  }
}

/** What of a local record belongs into the mirror: of a history the newest, newest first. */
export function mirroredPart(catalogue: Catalogue, record: keyof LocalState, local: LocalState): unknown {
  const value = local[record];
  const plain: unknown = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  return Array.isArray(plain) ? newestFirst(plain, catalogue.find(record)!) : plain;
}

async function connect({ address }: Settings): Promise<Client> {
  const waiting = { deadlineMs: CONNECT_DEADLINE_MS, clock: systemClock };
  const opening = openConnection(async () => address, { address, ...waiting, onLost: () => {} });
  // Somebody watches, and waits for this and for the answers: unlike the mirror, it holds the process.
  const onExpired = () => new ConnectionLostError("Redis does not answer.");
  const client = await withDeadline(opening.promise, { ...waiting, onExpired, isHoldingProcess: true });
  client.ref();
  return client;
}
