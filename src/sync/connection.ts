import type { RedisClient } from "@redis/client";
import { type ClientModule, loadClient } from "./client-loader.js";
import { type Clock, withDeadline } from "./clock.js";
import { ConnectionLostError } from "./errors.js";
import type { RedisAddress, RedisEndpoint } from "./redis-address.js";
import { classify } from "./replies.js";
import { ReplyMeter } from "./reply-meter.js";

/** Of node-redis, without a method for each command. */
export type Client = InstanceType<typeof RedisClient>;

export interface ConnectionOptions {
  /** How to get in; where, says `endpoint`. */
  address: Pick<RedisAddress, "username" | "password" | "askPassword" | "database" | "tls" | "isUnnamed">;
  deadlineMs: number;
  clock: Clock;
  /** Called when an established connection ends. */
  onLost: (client: Client) => void;
  /** Looks who has answered, before anything is asked. Rejects if it is not who was meant. */
  verify?: (client: Client) => Promise<void>;
  load?: () => Promise<ClientModule>;
}

/** Of a connection that was ended for what came. */
export const FLOODED = "Redis answered with more than may be read.";

const meters = new WeakMap<Client, ReplyMeter>();

/** Replies of so many bytes are waited for; the answer says that they have come. What is more than may come ends the connection. */
export function expectReplies(client: Client, bytes: number): () => void {
  return meters.get(client)?.expect(bytes) ?? (() => {});
}

/** Whether a connection was ended for what came. */
export function hasFlooded(client: Client): boolean {
  return meters.get(client)?.isExceeded === true;
}

/** A connection that is being made, and can be given up. */
export interface Opening {
  /** @throws ConnectionLostError @throws RefusedError */
  readonly promise: Promise<Client>;
  abandon(): void;
}

/**
 * Connects, handshake included, within the deadline; what is given up leaves no socket behind. The deadline begins when
 * the client is loaded, which on a busy machine takes seconds that say nothing about Redis; until then it is the one who
 * waits that gives up.
 * @param endpoint Asked for when the client is loaded; its time counts too.
 */
export function openConnection(endpoint: () => Promise<RedisEndpoint>, options: ConnectionOptions): Opening {
  const { address, deadlineMs, clock, onLost, load = loadClient } = options;
  let isAbandoned = false;
  let reject!: (error: Error) => void;
  const abandonment = new Promise<never>((_resolve, fail) => (reject = fail));
  // A client that is destroyed before it has its socket forgets the socket that is being made, which then stays open:
  // it has to have it first. Until then the socket's own timeout bounds it.
  let letGoOfSocket = () => {};
  const letGo = () => {
    isAbandoned = true;
    letGoOfSocket();
  };
  const meter = new ReplyMeter();
  const connect = async ({ RedisClient: Client, connectGuarded }: ClientModule): Promise<Client> => {
    const [{ host, port }, password] = await Promise.all([endpoint(), passwordOf(address, deadlineMs / 2, clock)]);
    if (isAbandoned) throw new ConnectionLostError("The connection was given up.");
    const client: Client = new Client(toClientOptions({ ...address, password, host, port }, deadlineMs));
    // Without a listener a cut socket would end the process.
    client.on("error", () => onLost(client));
    client.on("connect", () => {
      letGoOfSocket = () => destroy(client);
      if (isAbandoned) letGoOfSocket();
    });
    // The mirror is never a reason for the process to stay.
    client.unref();
    meters.set(client, meter);
    await connectGuarded(client, (chunk) => {
      if (meter.passes(chunk)) return true;
      onLost(client);
      destroy(client);
      return false;
    });
    await options.verify?.(client);
    return client;
  };
  const work = async (): Promise<Client> => {
    const module = await Promise.race([load(), abandonment]);
    return withDeadline(Promise.race([connect(module), abandonment]), {
      deadlineMs,
      onExpired: () => new ConnectionLostError(`No connection within ${deadlineMs} ms.`),
      clock,
    });
  };
  const promise = work().catch((error: unknown) => {
    letGo();
    throw meter.isExceeded ? new ConnectionLostError(FLOODED) : classify(error);
  });
  return {
    promise,
    abandon() {
      letGo();
      reject(new ConnectionLostError("The connection was closed while it was being made."));
    },
  };
}

export function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It was closed already.
  }
}

/** Where a store of secrets hangs or fails, the server decides whether it needs a password. Does not reject. */
export async function passwordOf(
  { password, askPassword }: Pick<RedisAddress, "password" | "askPassword">,
  deadlineMs: number,
  clock: Clock,
): Promise<string | undefined> {
  if (askPassword === undefined) return password;
  const onExpired = () => new ConnectionLostError("Nobody said the password in time.");
  const asked = await withDeadline(Promise.resolve().then(askPassword), { deadlineMs, onExpired, clock }).catch(
    () => undefined,
  );
  return typeof asked === "string" && asked !== "" ? asked : password;
}

/** Said aloud, so that neither NODE_TLS_REJECT_UNAUTHORIZED nor another default of the process says otherwise. */
const VERIFYING = { rejectUnauthorized: true, minVersion: "TLSv1.2" } as const;

function toClientOptions(
  { host, port, username, password, database, tls, isUnnamed }: RedisAddress,
  connectTimeout: number,
): ConstructorParameters<typeof RedisClient>[0] {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    database,
    ...(isUnnamed !== true && { name: "redis-mirrored" }),
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
      connectTimeout,
      // Reconnecting belongs to one owner, the engine.
      reconnectStrategy: false,
      ...(tls !== undefined && { tls: true as const, ...VERIFYING, ...(tls.ca !== undefined && { ca: tls.ca }) }),
    },
  };
}
