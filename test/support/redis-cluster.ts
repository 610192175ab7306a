import { ADMIN, IS_LIMITED } from "./limited-account.js";
import { DISKLESS_REPLICATION, RedisServer } from "./redis-server.js";
import { freePorts } from "./server-process.js";
import { TemporaryFolder } from "./temporary-folder.js";
import { until } from "./until.js";

const SLOTS = 16_384;

export interface RedisClusterOptions {
  masters?: number;
  /** Of each master. */
  replicas?: number;
  /** More of redis-server's options, for every node or for each; of an option given twice the later counts. */
  args?: readonly string[] | ((index: number) => readonly string[]);
  /** Of clients, and of the nodes among each other. */
  password?: string;
}

/** A Redis Cluster of the test's own on free loopback ports, the slots evenly among its masters. */
export class RedisCluster {
  /** The masters first, as they were at the start. A node that was killed stays in it. */
  readonly nodes: readonly RedisServer[];
  readonly #busPorts: readonly number[];
  readonly #folder = new TemporaryFolder();
  readonly #password: string | undefined;

  private constructor(
    count: number,
    ports: readonly number[],
    args: (index: number) => readonly string[],
    password: string | undefined,
  ) {
    this.#password = password;
    this.#busPorts = ports.slice(count);
    this.nodes = ports.slice(0, count).map((port, index) => {
      const bus = ["--cluster-port", String(this.#busPorts[index])];
      const files = ["--dir", this.#folder.path, "--cluster-config-file", `nodes-${port}.conf`];
      const cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "500", ...DISKLESS_REPLICATION];
      const secrets = password === undefined ? [] : ["--requirepass", password, "--masterauth", password];
      return RedisServer.at(port, ["a cluster"], ...cluster, ...bus, ...files, ...secrets, ...args(index));
    });
  }

  /**
   * Answers when every node calls the cluster whole: after some 2 s, since for so long after its start a master
   * refuses to be one.
   */
  static async start({ masters = 3, replicas = 0, args = [], password }: RedisClusterOptions = {}) {
    const count = masters * (1 + replicas);
    const cluster = new RedisCluster(
      count,
      await freePorts(2 * count),
      typeof args === "function" ? args : () => args,
      password,
    );
    try {
      await Promise.all(cluster.nodes.map((node) => node.restart()));
      await cluster.#join(masters);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** As a setting takes them: `127.0.0.1:7000,127.0.0.1:7001`. */
  get addresses(): string {
    return this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
  }

  async slotOf(key: string): Promise<number> {
    return this.send<number>(this.#anyNode(), "CLUSTER", "KEYSLOT", key);
  }

  /** Who the nodes say has the key's slot. */
  async ownerOf(key: string): Promise<RedisServer> {
    return this.#ownerOfSlot(await this.slotOf(key), this.#anyNode());
  }

  /** From the slot's owner, or, while it moves, from the node where the key is by now. */
  async get(key: string): Promise<string | null> {
    const owner = await this.ownerOf(key);
    try {
      return await this.send<string | null>(owner, "GET", key);
    } catch (error) {
      const [kind, , address] = (error as Error).message.split(" ");
      if (kind !== "ASK") throw error;
      const next = this.nodes.find(({ port }) => address === `127.0.0.1:${port}`)!;
      // In one tick, so that nothing comes between the two.
      return (await Promise.all([this.send(next, "ASKING"), this.send<string | null>(next, "GET", key)]))[1];
    }
  }

  /**
   * Moves a slot and its keys while the cluster works. Left midway, half of the keys, rounded down, have moved and the slot
   * is still the old owner's, which answers `ASK` for what it no longer has; called again, it is finished.
   */
  async migrateSlot(slot: number, from: RedisServer, to: RedisServer, { leaveMidway = false } = {}): Promise<void> {
    const [fromId, toId] = [await this.#idOf(from), await this.#idOf(to)];
    await this.send(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId);
    await this.send(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId);
    const keys = await this.send<string[]>(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "1000000");
    const moved = keys.sort().slice(0, leaveMidway ? Math.floor(keys.length / 2) : keys.length);
    const { username, password } = ADMIN;
    const known = this.#password === undefined ? [] : ["AUTH", this.#password];
    const secret = IS_LIMITED ? ["AUTH2", username, password] : known;
    const target = ["127.0.0.1", String(to.port), "", "0", "5000"];
    if (moved.length > 0) await this.send(from, "MIGRATE", ...target, ...secret, "KEYS", ...moved);
    if (leaveMidway) return;
    // The new owner first: otherwise nobody would have it for a moment.
    const others = this.#living.filter((node) => node !== to && node !== from);
    for (const node of [to, from, ...others]) {
      if (await this.#isMaster(node)) await this.send(node, "CLUSTER", "SETSLOT", String(slot), "NODE", toId);
    }
  }

  killNode(node: RedisServer): Promise<void> {
    return node.kill();
  }

  /** Starts a killed node on its ports again, empty, and waits until it takes the cluster for whole. It may be a replica now. */
  async restartNode(node: RedisServer): Promise<void> {
    await node.restart();
    await until(`node ${node.port} is back`, () => this.#isWhole(node));
  }

  /** Waits until all living nodes agree that a living one has the key's slot. The answer is that node. */
  async untilOwnerChanges(key: string): Promise<RedisServer> {
    const slot = await this.slotOf(key);
    return until(`\`${key}\` has a new owner`, async () => {
      const owners = new Set(await Promise.all(this.#living.map((node) => this.#ownerOfSlot(slot, node))));
      const [owner] = owners;
      const isAgreed = owners.size === 1 && owner?.isAnswering === true;
      return isAgreed && (await this.#isWhole(owner)) && owner;
    });
  }

  /** Sends a node a command, with the cluster's password. */
  async send<T>(node: RedisServer, ...command: string[]): Promise<T> {
    const client = await node.client(this.#password === undefined ? {} : { password: this.#password });
    return client.sendCommand<any>(command) as Promise<T>;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    this.#folder.remove();
  }

  get #living(): readonly RedisServer[] {
    return this.nodes.filter(({ isAnswering }) => isAnswering);
  }

  #anyNode(): RedisServer {
    const [node] = this.#living;
    if (node === undefined) throw new Error("Expected a living node");
    return node;
  }

  async #join(masters: number): Promise<void> {
    const first = this.nodes[0]!;
    const firsts = ["127.0.0.1", String(first.port), String(this.#busPorts[0])];
    for (const [index, node] of this.nodes.entries()) {
      if (index < masters) {
        const range = [Math.floor((index * SLOTS) / masters), Math.floor(((index + 1) * SLOTS) / masters) - 1];
        // Two that begin with the same epoch would first have to settle who is who.
        await this.send(node, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
        await this.send(node, "CLUSTER", "ADDSLOTSRANGE", ...range.map(String));
      }
      if (node !== first) await this.send(node, "CLUSTER", "MEET", ...firsts);
    }
    await Promise.all(
      this.nodes.slice(masters).map(async (replica, index) => {
        const id = await this.#idOf(this.nodes[index % masters]!);
        const replicate = async () => (await this.send(replica, "CLUSTER", "REPLICATE", id)) === "OK";
        await until(`node ${replica.port} knows its master`, replicate);
      }),
    );
    await Promise.all(
      this.nodes.map((node) => until(`node ${node.port} takes the cluster for whole`, () => this.#isWhole(node))),
    );
  }

  #idOf(node: RedisServer): Promise<string> {
    return this.send(node, "CLUSTER", "MYID");
  }

  async #isMaster(node: RedisServer): Promise<boolean> {
    return (await this.send<[string]>(node, "ROLE"))[0] === "master";
  }

  /** Knows all, finds every slot served and, as a replica, has what its master has. */
  async #isWhole(node: RedisServer): Promise<boolean> {
    const info = await this.send<string>(node, "CLUSTER", "INFO");
    const [role, , , link] = await this.send<string[]>(node, "ROLE");
    const isLinked = role === "master" || link === "connected";
    return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${this.nodes.length}\r`) && isLinked;
  }

  async #ownerOfSlot(slot: number, asked: RedisServer): Promise<RedisServer> {
    type Range = [first: number, last: number, master: [host: string, port: number]];
    const ranges = await this.send<Range[]>(asked, "CLUSTER", "SLOTS");
    const range = ranges.find(([first, last]) => first <= slot && slot <= last);
    const owner = this.nodes.find(({ port }) => port === range?.[2][1]);
    if (owner === undefined) throw new Error(`Expected an owner of slot ${slot}`);
    return owner;
  }
}
