import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificate.js";

/** A server that speaks the protocol and answers as the test says. */
export class ScriptedServer {
  /** The reply to a command, by its name; `+OK` unless something else is set, and none where that is empty. */
  readonly replies = new Map<string, string>();
  /** The commands' names. */
  readonly received: string[] = [];
  /** The same with what they were sent with. */
  readonly commands: string[][] = [];
  /** Ends each connection where it would answer. */
  hangsUp = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(tls: Certificate | undefined) {
    const serve = (socket: Socket) => {
      this.#sockets.add(socket);
      // Or the second of two replies waits for the client to have acknowledged the first.
      socket.setNoDelay(true);
      socket.on("error", () => {}).on("data", (chunk) => this.#answer(socket, String(chunk)));
    };
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  }

  /** @param options.port Where one has been before; any free one otherwise. */
  static async start({ port = 0, tls }: { port?: number; tls?: Certificate } = {}): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(tls);
    scripted.#server.listen(port, "127.0.0.1");
    await once(scripted.#server, "listening");
    return scripted;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections there have been. */
  get accepted(): number {
    return this.#sockets.size;
  }

  /** How many connections are open. */
  get connections(): number {
    return [...this.#sockets].filter((socket) => !socket.destroyed).length;
  }

  /** Says something to everybody who is connected, without having been asked. */
  say(reply: string): void {
    for (const socket of this.#sockets) if (!socket.destroyed) socket.write(`${reply}\r\n`);
  }

  /** Ends the connections there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  /** The requests are small and arrive whole: a command is `*<parts>`, and each part `$<bytes>` and a text without line ends. */
  #answer(socket: Socket, requests: string): void {
    for (const request of requests.split(/^(?=\*\d+\r\n)/m)) {
      if (!request.startsWith("*")) continue;
      const [name = "", ...args] = request.split("\r\n").filter((_line, index) => index > 0 && index % 2 === 0);
      this.received.push(name.toUpperCase());
      this.commands.push([name.toUpperCase(), ...args]);
      if (this.hangsUp) socket.end();
      const reply = this.replies.get(name.toUpperCase()) ?? "+OK";
      if (reply !== "" && !this.hangsUp) socket.write(`${reply}\r\n`);
    }
  }
}
