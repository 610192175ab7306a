import type { MirrorKey } from "../sync/key-ring.js";
import type { RedisAddress } from "../sync/redis-address.js";
import { KeySpace } from "../sync/keys.js";
import type { RecordDefinition } from "../sync/records.js";
import type { SyncTimings } from "../sync/timings.js";

/** All that the mirror was told, checked: nothing behind this point asks the environment again. */
export interface Settings {
  readonly isEnabled: boolean;
  readonly address: RedisAddress;
  /** Separates the instances of one user; empty: they share. */
  readonly instanceId: string;
  /** Keys that were named; where there are none, one is made once and kept. */
  readonly keys: readonly MirrorKey[];
  /** Whether what others change is listened for. */
  readonly isSharedLive: boolean;
  readonly records: readonly RecordDefinition[];
  /** Whether what is not encrypted lies in Redis as gzip. */
  readonly isCompressing: boolean;
  /** Whether every record is encrypted, whatever its definition says. */
  readonly isEncryptingAll: boolean;
  /** Whether what is encrypted and cannot be read here is overwritten. */
  readonly overwritesUnreadable: boolean;
  readonly timings: SyncTimings;
}

/** How the keys are named under these settings. */
export function keySpaceOf({ instanceId, address }: Settings): KeySpace {
  return new KeySpace({ instanceId, isCluster: address.cluster !== undefined });
}

/** A setting that cannot be used. Never holds the value of a secret. */
export interface SettingProblem {
  /** As the user wrote it: `REDIS_PORT`, `redis.port`. */
  readonly setting: string;
  /** In words: `an integer from 1 to 65535`. */
  readonly expected: string;
  /** The value and its type; of a secret nothing of it. */
  readonly got: string;
}

export function describeProblem({ setting, expected, got }: SettingProblem): string {
  return `Expected \`${setting}\` to be ${expected}, got ${got}`;
}

export type SettingsResult = { readonly settings: Settings } | { readonly problems: readonly SettingProblem[] };
