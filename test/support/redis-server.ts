import { createClient } from "@redis/client";
import { freePort } from "#dist/cli/redis-server.js";
import { ADMIN, IS_LIMITED, limitedOptions } from "./limited-account.js";
import { ServerProcess } from "./server-process.js";
import { TemporaryFolder } from "./temporary-folder.js";

/** As quiet as the mirror's own, so that command counts stay readable. */
type Client = ReturnType<typeof connectTo>;

/** Where servers write, if at all: a copy for a replica that cannot take it from memory, say. */
const FOLDER = new TemporaryFolder();

/** For one with replicas: copies go from memory to memory, at once. */
export const DISKLESS_REPLICATION: readonly string[] =
  "--repl-diskless-sync yes --repl-diskless-sync-delay 0 --repl-diskless-load swapdb".split(" ");

/** A redis-server of the test's own, on a free loopback port, without persistence. */
export class RedisServer {
  /** What the mirror's account was refused on any of them, where it has one: commands, and what is not the mirror's. */
  static readonly refused = new Set<string>();

  readonly port: number;
  readonly #process = new ServerProcess();
  #client: Client | undefined;
  readonly #commandLine: (dumpFile: string) => readonly string[];
  readonly #readyText: string;
  #starts = 0;

  private constructor(port: number, commandLine: (dumpFile: string) => readonly string[], readyText: string) {
    this.port = port;
    this.#commandLine = commandLine;
    this.#readyText = readyText;
  }

  /** @param args More of redis-server's options: `["--requirepass", "secret"]`. */
  static async start(...args: string[]): Promise<RedisServer> {
    const server = await RedisServer.absent(...args);
    await server.restart();
    return server;
  }

  /** Reserves a port where nothing listens; `restart` then starts the server there. */
  static async absent(...args: string[]): Promise<RedisServer> {
    return RedisServer.at(await freePort(), [], ...args);
  }

  /**
   * One that `restart` will start on a given port.
   * @param features What docs/access.md gives the mirror's account for more there.
   */
  static at(port: number, features: readonly string[], ...args: string[]): RedisServer {
    const address = ["--port", String(port), "--bind", "127.0.0.1"];
    const limits = limitedOptions(args, features);
    const options = [...address, "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", FOLDER.path];
    const commandLine = (dumpFile: string) => [...options, "--dbfilename", dumpFile, ...args, ...limits];
    return new RedisServer(port, commandLine, "Ready to accept connections");
  }

  /** A sentinel that `restart` will start on the port that its file names. */
  static sentinelAt(port: number, configFile: string): RedisServer {
    return new RedisServer(port, () => [configFile, "--sentinel"], "+monitor");
  }

  /** Starts it, empty, on the same port as before. */
  async restart(): Promise<void> {
    this.#starts++;
    await this.#process.start(this.#commandLine(this.dumpFile), this.#readyText);
  }

  /** Of this start alone: one that finds a file when it starts would not be empty. */
  get dumpFile(): string {
    return `${this.port}-${this.#starts}.rdb`;
  }

  /** Neither dead nor frozen. */
  get isAnswering(): boolean {
    return this.#process.isAnswering;
  }

  /** SIGKILL: what was in it is gone. */
  async kill(): Promise<void> {
    if (IS_LIMITED && this.isAnswering) await this.#noteRefusals();
    if (this.#client?.isOpen) this.#client.destroy();
    this.#client = undefined;
    await this.#process.kill();
  }

  /** SIGSTOP: connections are accepted, and nothing is answered. */
  freeze(): void {
    this.#process.freeze();
  }

  thaw(): void {
    this.#process.thaw();
  }

  /** A client beside the mirror's, to look at what is there. */
  async client(options: { password?: string; username?: string; database?: number } = {}): Promise<Client> {
    if (this.#client?.isOpen) return this.#client;
    const isLimited = IS_LIMITED && options.username === undefined;
    this.#client = await this.clientOf(isLimited ? { ...options, ...ADMIN } : options);
    return this.#client;
  }

  /** One that logs in as somebody, and that the test closes. */
  async clientOf(account: { password?: string; username?: string; database?: number }): Promise<Client> {
    const client = connectTo(this.port, account);
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  async get(redisKey: string): Promise<string | null> {
    return (await this.client()).get(redisKey);
  }

  /** How many connections the mirror has open: those that name themselves so. */
  async mirrorConnections(): Promise<number> {
    const list = await (await this.client()).sendCommand<string>(["CLIENT", "LIST"]);
    return list.split("\n").filter((line) => line.includes("name=redis-mirrored")).length;
  }

  async #noteRefusals(): Promise<void> {
    const asking = this.client().then((client) => client.sendCommand<string[][]>(["ACL", "LOG"]));
    // Not of one that speaks TLS alone.
    for (const entry of await asking.catch(() => [])) {
      const [reason, object, username] = ["reason", "object", "username"].map(
        (name) => entry[entry.indexOf(name) + 1]!,
      );
      // A name of the mirror's own is refused where that is what the test is about.
      const isMeant = reason === "auth" || object!.startsWith("roo:");
      if (username === "default" && !isMeant) RedisServer.refused.add(`${reason} ${object}`);
    }
  }
}

function connectTo(port: number, options: { password?: string; username?: string; database?: number }) {
  const socket = { host: "127.0.0.1", port, reconnectStrategy: false as const };
  return createClient({ ...options, RESP: 2, disableClientInfo: true, socket });
}
