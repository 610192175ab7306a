import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What the wire does with what comes. */
export type WireMode =
  | "passes"
  /** Ends each connection as it is made. */
  | "refuses"
  /** Accepts, takes everything, passes nothing on. */
  | "swallows"
  /** Ends the connection in the middle of the next reply. */
  | "cuts replies"
  /** Passes a few bytes at a time. */
  | "throttles";

const THROTTLED_BYTES_PER_MS = 64;

/** A wire between a client and a server on loopback that can be slow, or go dead without anybody being told. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  /** What a throttled socket has yet to be passed, in order. */
  readonly #waiting = new WeakMap<Socket, { bytes: Buffer; sinceMs: number }>();
  /** How long each direction takes, ms. */
  delayMs = 0;
  mode: WireMode = "passes";
  /** Where the connections lead that are made from now on. */
  targetPort: number;
  /** Called with each piece that the client sends, before it is passed on. */
  onRequest: ((chunk: Buffer) => void) | undefined;
  /** Called with each piece that comes, from either side, whatever then becomes of it. `connection` counts from 0. */
  onTraffic: ((connection: number, side: "client" | "server", chunk: Buffer) => void) | undefined;
  #accepted = 0;

  private constructor(targetPort: number) {
    this.targetPort = targetPort;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("expected a TCP address");
    return address.port;
  }

  /** How many connections clients have open. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** From now on nothing passes on the connections there are, and none is closed; new ones work. */
  killSilently(): void {
    for (const { client, upstream } of this.#pairs) {
      client.removeAllListeners("data").resume();
      upstream.removeAllListeners("data").resume();
    }
  }

  async stop(): Promise<void> {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Ends every connection there is. */
  cutAll(): void {
    for (const { client } of this.#pairs) client.destroy();
  }

  /** The same with an RST, which is what a client gets to hear of a server that was gone meanwhile. */
  resetAll(): void {
    for (const { client } of this.#pairs) client.resetAndDestroy();
  }

  #join(client: Socket): void {
    if (this.mode === "refuses") return void client.on("error", () => {}).destroy();
    const upstream = connect(this.targetPort, "127.0.0.1");
    const pair = { client, upstream };
    const connection = this.#accepted++;
    this.#pairs.add(pair);
    client.on("data", (chunk) => {
      this.onRequest?.(chunk);
      this.onTraffic?.(connection, "client", chunk);
      this.#pass(upstream, chunk);
    });
    upstream.on("data", (chunk) => {
      this.onTraffic?.(connection, "server", chunk);
      if (this.mode !== "cuts replies") return this.#pass(client, chunk);
      client.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => client.destroy());
    });
    const end = () => {
      client.destroy();
      upstream.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  }

  #pass(to: Socket, chunk: Buffer): void {
    if (this.mode === "swallows") return;
    const waiting = this.#waiting.get(to);
    if (waiting !== undefined) return void (waiting.bytes = Buffer.concat([waiting.bytes, chunk]));
    if (this.mode === "throttles") {
      this.#waiting.set(to, { bytes: chunk, sinceMs: performance.now() });
      return this.#passSome(to);
    }
    if (this.delayMs === 0) to.write(chunk);
    else setTimeout(() => !to.destroyed && to.write(chunk), this.delayMs);
  }

  /** By the clock, so that a busy machine does not make it slower still. */
  #passSome(to: Socket): void {
    const waiting = this.#waiting.get(to);
    if (waiting === undefined || to.destroyed) return;
    const nowMs = performance.now();
    const allowed = Math.max(1, Math.floor((nowMs - waiting.sinceMs) * THROTTLED_BYTES_PER_MS));
    const bytes = this.mode === "throttles" ? allowed : waiting.bytes.length;
    if (this.mode !== "swallows") to.write(waiting.bytes.subarray(0, bytes));
    waiting.bytes = waiting.bytes.subarray(bytes);
    waiting.sinceMs = nowMs;
    if (waiting.bytes.length === 0) this.#waiting.delete(to);
    else setTimeout(() => this.#passSome(to), 1);
  }
}

/** From the first of the mirror's scripts on each answer takes longer than a mirror waits for what it sends unless it is told. */
export function slowDownWrites(proxy: TcpProxy): void {
  proxy.onRequest = (chunk) => {
    if (chunk.includes("EVAL")) proxy.delayMs = 450;
  };
}
