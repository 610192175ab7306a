// A module of its own because it is the one that is loaded late: 45–100 ms that activation must not pay, and the
// chunk that the extension's bundle splits off. The class and not `createClient`, which takes 35–135 ms to make a method
// of each of Redis's commands, again and again where clients of different settings are made in turn.
import {
  AbortError,
  ClientClosedError,
  ClientOfflineError,
  ConnectionTimeoutError,
  DisconnectsClientError,
  SocketClosedUnexpectedlyError,
  type RedisClient,
} from "@redis/client";
import socketModule from "@redis/client/dist/lib/client/socket.js";

export { ErrorReply, RedisClient } from "@redis/client";

/** In our words: a bundler that minifies leaves no class its name. */
const FAILURES = [
  [SocketClosedUnexpectedlyError, "socket closed unexpectedly"],
  [ConnectionTimeoutError, "connection timeout"],
  [DisconnectsClientError, "client disconnected"],
  [ClientClosedError, "client closed"],
  [ClientOfflineError, "client offline"],
  [AbortError, "command aborted"],
] as const;

/** What happened, of an error of the client's own; `undefined` of any other. */
export function describeClientError(error: unknown): string | undefined {
  return FAILURES.find(([Failure]) => error instanceof Failure)?.[1];
}

/**
 * Connects a client whose socket shows each piece of what it receives before the client reads it; what does not pass is not
 * read. The client has no place for that: of its sockets only this one is another, from here on.
 */
export function connectGuarded(
  client: InstanceType<typeof RedisClient>,
  passes: (chunk: Buffer) => boolean,
): Promise<unknown> {
  const { prototype } = socketModule.default;
  const { connect } = prototype;
  prototype.connect = function connectShowing() {
    const emit = this.emit.bind(this);
    this.emit = (event: string, ...args: unknown[]) =>
      (event !== "data" || passes(args[0] as Buffer)) && emit(event, ...args);
    return connect.call(this);
  };
  try {
    // It asks its socket to connect before it returns.
    return client.connect();
  } finally {
    prototype.connect = connect;
  }
}
