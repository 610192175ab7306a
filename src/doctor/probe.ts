import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { RedisAddress, RedisEndpoint } from "../sync/redis-address.js";
import { type Patience, STEP_MS } from "./patience.js";

/** How whoever listens there answers to a `PING`. */
export type Greeting =
  /** As Redis does; its first line. */
  | { readonly kind: "redis"; readonly line: string }
  | { readonly kind: "http" }
  /** As who expects to be spoken to in TLS. */
  | { readonly kind: "encrypted" }
  | { readonly kind: "other" }
  /** Not within the deadline. */
  | { readonly kind: "silent" }
  /** The connection ended. `code`: of the error, if it was one. */
  | { readonly kind: "ended"; readonly code: string | undefined };

/** A connection, or why there is none: the code of a system error, `TIMEOUT` where it took too long. */
export type Dialled<Kind extends Socket> = Kind | { readonly failure: string };

/** As much of an answer as tells what it is. */
const MAX_GREETING = 512;

const PING = "*1\r\n$4\r\nPING\r\n";

/** How a record of TLS begins that is an alert, version 3.x. */
const TLS_ALERT = "\u0015\u0003";

/** Connects, and says nothing. The caller destroys what it gets. */
export function dial({ host, port }: RedisEndpoint, patience: Patience): Promise<Dialled<Socket>> {
  return opened(connect({ host, port }), "connect", patience);
}

/**
 * Shakes hands by TLS and lets any certificate pass, for it to be looked at: nothing may be told to whom is not authorized.
 * The caller destroys what it gets.
 */
export function dialTls(
  { host, port }: RedisEndpoint,
  tls: NonNullable<RedisAddress["tls"]>,
  patience: Patience,
): Promise<Dialled<TLSSocket>> {
  const ca = tls.ca === undefined ? {} : { ca: tls.ca };
  const socket = connectTls({ host, port, ...ca, minVersion: "TLSv1.2", rejectUnauthorized: false });
  return opened(socket, "secureConnect", patience);
}

async function opened<Kind extends Socket>(socket: Kind, event: string, patience: Patience): Promise<Dialled<Kind>> {
  let isOver = false;
  // Whatever it says later, to nobody.
  socket.on("error", () => {});
  const timer = patience.clock.setTimeout(() => {
    isOver = true;
    socket.destroy(new Error("deadline"));
  }, patience.upTo(STEP_MS));
  try {
    await Promise.race([once(socket, event), once(socket, "close").then(() => Promise.reject(new Error("closed")))]);
    return socket;
  } catch (error) {
    socket.destroy();
    return { failure: isOver ? "TIMEOUT" : codeOf(error) };
  } finally {
    patience.clock.clearTimeout(timer);
  }
}

/** Says `PING`, which nobody minds, and hears how the answer begins. Then the connection is over. */
export async function greet(socket: Socket, patience: Patience): Promise<Greeting> {
  const greeting = new Promise<Greeting>((resolve) => {
    let heard = "";
    socket.on("data", (chunk: Buffer) => {
      heard = (heard + chunk.toString("latin1")).slice(0, MAX_GREETING);
      const known = recognise(heard);
      if (known !== undefined) resolve(known);
    });
    socket.on("error", (error) => resolve({ kind: "ended", code: codeOf(error) }));
    socket.on("close", () => resolve(heard === "" ? { kind: "ended", code: undefined } : { kind: "other" }));
    socket.write(PING);
  });
  try {
    return await patience.within(greeting);
  } catch {
    return { kind: "silent" };
  } finally {
    socket.destroy();
  }
}

/** `undefined`: it cannot be told yet. */
function recognise(heard: string): Greeting | undefined {
  if (heard.startsWith(TLS_ALERT)) return { kind: "encrypted" };
  if (/^HTTP\//i.test(heard)) return { kind: "http" };
  const line = /^([+-][^\r\n]*)\r\n/.exec(heard)?.[1];
  if (line !== undefined) return { kind: "redis", line };
  const mayBecome = [TLS_ALERT, "+", "-", "HTTP/"].some((beginning) =>
    beginning.startsWith(heard.slice(0, beginning.length)),
  );
  return heard.length >= MAX_GREETING || !mayBecome ? { kind: "other" } : undefined;
}

/** A system error's code, or a word for one that has none. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "UNKNOWN";
}
