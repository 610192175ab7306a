import { MAX_KEPT } from "#dist/sync/put-script.js";
import type { KeptValue, StoredState, StoredValue, WireOutcome, WireWrite } from "#dist/sync/redis-gateway.js";
import { MAX_SKEW_MS, parseVersion } from "#dist/sync/version.js";

/** What the put script and the reads do, without a server. That it does the same is tested on a real one. */
export class ModelRedis {
  readonly values = new Map<string, string>();
  readonly versions = new Map<string, { readonly version: string; readonly isDeleted: boolean }>();
  readonly kept = new Map<string, Map<string, string>>();

  readonly #wallNow: () => number;

  constructor(wallNow: () => number = () => Date.now()) {
    this.#wallNow = wallNow;
  }

  flushAll(): void {
    for (const map of [this.values, this.versions, this.kept]) map.clear();
  }

  put(write: WireWrite): WireOutcome {
    const { redisKey, value, version, seen, keepsPrevious } = write;
    const there = this.versions.get(redisKey)?.version;
    const [current, mine] = [parseVersion(there), parseVersion(version)!];
    const isBelieved = current !== undefined && current.ms <= this.#wallNow() + MAX_SKEW_MS;
    if (there !== undefined && there > version && isBelieved) {
      if (value !== undefined && current.writer !== mine.writer) this.#keep(redisKey, version, value);
      return { kind: "superseded", by: there };
    }
    if (there !== version) {
      const isSeen = there !== undefined && (current?.writer === mine.writer || there <= (seen ?? ""));
      const previous = this.values.get(redisKey);
      const isWorthIt = previous !== undefined && previous !== value && previous.length > 2 && previous !== "null";
      if ((!isSeen || keepsPrevious) && isWorthIt)
        this.#keep(redisKey, there ?? "0000000000000-0000-unknown", previous);
    }
    this.versions.set(redisKey, { version, isDeleted: value === undefined });
    if (value === undefined) this.values.delete(redisKey);
    else this.values.set(redisKey, value);
    return { kind: "applied" };
  }

  read(redisKey: string): StoredValue {
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

  #keep(redisKey: string, version: string, value: string): void {
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
