import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { IS_LIMITED, limitedSentinelLines } from "./limited-account.js";
import { DISKLESS_REPLICATION, RedisServer } from "./redis-server.js";
import { freePorts } from "./server-process.js";
import { TemporaryFolder } from "./temporary-folder.js";
import { until } from "./until.js";

/**
 * What sentinels do every second or ten, several times a second. A replica of which they have not heard for five ping
 * periods is not promoted, and while the primary is down they ask it once a second, so pings must not come much oftener.
 * Where the machine stood still they stop trusting their clock for one second and not thirty.
 */
const HURRY = "info-period 200 ping-period 400 publish-period 200 ask-period 200 tilt-period 1000".split(" ");

/** Twice the ping period: the first ping of a new connection comes after one. */
const DOWN_AFTER_MS = 800;

export interface SentinelDeploymentOptions {
  replicas?: number;
  sentinels?: number;
  masterName?: string;
  /** Of the primary and its replicas. */
  password?: string;
  /** Of the sentinels. */
  sentinelPassword?: string;
}

/** A primary, its replicas and the sentinels that watch them, the tests' own, on free loopback ports. */
export class SentinelDeployment {
  readonly masterName: string;
  /** The first primary, then its replicas. One that was killed stays in it, and can be restarted. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly #folder = new TemporaryFolder();
  readonly #password: string | undefined;
  readonly #sentinelPassword: string | undefined;
  /** As of the last look. */
  #primary: RedisServer;

  private constructor(
    serverPorts: readonly number[],
    sentinelPorts: readonly number[],
    { masterName = "mymaster", password, sentinelPassword }: SentinelDeploymentOptions,
  ) {
    this.masterName = masterName;
    this.#password = password;
    this.#sentinelPassword = sentinelPassword;
    const primaryPort = serverPorts[0]!;
    const secrets = password === undefined ? [] : ["--requirepass", password, "--masterauth", password];
    this.servers = serverPorts.map((port) => {
      const replication = port === primaryPort ? [] : ["--replicaof", `127.0.0.1 ${primaryPort}`];
      return RedisServer.at(port, ["sentinels"], ...DISKLESS_REPLICATION, ...secrets, ...replication);
    });
    this.#primary = this.servers[0]!;
    this.sentinels = sentinelPorts.map((port) => RedisServer.sentinelAt(port, this.#configure(port, primaryPort)));
  }

  /** Answers when each sentinel knows the others and the replicas, and these have what the primary has. */
  static async start(options: SentinelDeploymentOptions = {}): Promise<SentinelDeployment> {
    const { replicas = 1, sentinels = 3 } = options;
    const ports = await freePorts(1 + replicas + sentinels);
    const deployment = new SentinelDeployment(ports.slice(0, 1 + replicas), ports.slice(1 + replicas), options);
    try {
      await Promise.all(deployment.servers.map((server) => server.restart()));
      await Promise.all(deployment.sentinels.map((sentinel) => deployment.startSentinel(sentinel)));
      await deployment.untilComplete();
    } catch (error) {
      await deployment.stop();
      throw error;
    }
    return deployment;
  }

  /** As a setting takes them: `127.0.0.1:26379,127.0.0.1:26380`. */
  get sentinelAddresses(): string {
    return this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  }

  /** Who a living sentinel says is the primary. It may be dead, and not yet replaced. */
  async primary(): Promise<RedisServer> {
    const [sentinel] = this.#livingSentinels;
    if (sentinel === undefined) throw new Error("Expected a living sentinel");
    return this.#primaryAsOf(sentinel);
  }

  /** SIGKILL. The answer is who was it, for `restart`. */
  async killPrimary(): Promise<RedisServer> {
    this.#primary = await this.primary();
    await this.#primary.kill();
    return this.#primary;
  }

  /** SIGSTOP. The answer is who was it, for `thaw`: then it takes itself for the primary still, until a sentinel tells it otherwise. */
  async freezePrimary(): Promise<RedisServer> {
    this.#primary = await this.primary();
    this.#primary.freeze();
    return this.#primary;
  }

  /** Has the sentinels replace a primary that is well, as an operator does. It lives on as a replica. */
  async failover(): Promise<void> {
    this.#primary = await this.primary();
    await this.sendToSentinel(this.#livingSentinels[0]!, "SENTINEL", "FAILOVER", this.masterName);
  }

  /** Waits until all living sentinels agree on another primary than before, and it takes itself for one. The answer is that. */
  async untilFailedOver(): Promise<RedisServer> {
    this.#primary = await until("there is another primary", async () => {
      const named = new Set(await Promise.all(this.#livingSentinels.map((sentinel) => this.#primaryAsOf(sentinel))));
      const [successor] = named;
      const isAnother = named.size === 1 && successor !== this.#primary && successor?.isAnswering === true;
      return isAnother && (await this.#roleOf(successor)) === "master" && successor;
    });
    return this.#primary;
  }

  /** Waits until every living server has its place: one primary, replicas that have what it has, sentinels that know it all. */
  async untilComplete(): Promise<void> {
    const living = this.servers.filter(({ isAnswering }) => isAnswering);
    await until("every server has its place", async () => {
      const primary = await this.primary();
      const roles = await Promise.all(living.map((server) => this.#roleOf(server)));
      const isInPlace = roles.every((role, index) => role === (living[index] === primary ? "master" : "connected"));
      return isInPlace && (await Promise.all(this.#livingSentinels.map((one) => this.#knowsAll(one)))).every(Boolean);
    });
  }

  /** Sends a server a command, with its password. */
  async send<T>(server: RedisServer, ...command: string[]): Promise<T> {
    const client = await server.client(this.#password === undefined ? {} : { password: this.#password });
    return client.sendCommand<any>(command) as Promise<T>;
  }

  async sendToSentinel<T>(sentinel: RedisServer, ...command: string[]): Promise<T> {
    const password = this.#sentinelPassword;
    const client = await sentinel.client(password === undefined ? {} : { password });
    return client.sendCommand<any>(command) as Promise<T>;
  }

  /** One that was killed: it knows what it knew before. */
  async startSentinel(sentinel: RedisServer): Promise<void> {
    await sentinel.restart();
    await this.sendToSentinel(sentinel, "SENTINEL", "DEBUG", ...HURRY);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.kill()));
    this.#folder.remove();
  }

  get #livingSentinels(): readonly RedisServer[] {
    return this.sentinels.filter(({ isAnswering }) => isAnswering);
  }

  /** Sentinels write what they learn into their own file. */
  #configure(port: number, primaryPort: number): string {
    const file = join(this.#folder.path, `sentinel-${port}.conf`);
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${this.#folder.path}`,
      `sentinel monitor ${this.masterName} 127.0.0.1 ${primaryPort} 2`,
      `sentinel down-after-milliseconds ${this.masterName} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${this.masterName} 3000`,
      `sentinel parallel-syncs ${this.masterName} 1`,
      ...limitedSentinelLines(this.masterName, this.#sentinelPassword),
      ...(this.#password === undefined || IS_LIMITED
        ? []
        : [`sentinel auth-pass ${this.masterName} ${this.#password}`]),
      ...(this.#sentinelPassword === undefined ? [] : [`requirepass ${this.#sentinelPassword}`]),
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    return file;
  }

  async #primaryAsOf(sentinel: RedisServer): Promise<RedisServer> {
    const [, port] = await this.sendToSentinel<string[]>(
      sentinel,
      "SENTINEL",
      "GET-MASTER-ADDR-BY-NAME",
      this.masterName,
    );
    return this.servers.find((server) => String(server.port) === port)!;
  }

  /** `master`, or of a replica how its link is. */
  async #roleOf(server: RedisServer): Promise<string | undefined> {
    const [role, , , link] = await this.send<string[]>(server, "ROLE");
    return role === "master" ? role : link;
  }

  async #knowsAll(sentinel: RedisServer): Promise<boolean> {
    const primary = toFields(await this.sendToSentinel(sentinel, "SENTINEL", "MASTER", this.masterName));
    const lists = await this.sendToSentinel<string[][]>(sentinel, "SENTINEL", "REPLICAS", this.masterName);
    const isReady = lists.map(toFields).every(({ port, flags, "master-link-status": link }) => {
      const server = this.servers.find((one) => String(one.port) === port);
      return server?.isAnswering !== true || (flags === "slave" && link === "ok");
    });
    return (
      isReady &&
      primary["flags"] === "master" &&
      primary["num-slaves"] === String(this.servers.length - 1) &&
      primary["num-other-sentinels"] === String(this.sentinels.length - 1)
    );
  }
}

/** From a flat list of names and values. */
function toFields(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]!]] : [])));
}
