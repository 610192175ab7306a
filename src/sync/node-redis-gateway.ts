import type { createClient } from "@redis/client";
import { type Clock, systemClock, withDeadline } from "./clock.js";
import { ConnectionLostError, describeError, MirrorError, RefusedError } from "./errors.js";
import type { RedisGateway, WireRefusal, WireWrite } from "./redis-gateway.js";

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
  #serverId: string | undefined;
  #isClosed = false;
  #client: Client | undefined;
  #opening: { readonly promise: Promise<void>; readonly abandon: () => void } | undefined;

  constructor(address: RedisAddress, deadlines: GatewayDeadlines = DEFAULT_DEADLINES, clock: Clock = systemClock) {
    this.#address = address;
    this.#deadlines = deadlines;
    this.#clock = clock;
  }

  get serverId(): string | undefined {
    return this.#serverId;
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

  async write(batch: readonly WireWrite[]): Promise<WireRefusal[]> {
    const bytes = batch.reduce((sum, write) => sum + (write.kind === "set" ? write.value.length : 0), 0);
    const deadlineMs = this.#deadlines.commandMs + (bytes / 2 ** 20) * this.#deadlines.perMebibyteMs;
    return this.#withClient(deadlineMs, (client) => {
      // Commands of one tick leave in one write, so this is one round trip without the cost of MULTI.
      const replies = batch.map((write) => client.sendCommand(toCommand(write)).then(ignoreReply, toRefusal));
      return Promise.all(replies);
    });
  }

  read(redisKey: string): Promise<string | undefined> {
    return this.#withClient(this.#deadlines.commandMs, async (client) => (await client.get(redisKey)) ?? undefined);
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
      const serverId = await askServerId(client);
      if (isAbandoned) return destroy(client);
      this.#client = client;
      this.#serverId = serverId ?? `connection ${++this.#connections}`;
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

function toCommand(write: WireWrite): string[] {
  if (write.kind === "delete") return ["DEL", write.redisKey];
  const command = ["SET", write.redisKey, write.value, "EX", String(write.ttlSeconds)];
  return write.isOnlyIfAbsent ? [...command, "NX"] : command;
}

function ignoreReply(): undefined {
  return undefined;
}

/** Redis makes up an id each time it starts. A user who may not ask for it gets a refusal, which is fine. */
async function askServerId(client: Client): Promise<string | undefined> {
  try {
    return /^run_id:(\w+)/m.exec(await client.info("server"))?.[1];
  } catch (error) {
    if (classify(error) instanceof RefusedError) return undefined;
    throw error;
  }
}

/** A refusal concerns one command of the batch; anything else all of them. */
function toRefusal(error: unknown): RefusedError {
  const failure = classify(error);
  if (failure instanceof RefusedError) return failure;
  throw failure;
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
