import { MAX_VALUE_BYTES } from "../../sync/codec.js";
import { inflate } from "../../sync/compression.js";
import { decrypt, isSealed } from "../../sync/encryption.js";
import { MirrorError, UnreadableValueError } from "../../sync/errors.js";
import type { KeyRing } from "../../sync/key-ring.js";
import { bookkeepingKey } from "../../sync/keys.js";
import { INDEX_FIELD, STATE_FIELD } from "../../sync/merge-script.js";
import { MAX_KEPT } from "../../sync/script-parts.js";
import { parseStoredJson } from "../../sync/stored-json.js";
import { decodeId, type UserKey, type UserKeys } from "../../sync/user-keys.js";
import { parseVersion } from "../../sync/version.js";
import {
  type Content,
  type ExportedItem,
  type ExportedRecord,
  type ExportedVersion,
  MAX_FILE_BYTES,
  tooLarge,
} from "./document.js";

/** What of a record is not in the document, and why. */
export interface LeftOut {
  readonly redisKey: string;
  /** `undefined`: the current one. */
  readonly keptVersion: string | undefined;
  readonly reason: string;
}

export interface ReaderOptions {
  readonly keys: UserKeys;
  /** Whether a record is a secret, however it lies in Redis. */
  isSecret(record: string): boolean;
  /** Decrypts; `undefined`: what is encrypted stays so. */
  readonly keyRing: KeyRing | undefined;
  readonly hasKept: boolean;
  /** How much may be read in all. Default: as much as `import` reads. */
  readonly maxBytes?: number;
}

/** How many items are asked for in one command. */
const AT_ONCE = 50;

/** How often a list is read that changes meanwhile. */
const MAX_LOOKS = 3;

/** Reads records as they lie in Redis, whole. Throws what `UserKeys.ask` does, and `Failure` where they are too much. */
export class RecordReader {
  readonly #options: ReaderOptions;
  readonly leftOut: LeftOut[] = [];
  #bytes = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** @param key Of the record's value, whether that is there or only notes on it. */
  async read({ redisKey, record, instanceId: instance }: UserKey): Promise<ExportedRecord> {
    const { keys } = this.#options;
    const [state] = await keys.ask([["HGET", bookkeepingKey(redisKey, "items"), STATE_FIELD]]);
    const kept = await this.#readKept(redisKey, record);
    const base = { record, instanceId: instance ?? null };
    if (state !== undefined && state !== null) {
      const items = await this.#readItems(redisKey);
      const version = versionIn(state);
      const isDeleted = items?.length === 0;
      return { ...base, version, isDeleted, isEncrypted: false, ...(items !== undefined && { items }), kept };
    }
    const { body, note } = await this.#readValue(redisKey);
    const version = versionIn(note);
    const isDeleted = Buffer.isBuffer(note) && note.toString().endsWith(" deleted");
    const isEncrypted = Buffer.isBuffer(body) && isSealed(body.toString());
    const content =
      body === undefined ? undefined : await this.#contentOf(redisKey, record, body, version ?? undefined);
    return { ...base, version, isDeleted, isEncrypted, ...content, kept };
  }

  /** The value and the note on it, of one and the same save. */
  async #readValue(redisKey: string): Promise<{ body?: Buffer; note?: unknown }> {
    const getNote = ["GET", bookkeepingKey(redisKey, "version")];
    for (let look = 0; look < MAX_LOOKS; look++) {
      const [first, length, second] = await this.#options.keys.ask([getNote, ["STRLEN", redisKey], getNote]);
      if (String(first) !== String(second)) continue;
      const bytes = Number(length ?? 0);
      if (bytes === 0) return { note: first };
      if (bytes > MAX_VALUE_BYTES) {
        this.#leaveOut(redisKey, undefined, "it is larger than the mirror's own");
        return { note: first };
      }
      const [before, body, after] = await this.#options.keys.ask([getNote, ["GET", redisKey], getNote], bytes);
      if (String(before) !== String(after)) continue;
      return { note: before, ...(Buffer.isBuffer(body) && { body }) };
    }
    this.#leaveOut(redisKey, undefined, "it changes all the time: call it again");
    return {};
  }

  /** `undefined`: it changes all the time, or cannot be read. */
  async #readItems(redisKey: string): Promise<ExportedItem[] | undefined> {
    const itemsKey = bookkeepingKey(redisKey, "items");
    for (let look = 0; look < MAX_LOOKS; look++) {
      const [index] = await this.#options.keys.ask([["HGET", itemsKey, INDEX_FIELD]]);
      const lines = Buffer.isBuffer(index) && index.length > 0 ? index.toString().split("\n") : [];
      const ids = lines.map((line) => line.split(" ")[0]!);
      if (ids.length === 0) return [];
      const bodies: unknown[] = [];
      for (let from = 0; from < ids.length; from += AT_ONCE) {
        const some = ids.slice(from, from + AT_ONCE);
        const [part] = await this.#options.keys.ask([["HMGET", itemsKey, ...some]], MAX_VALUE_BYTES);
        bodies.push(...(Array.isArray(part) ? (part as unknown[]) : []));
      }
      const [after] = await this.#options.keys.ask([["HGET", itemsKey, INDEX_FIELD]]);
      if (!Buffer.isBuffer(after) || !after.equals(index as Buffer)) continue;
      try {
        return await Promise.all(lines.map((line, at) => this.#toItem(line, bodies[at])));
      } catch (error) {
        this.#leaveOut(redisKey, undefined, reasonOf(error));
        return undefined;
      }
    }
    this.#leaveOut(redisKey, undefined, "it changes all the time: call it again");
    return undefined;
  }

  async #readKept(redisKey: string, record: string): Promise<ExportedVersion[]> {
    if (!this.#options.hasKept) return [];
    const keptKey = bookkeepingKey(redisKey, "kept");
    const { keys } = this.#options;
    const [count] = await keys.ask([["HLEN", keptKey]]);
    if (Number(count ?? 0) === 0) return [];
    if (Number(count) > 4 * MAX_KEPT) {
      this.#leaveOut(redisKey, "all", "there are more than the mirror keeps");
      return [];
    }
    const [fields] = await keys.ask([["HKEYS", keptKey]]);
    const versions = (Array.isArray(fields) ? fields : []).map(String).sort();
    const kept: ExportedVersion[] = [];
    for (const version of versions) {
      const [length] = await keys.ask([["HSTRLEN", keptKey, version]]);
      if (Number(length ?? 0) > MAX_VALUE_BYTES) {
        this.#leaveOut(redisKey, version, "it is larger than the mirror's own");
        continue;
      }
      const [body] = await keys.ask([["HGET", keptKey, version]], Number(length ?? 0));
      const content = Buffer.isBuffer(body) ? await this.#contentOf(redisKey, record, body, version) : undefined;
      if (content !== undefined) kept.push({ version, ...content });
    }
    return kept;
  }

  async #contentOf(
    redisKey: string,
    record: string,
    body: Buffer,
    version: string | undefined,
  ): Promise<Content | undefined> {
    const { keyRing, isSecret } = this.#options;
    try {
      const text = await this.#inflate(body);
      if (!isSealed(text)) {
        if (!isSecret(record) || keyRing !== undefined) return { value: parseStoredJson(text) };
        throw new UnreadableValueError("It lies open in Redis: `redis-mirrored migrate` encrypts it.");
      }
      if (keyRing === undefined) return { jwe: text };
      return { value: parseStoredJson(await decrypt(text, redisKey, keyRing, asVersion(version))) };
    } catch (error) {
      this.#leaveOut(redisKey, version, reasonOf(error));
      return undefined;
    }
  }

  async #toItem(line: string, body: unknown): Promise<ExportedItem> {
    const [id = "", version = "", recency] = line.split(" ");
    if (!Buffer.isBuffer(body) || parseVersion(version) === undefined)
      throw new UnreadableValueError("An item is missing.");
    const value = parseStoredJson(await this.#inflate(body));
    const number = Number(recency);
    return { id: decodeId(id) ?? id, version, recency: Number.isFinite(number) ? number : 0, value };
  }

  /** @throws Failure before all of what does not fit is in memory. */
  async #inflate(body: Buffer): Promise<string> {
    const { maxBytes = MAX_FILE_BYTES } = this.#options;
    const text = await inflate(body, MAX_VALUE_BYTES);
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > maxBytes) throw tooLarge();
    return text;
  }

  #leaveOut(redisKey: string, keptVersion: string | undefined, reason: string): void {
    this.leftOut.push({ redisKey, keptVersion, reason });
  }
}

/** What is kept under a version that nobody knew is bound to none. */
function asVersion(version: string | undefined): string | undefined {
  return parseVersion(version) === undefined || version!.endsWith("-unknown") ? undefined : version;
}

function versionIn(note: unknown): string | null {
  const version = Buffer.isBuffer(note) ? note.toString().split(" ")[0] : undefined;
  return parseVersion(version) === undefined ? null : version!;
}

/** Holds nothing of a value. */
function reasonOf(error: unknown): string {
  if (error instanceof MirrorError) return error.message;
  throw error;
}
