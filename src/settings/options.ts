import type { Memento } from "../sync/memento.js";
import type { RecordDefinition } from "../sync/records.js";
import type { SyncTimings } from "../sync/timings.js";
import type { HostSettings } from "./host-settings.js";
import type { Logger } from "./logger.js";

/** A place for secrets: VS Code's `context.secrets` is one. */
export interface SecretStorage {
  /** `undefined`: there is none. */
  get(key: string): PromiseLike<string | undefined>;
  store(key: string, value: string): PromiseLike<void>;
}

/** What a host may say. All of it is optional; what is left out comes from the environment, then from the defaults. */
export interface MirrorOptions {
  /** Where Redis is, and how to get in. */
  redis?: {
    /** `redis://` or `rediss://`, with user, password, host, port and database; overrides the parts below. */
    url?: string;
    /** Default `localhost`. */
    host?: string;
    /** Default 6379. */
    port?: number;
    /** The ACL user. Default: none. */
    username?: string;
    /**
     * A function is asked at each connection, for a second at most; where it has none, the password of the environment or the
     * URL stands.
     */
    password?: string | (() => PromiseLike<string | undefined>);
    /** The number of the database. Default 0. */
    database?: number;
    /** Default false. `ca`: certificate authorities to trust instead of the system's, in PEM. */
    tls?: boolean | { ca?: string };
    /** Sentinels, each `host:port`: they say which server is the primary, and host and port are not used. Port 26379 by default. */
    sentinels?: string[];
    /** The name under which the sentinels watch it. Default `mymaster`. */
    masterName?: string;
    /** Of the sentinels themselves. Default: none. */
    sentinelUsername?: string;
    sentinelPassword?: string;
    /** Some nodes of a cluster, each `host:port`; they know the others, and host and port are not used. Port 6379 by default. */
    cluster?: string[];
  };
  /** Whose state it is; a function where that becomes known later or changes. `undefined`: mirror nothing for now. */
  userId?: string | (() => string | undefined);
  /** Separates several instances of one user. Default: none, they share. */
  instanceId?: string;
  /** The keys of encrypted records, each 32 bytes in base64url; the first encrypts, all decrypt. */
  keys?: string[];
  /** Where the key that is made on first use is kept. Default: a file that only its owner may read. */
  secrets?: SecretStorage;
  /**
   * Where the mirror remembers, beside the local store, which versions it has seen: VS Code's `context.globalState`.
   * Default: forgotten with the process; then each start's first save of a record keeps what it overwrites.
   */
  memento?: Memento;
  /** Records of the host's own, made with `defineRecord`. */
  records?: RecordDefinition[];
  /**
   * `"all"`: every record leaves the process only as a JWE, collections as a whole. Default `"secrets"`: those that are
   * defined so.
   */
  encrypt?: "secrets" | "all";
  /**
   * Whether what lies in Redis is overwritten also where it is encrypted in a way that this machine cannot read: what is
   * overwritten is kept beside. Default false: the save waits until the key is here.
   */
  overwriteUnreadable?: boolean;
  /** Whether what is not encrypted goes to Redis as gzip of its JSON. It is read either way. Default false. */
  compression?: boolean;
  /**
   * `"live"`: what another instance changes is heard of at once, as the event `remoteChange`, for `adoptRemote` to take over.
   * Default `"off"`: it is found out when it is restored, or overwritten.
   */
  share?: "off" | "live";
  /** `false` binds the no-op. Default true. */
  enabled?: boolean;
  /** What the user has set in VS Code, which goes before the environment. Default: nothing. */
  settings?: HostSettings;
  /** Default: the console, for what needs attention. */
  logger?: Logger;
  /** Default: `process.env`. */
  env?: Record<string, string | undefined>;
  /** Those that are not to be the default. */
  timings?: Partial<SyncTimings>;
}
