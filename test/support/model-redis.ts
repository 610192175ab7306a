import { headerBeginningUnder, keyIdIn, SEALED_BEGINNING } from "#dist/sync/encryption.js";
import { UnknownKeyError } from "#dist/sync/errors.js";
import type {
  CollectionState,
  CollectionWrite,
  KeptValue,
  MergeOutcome,
  StoredCollection,
  StoredState,
  StoredValue,
  WireOutcome,
  WireWrite,
} from "#dist/sync/redis-gateway.js";
import { MAX_KEPT } from "#dist/sync/script-parts.js";
import { MAX_SKEW_MS, parseVersion } from "#dist/sync/version.js";
import { ModelCollection, plainText } from "./model-collection.js";

/** What may be evicted of a record, each alone. */
export type EvictedPart = "value" | "version" | "items";

/** What the scripts and the reads do, without a server. That it does the same is tested on a real one. */
export class ModelRedis {
  readonly values = new Map<string, string>();
  readonly versions = new Map<string, { readonly version: string; readonly isDeleted: boolean }>();
  /** The items of collections; their arrays are among the values. */
  readonly collections = new Map<string, ModelCollection>();
  readonly kept = new Map<string, Map<string, string>>();

  readonly #wallNow: () => number;
  readonly #serverNow: () => number;
  /** When a record's value and version, and what is kept of it, end, on the server's clock. */
  readonly #endMs = new Map<string, { record: number; kept: number }>();

  /** @param serverNow What times to live are counted by. Default: a clock that stands still. */
  constructor(wallNow: () => number = () => Date.now(), serverNow: () => number = () => 0) {
    this.#wallNow = wallNow;
    this.#serverNow = serverNow;
  }

  flushAll(): void {
    for (const map of [this.values, this.versions, this.collections, this.kept, this.#endMs]) map.clear();
  }

  evict(redisKey: string, part: EvictedPart): void {
    const parts = { value: this.values, version: this.versions, items: this.collections };
    parts[part].delete(redisKey);
  }

  copy(): ModelRedis {
    const copy = new ModelRedis(this.#wallNow, this.#serverNow);
    for (const [key, value] of this.values) copy.values.set(key, value);
    for (const [key, version] of this.versions) copy.versions.set(key, version);
    for (const [key, collection] of this.collections) copy.collections.set(key, collection.copy());
    for (const [key, kept] of this.kept) copy.kept.set(key, new Map(kept));
    for (const [key, end] of this.#endMs) copy.#endMs.set(key, end);
    return copy;
  }

  put(write: WireWrite): WireOutcome {
    const { redisKey, version, seen, keepsPrevious, isSecret = false, ttlSeconds, keyIds = [] } = write;
    const value = plainText(write.value);
    this.#expire(redisKey);
    const there = this.versions.get(redisKey)?.version;
    const [current, mine] = [parseVersion(there), parseVersion(version)!];
    const isBelieved = current !== undefined && current.ms <= this.#wallNow() + MAX_SKEW_MS;
    if (there !== undefined && there > version && isBelieved) {
      const sealed = this.values.get(redisKey);
      const isOpenBeside = value !== undefined && current.writer !== mine.writer && !isSecret;
      if (isOpenBeside && write.overwritesUnreadable !== true && sealed?.startsWith(SEALED_BEGINNING) === true)
        return {
          kind: "failed",
          error: new UnknownKeyError(keyIdIn(headerIn(sealed)!), false, { header: headerIn(sealed)! }),
        };
      if (value !== undefined && current.writer !== mine.writer) this.#keep(redisKey, version, value, ttlSeconds);
      return { kind: "superseded", by: there };
    }
    const isSeen = there !== undefined && (current?.writer === mine.writer || there <= (seen ?? ""));
    const previous = this.values.get(redisKey);
    const header = previous === undefined ? undefined : headerIn(previous);
    if (header !== undefined && write.overwritesUnreadable !== true) {
      const isReadable = isSecret
        ? keyIds.some((id) => header.startsWith(headerBeginningUnder(id)))
        : isSeen || there === version || previous?.startsWith(SEALED_BEGINNING) !== true;
      if (!isReadable && write.readableHeader !== header)
        return { kind: "failed", error: new UnknownKeyError(keyIdIn(header), isSecret, { header }) };
    }
    let hasKept = false;
    if (there !== version) {
      const isWorthIt = previous !== undefined && previous !== value && previous.length > 2 && previous !== "null";
      const isOpen = isSecret && header === undefined;
      if ((!isSeen || keepsPrevious) && isWorthIt && !isOpen) {
        this.#keep(redisKey, there ?? "0000000000000-0000-unknown", previous, ttlSeconds);
        hasKept = !isSeen;
      }
    }
    this.versions.set(redisKey, { version, isDeleted: value === undefined });
    if (value === undefined) this.values.delete(redisKey);
    else this.values.set(redisKey, value);
    if (isSecret && (header === undefined || !saysVersion(header))) {
      this.collections.delete(redisKey);
      for (const [keptAs, body] of this.kept.get(redisKey) ?? [])
        if (headerIn(body) === undefined) this.kept.get(redisKey)!.delete(keptAs);
    }
    this.#live(redisKey, "record", ttlSeconds);
    return { kind: "applied", ...(hasKept && { hasKept }) };
  }

  merge(write: CollectionWrite): MergeOutcome {
    const { redisKey, limit, keepsPrevious, ttlSeconds } = write;
    this.#expire(redisKey);
    const before = this.collections.get(redisKey);
    const collection = before?.copy() ?? new ModelCollection();
    const { hasChanged, isLossy, superseded } = collection.merge(write, this.#wallNow());
    const previous = this.values.get(redisKey);
    if (hasChanged || previous === undefined) {
      const array = collection.arrayOf(limit);
      const isSealed = before === undefined && previous?.startsWith(SEALED_BEGINNING) === true;
      if (hasChanged && isSealed && write.overwritesUnreadable !== true)
        return {
          kind: "failed",
          error: new UnknownKeyError(keyIdIn(headerIn(previous)!), false, { header: headerIn(previous)! }),
        };
      const isWorthIt = previous !== undefined && Buffer.byteLength(previous) > 2 && previous !== array;
      if (isWorthIt && (isLossy || keepsPrevious || before === undefined))
        this.#keep(redisKey, before?.version ?? "0000000000000-0000-unknown", previous, ttlSeconds);
      if (hasChanged) this.collections.set(redisKey, collection);
      if (array !== undefined) this.values.set(redisKey, array);
      else this.values.delete(redisKey);
    }
    this.#live(redisKey, "record", ttlSeconds);
    return { kind: "merged", state: this.#collectionState(redisKey), superseded };
  }

  readCollection(redisKey: string): StoredCollection & { readonly value: string | undefined } {
    this.#expire(redisKey);
    const { cleared, live = [] } = this.collections.get(redisKey) ?? {};
    return {
      value: this.values.get(redisKey),
      hasValue: this.values.has(redisKey),
      ...this.#collectionState(redisKey),
      cleared,
      items: new Map(live.map(({ id, version, recency }) => [id, { version, recency }])),
    };
  }

  readTombstones(redisKey: string, ids: readonly string[]): (string | undefined)[] {
    this.#expire(redisKey);
    const tombstones = this.collections.get(redisKey)?.tombstones;
    return ids.map((id) => tombstones?.get(id));
  }

  renewCollection(redisKey: string, ttlSeconds: number): CollectionState & { readonly hasValue: boolean } {
    this.#expire(redisKey);
    if (this.values.has(redisKey) || this.collections.has(redisKey)) this.#live(redisKey, "record", ttlSeconds);
    return { hasValue: this.values.has(redisKey), ...this.#collectionState(redisKey) };
  }

  /** As `EXPIRE` does to a record's value and version. */
  renew(redisKey: string, ttlSeconds: number): StoredState {
    const state = this.state(redisKey);
    if (state.hasValue || state.version !== undefined) this.#live(redisKey, "record", ttlSeconds);
    return state;
  }

  read(redisKey: string): StoredValue & { readonly value: string | undefined } {
    this.#expire(redisKey);
    const { version, isDeleted = false } = this.versions.get(redisKey) ?? {};
    return { value: this.values.get(redisKey), version, isDeleted };
  }

  state(redisKey: string): StoredState {
    const { value, ...state } = this.read(redisKey);
    return { ...state, hasValue: value !== undefined };
  }

  listKept(redisKey: string): KeptValue[] {
    return [...(this.kept.get(redisKey) ?? [])].map(([version, value]) => ({
      version,
      bytes: Buffer.byteLength(value),
    }));
  }

  #collectionState(redisKey: string): CollectionState {
    const { version, fingerprint } = this.collections.get(redisKey) ?? {};
    return { version, fingerprint };
  }

  #live(redisKey: string, what: "record" | "kept", ttlSeconds: number): void {
    const endMs = this.#endMs.get(redisKey) ?? { record: Infinity, kept: Infinity };
    this.#endMs.set(redisKey, { ...endMs, [what]: this.#serverNow() + ttlSeconds * 1_000 });
  }

  #expire(redisKey: string): void {
    const nowMs = this.#serverNow();
    const { record = Infinity, kept = Infinity } = this.#endMs.get(redisKey) ?? {};
    if (kept <= nowMs) this.kept.delete(redisKey);
    if (record > nowMs) return;
    this.values.delete(redisKey);
    this.versions.delete(redisKey);
    this.collections.delete(redisKey);
  }

  #keep(redisKey: string, version: string, value: string, ttlSeconds: number): void {
    this.#live(redisKey, "kept", ttlSeconds);
    const kept = this.kept.get(redisKey) ?? new Map<string, string>();
    this.kept.set(redisKey, kept.set(version, value));
    if (kept.size <= MAX_KEPT) return;
    const versions = [...kept.keys()].sort();
    const gapAfter = (index: number) => parseVersion(versions[index + 1])!.ms - parseVersion(versions[index])!.ms;
    let closest = 1;
    for (let index = 2; index < versions.length - 1; index++) if (gapAfter(index) < gapAfter(closest)) closest = index;
    kept.delete(versions[closest]!);
  }
}

/** The protected header of a JWE; `undefined` of any other value. */
function headerIn(text: string): string | undefined {
  const beginning = /^\{"protected":"([A-Za-z0-9_-]+)/.exec(text)?.[1];
  if (beginning !== undefined || !text.startsWith("{")) return beginning;
  try {
    const { protected: header, ciphertext } = JSON.parse(text) as Record<string, unknown>;
    return typeof header === "string" && typeof ciphertext === "string" ? header : undefined;
  } catch {
    return undefined;
  }
}

function saysVersion(header: string): boolean {
  return /^\{[^}]*"kid":"[^"]{11}","v/.test(Buffer.from(header, "base64url").toString());
}
