import type { createClient } from "@redis/client";
import { type Clock, systemClock, withDeadline } from "./clock.js";
import { ConnectionLostError, describeError, MirrorError, RefusedError } from "./errors.js";
import { bookkeepingKey } from "./keys.js";
import { PUT_SCRIPT, PUT_SCRIPT_SHA } from "./put-script.js";
import type { KeptValue, RedisGateway, StoredState, StoredValue, WireOutcome, WireWrite } from "./redis-gateway.js";
import { MAX_SKEW_MS, parseVersion, type Version } from "./version.js";

type Client = ReturnType<typeof createClient>;

/** Where Redis is and how to get in. */
export interface RedisAddress {
  host: string;
  port: number;
  username: string | undefined;
  password: string | undefined;
  database: number;
  tls: { ca: string | undefined } | undefined;
}

export interface GatewayDeadlines {
  /** For name look-up, TCP, TLS and the handshake together, ms. */
  connectMs: number;
  /** For a command, or a batch, from sending to its last reply, ms. */
  commandMs: number;
  /** Added to `commandMs` for each mebibyte of a batch: a slow link is not a dead one. */
  perMebibyteMs: number;
}

export const DEFAULT_DEADLINES: GatewayDeadlines = { connectMs: 2_000, commandMs: 2_000, perMebibyteMs: 8_000 };

/** Replies that say "not now" about the whole server: waiting helps, as with a lost connection. */
const TRANSIENT_REPLIES = new Set(["LOADING", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "BUSY"]);

/**
 * The gateway over node-redis. The client bounds neither a command that was sent nor the handshake nor its own
 * `close()`, queues without limit while offline, and reconnects by itself: so each await has a deadline here, after
 * which the client is destroyed and the next call makes another one; its queue and its reconnecting are off.
 */
export class NodeRedisGateway implements RedisGateway {
  onConnectionLost: (() => void) | undefined;
  readonly #address: RedisAddress;
  readonly #deadlines: GatewayDeadlines;
  readonly #clock: Clock;
  #connections = 0;
  /** Whether the server of this connection has been sent the script's text. */
  #hasScript = false;
  #isClosed = false;
  #client: Client | undefined;
  #opening: { readonly promise: Promise<void>; readonly abandon: () => void } | undefined;

  constructor(address: RedisAddress, deadlines: GatewayDeadlines = DEFAULT_DEADLINES, clock: Clock = systemClock) {
    this.#address = address;
    this.#deadlines = deadlines;
    this.#clock = clock;
  }

  get connections(): number {
    return this.#connections;
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
  }

  connect(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ConnectionLostError("The mirror is closed."));
    if (this.#client !== undefined) return Promise.resolve();
    this.#opening ??= this.#open();
    return this.#opening.promise;
  }

  async write(batch: readonly WireWrite[]): Promise<WireOutcome[]> {
    const bytes = batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    const deadlineMs = this.#deadlines.commandMs + (bytes / 2 ** 20) * this.#deadlines.perMebibyteMs;
    return this.#withClient(deadlineMs, async (client) => {
      const replies = await this.#put(client, batch);
      // The server has forgotten the script (`SCRIPT FLUSH`, or it is another one now).
      const forgotten = replies.flatMap((reply, index) => (isUnknownScript(reply) ? [index] : []));
      if (forgotten.length > 0) {
        this.#hasScript = false;
        const again = await this.#put(
          client,
          forgotten.map((index) => batch[index]!),
        );
        for (const [position, index] of forgotten.entries()) replies[index] = again[position];
      }
      // A primary that was demoted stays one for this connection; the next may lead to its successor.
      if (replies.some((reply) => reply instanceof RefusedError && reply.reply === "READONLY")) this.#discard(client);
      return replies.map(toOutcome);
    });
  }

  read(redisKey: string): Promise<StoredValue> {
    return this.#withClient(this.#deadlines.commandMs, async (client) => {
      // One command, so that the two are of the same moment.
      const [value, version] = await client.mGet([redisKey, bookkeepingKey(redisKey, "version")]);
      return { value: value ?? undefined, ...toVersion(version) };
    });
  }

  renew(records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[]): Promise<StoredState[]> {
    return this.#withClient(this.#deadlines.commandMs, (client) =>
      Promise.all(
        records.map(async ({ redisKey, ttlSeconds }) => {
          const versionKey = bookkeepingKey(redisKey, "version");
          const [version, hasValue] = await Promise.all([
            client.mGet([versionKey]),
            client.expire(redisKey, ttlSeconds),
            client.expire(versionKey, ttlSeconds),
          ]);
          return { hasValue: hasValue === 1, ...toVersion(version[0]) };
        }),
      ),
    );
  }

  listKept(redisKey: string): Promise<KeptValue[]> {
    return this.#withClient(this.#deadlines.commandMs, async (client) => {
      const keptKey = bookkeepingKey(redisKey, "kept");
      const versions = await client.hKeys(keptKey);
      const sizes = await Promise.all(versions.map((version) => client.hStrLen(keptKey, version)));
      return versions.map((version, index) => ({ version, bytes: Number(sizes[index]) }));
    });
  }

  readKept(redisKey: string, version: Version): Promise<string | undefined> {
    return this.#withClient(
      this.#deadlines.commandMs,
      async (client) => (await client.hGet(bookkeepingKey(redisKey, "kept"), version)) ?? undefined,
    );
  }

  async ping(): Promise<void> {
    await this.#withClient(this.#deadlines.commandMs, (client) => client.ping());
  }

  close(): void {
    this.#isClosed = true;
    this.#opening?.abandon();
    this.#opening = undefined;
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) destroy(client);
  }

  #open() {
    let client: Client | undefined;
    let hasSocket = false;
    let isAbandoned = false;
    let reject!: (error: Error) => void;
    const abandonment = new Promise<never>((_resolve, fail) => (reject = fail));
    // A client that is destroyed before it has its socket forgets the socket that is being made, which then stays open:
    // it has to have it first. Until then the socket's own timeout bounds it.
    const letGo = () => {
      isAbandoned = true;
      if (client !== undefined && hasSocket) destroy(client);
    };
    const abandon = () => {
      letGo();
      reject(new ConnectionLostError("The connection was closed while it was being made."));
    };
    const work = async () => {
      const { createClient } = await import("./redis-client.js");
      if (isAbandoned) return;
      client = createClient(this.#clientOptions());
      // Without a listener a cut socket would end the process.
      client.on("error", () => this.#lose(client!));
      client.on("connect", () => {
        hasSocket = true;
        if (isAbandoned) letGo();
      });
      // The mirror is never a reason for the process to stay.
      client.unref();
      await client.connect();
      if (isAbandoned) return destroy(client);
      this.#client = client;
      this.#connections++;
      this.#hasScript = false;
    };
    const deadlineMs = this.#deadlines.connectMs;
    const promise = withDeadline(Promise.race([work(), abandonment]), {
      deadlineMs,
      onExpired: () => new ConnectionLostError(`No connection within ${deadlineMs} ms.`),
      clock: this.#clock,
    }).then(
      () => void (this.#opening = undefined),
      (error: unknown) => {
        letGo();
        this.#opening = undefined;
        throw classify(error);
      },
    );
    // Reads and writes wait for it each on their own; nobody else needs to hear of it.
    promise.catch(() => {});
    return { promise, abandon };
  }

  async #withClient<T>(deadlineMs: number, work: (client: Client) => Promise<T>): Promise<T> {
    await this.connect();
    const client = this.#client;
    if (client === undefined) throw new ConnectionLostError("The connection was closed.");
    try {
      return await withDeadline(work(client), {
        deadlineMs,
        onExpired: () => new ConnectionLostError(`No answer within ${Math.round(deadlineMs)} ms.`),
        clock: this.#clock,
      });
    } catch (error) {
      const failure = classify(error);
      if (failure instanceof ConnectionLostError) this.#discard(client);
      throw failure;
    }
  }

  /** Commands of one tick leave in one write, so this is one round trip. The replies, errors included, one a write. */
  #put(client: Client, batch: readonly WireWrite[]): Promise<unknown[]> {
    const horizonMs = this.#clock.wallNow() + MAX_SKEW_MS;
    const replies = batch.map((write) => {
      const script = this.#hasScript ? ["EVALSHA", PUT_SCRIPT_SHA] : ["EVAL", PUT_SCRIPT];
      // Those behind it in the pipeline find it there.
      this.#hasScript = true;
      return client.sendCommand([...script, ...toArguments(write, horizonMs)]).catch((error: unknown) => {
        const failure = classify(error);
        if (failure instanceof RefusedError) return failure;
        throw failure;
      });
    });
    return Promise.all(replies);
  }

  #lose(client: Client): void {
    if (this.#discard(client)) this.onConnectionLost?.();
  }

  /** Never reused: a reply that is still on its way would be taken for that of the next command. */
  #discard(client: Client): boolean {
    const isCurrent = client === this.#client;
    if (isCurrent) this.#client = undefined;
    destroy(client);
    return isCurrent;
  }

  #clientOptions(): Parameters<typeof createClient>[0] {
    const { host, port, username, password, database, tls } = this.#address;
    return {
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      database,
      name: "redis-mirrored",
      // A second buffer, without a bound, behind ours.
      disableOfflineQueue: true,
      // Servers before 7.2 answer it with an error, which then counts as one on their dashboards.
      disableClientInfo: true,
      // Covers only what was not yet written, at the price of an AbortSignal a command.
      commandOptions: { timeout: 0 },
      maintNotifications: "disabled",
      // All that is needed here, and the one that every server and proxy speaks.
      RESP: 2,
      socket: {
        host,
        port,
        connectTimeout: this.#deadlines.connectMs,
        // Reconnecting belongs to one owner, the engine.
        reconnectStrategy: false,
        ...(tls !== undefined && { tls: true as const, ...(tls.ca !== undefined && { ca: tls.ca }) }),
      },
    };
  }
}

function toArguments(
  { redisKey, value, ttlSeconds, version, seen, keepsPrevious }: WireWrite,
  horizonMs: number,
): string[] {
  const horizon = String(Math.min(Math.floor(horizonMs), 9_999_999_999_999)).padStart(13, "0");
  const keys = [redisKey, bookkeepingKey(redisKey, "version"), bookkeepingKey(redisKey, "kept")];
  const args = [version, seen ?? "", horizon, String(ttlSeconds), keepsPrevious ? "1" : "0"];
  return [String(keys.length), ...keys, ...args, ...(value === undefined ? [] : [value])];
}

function isUnknownScript(reply: unknown): boolean {
  return reply instanceof RefusedError && reply.reply === "NOSCRIPT";
}

function toOutcome(reply: unknown): WireOutcome {
  if (reply instanceof MirrorError) return { kind: "failed", error: reply };
  return reply === "OK" ? { kind: "applied" } : { kind: "superseded", by: String(reply) };
}

/** From what the version's key holds: the version, and a word after it for a record that was deleted. */
function toVersion(stored: string | null | undefined): Omit<StoredValue, "value"> {
  const [version, note] = (stored ?? "").split(" ");
  const isVersion = parseVersion(version) !== undefined;
  return { version: isVersion ? version : undefined, isDeleted: isVersion && note === "deleted" };
}

/** Tells "Redis said no" from "Redis is not there". The reply's text stays with the cause: it may quote what was sent. */
function classify(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error;
  const reply = error instanceof Error ? /^([A-Z][A-Z0-9]+) /.exec(error.message)?.[1] : undefined;
  if (reply !== undefined && !TRANSIENT_REPLIES.has(reply)) return new RefusedError(reply);
  return new ConnectionLostError(
    reply === undefined ? `The connection failed: ${describeConnectionError(error)}.` : `Redis is not ready: ${reply}.`,
  );
}

/** System errors carry a code that says more than their message (which for several addresses is empty). */
function describeConnectionError(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : describeError(error);
}

function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It was closed already.
  }
}
