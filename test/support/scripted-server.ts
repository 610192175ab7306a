import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** A server that speaks the protocol and answers as the test says. */
export class ScriptedServer {
  /** The reply to a command, by its name; `+OK` unless something else is set, and none where that is empty. */
  readonly replies = new Map<string, string>();
  readonly received: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}).on("data", (chunk) => this.#answer(socket, String(chunk)));
    });
  }

  static async start(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    scripted.#server.listen(0, "127.0.0.1");
    await once(scripted.#server, "listening");
    return scripted;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections are open. */
  get connections(): number {
    return [...this.#sockets].filter((socket) => !socket.destroyed).length;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** The requests are small and arrive whole: a command is `*<parts>`, and its name the first part. */
  #answer(socket: Socket, requests: string): void {
    for (const [, name] of requests.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
      this.received.push(name!.toUpperCase());
      const reply = this.replies.get(name!.toUpperCase()) ?? "+OK";
      if (reply !== "") socket.write(`${reply}\r\n`);
    }
  }
}
