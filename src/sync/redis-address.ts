/** A server's name and port. */
export interface RedisEndpoint {
  host: string;
  port: number;
}

/** Who knows which server is the primary, where that changes. */
export interface SentinelAddress {
  /** At least one; the more are named, the more may be away. */
  endpoints: readonly RedisEndpoint[];
  /** The name under which they watch it, `mymaster` in most set-ups. */
  masterName: string;
  /** Of the sentinels themselves; the primary's are beside. */
  username: string | undefined;
  password: string | undefined;
}

/** Where Redis is and how to get in. */
export interface RedisAddress extends RedisEndpoint {
  username: string | undefined;
  password: string | undefined;
  /** Asked at each connection, within a deadline; where it says nothing, `password` stands. */
  askPassword?: (() => PromiseLike<string | undefined>) | undefined;
  database: number;
  tls: { ca: string | undefined } | undefined;
  /** Asked for the primary at each connection; host and port are then of no interest. */
  sentinels?: SentinelAddress | undefined;
  /** Some nodes of a cluster, which know the others; host and port are then of no interest. */
  cluster?: readonly RedisEndpoint[] | undefined;
  /** Whether connections give themselves no name, which takes a right (`client|setname`). Default: they do. */
  isUnnamed?: boolean | undefined;
}

/** How long the gateway waits before it gives up a connection. All in milliseconds. */
export interface GatewayDeadlines {
  /** For name look-up, TCP, TLS and the handshake together, ms. Loading the client, once a process, does not count. */
  connectMs: number;
  /** For a command, or a batch, from sending to its last reply, ms. */
  commandMs: number;
  /** Added to `commandMs` for each mebibyte of a batch or of a value: a slow link is not a dead one. */
  perMebibyteMs: number;
}

export const DEFAULT_DEADLINES: GatewayDeadlines = { connectMs: 2_000, commandMs: 2_000, perMebibyteMs: 8_000 };

/** `127.0.0.1:6379`, as a cluster's nodes are told apart. */
export function nameOf({ host, port }: RedisEndpoint): string {
  return `${host}:${port}`;
}
