/** One write as it goes over the wire. */
export type WireWrite =
  | {
      readonly kind: "set";
      readonly redisKey: string;
      readonly value: string;
      readonly ttlSeconds: number;
      /** Leaves alone what is there: for putting back what a restarted server has lost. */
      readonly isOnlyIfAbsent: boolean;
    }
  | { readonly kind: "delete"; readonly redisKey: string };

/** What became of one write: `undefined` if it is in Redis. */
export type WireRefusal = Error | undefined;

/**
 * Redis as the engine needs it. Every call settles within a deadline of the gateway's own, whatever the server does;
 * a call that expires ends the connection.
 */
export interface RedisGateway {
  /**
   * Which server process the connection is to; another one may have come back empty. Where the server does not say,
   * every connection counts as one to another server. `undefined` before the first.
   */
  readonly serverId: string | undefined;
  readonly isConnected: boolean;

  /** Called when an established connection ends without having been asked to. */
  onConnectionLost: (() => void) | undefined;

  /** Connects unless connected. @throws ConnectionLostError @throws RefusedError (`WRONGPASS`, `NOAUTH`, …) */
  connect(): Promise<void>;

  /** Sends all of it in one round trip. Each write has its own refusal. @throws ConnectionLostError: any of them may have arrived. */
  write(batch: readonly WireWrite[]): Promise<WireRefusal[]>;

  /** @throws ConnectionLostError @throws RefusedError */
  read(redisKey: string): Promise<string | undefined>;

  /** @throws ConnectionLostError @throws RefusedError */
  ping(): Promise<void>;

  /** Lets go of the connection at once and for good: whatever is or will be asked of the gateway rejects. */
  close(): void;
}
