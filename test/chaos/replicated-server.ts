import { DISKLESS_REPLICATION, RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

/** A server and its replica, which takes its place when it dies. Replication is asynchronous: what was not copied is lost. */
export class ReplicatedServer {
  #primary: RedisServer;
  #replica: RedisServer;

  private constructor(primary: RedisServer, replica: RedisServer) {
    this.#primary = primary;
    this.#replica = replica;
  }

  static async start(): Promise<ReplicatedServer> {
    const servers = new ReplicatedServer(await startServer(), await startServer());
    await servers.untilReplicating();
    return servers;
  }

  get primary(): RedisServer {
    return this.#primary;
  }

  get replica(): RedisServer {
    return this.#replica;
  }

  /** Waits until the replica has what the primary has, and goes on copying. */
  async untilReplicating(): Promise<void> {
    if (await this.#isReplicating()) return;
    // The same address again would be no news to it, and it would wait for a second before it tries again.
    await this.#order("REPLICAOF", "NO", "ONE");
    await this.#replicate();
    await until("the replica has what the primary has", () => this.#isReplicating());
  }

  /** From now on the replica copies nothing. */
  async stopReplicating(): Promise<void> {
    await this.#order("REPLICAOF", "127.0.0.1", "1");
  }

  /** What the replica has is what there is from now on; the primary is gone. A new and empty replica begins to copy. */
  async promote(): Promise<void> {
    await this.#primary.kill();
    await this.#order("REPLICAOF", "NO", "ONE");
    this.#primary = this.#replica;
    this.#replica = await startServer();
    await this.#replicate();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#primary.kill(), this.#replica.kill()]);
  }

  async #replicate(): Promise<void> {
    await this.#order("REPLICAOF", "127.0.0.1", String(this.#primary.port));
  }

  async #isReplicating(): Promise<boolean> {
    const [role, , port, link] = await this.#order("ROLE");
    return role === "slave" && port === this.#primary.port && link === "connected";
  }

  async #order(...command: string[]): Promise<any> {
    return (await this.#replica.client()).sendCommand<any>(command);
  }
}

function startServer(): Promise<RedisServer> {
  return RedisServer.start(...DISKLESS_REPLICATION);
}
