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

/** A wire between a client and a server on loopback that can be slow, or go dead without anybody being told. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  /** How long each direction takes, ms. */
  delayMs = 0;
  mode: WireMode = "passes";
  /** Where the connections lead that are made from now on. */
  targetPort: number;
  /** Called with each piece that the client sends, before it is passed on. */
  onRequest: (() => void) | undefined;

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
    this.#pairs.add(pair);
    client.on("data", (chunk) => {
      this.onRequest?.();
      this.#pass(upstream, chunk);
    });
    upstream.on("data", (chunk) => {
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
    if (this.mode === "throttles" && chunk.length > 64) {
      to.write(chunk.subarray(0, 64));
      setTimeout(() => !to.destroyed && this.#pass(to, chunk.subarray(64)), 1);
      return;
    }
    if (this.delayMs === 0) to.write(chunk);
    else setTimeout(() => !to.destroyed && to.write(chunk), this.delayMs);
  }
}
