import { mkdir, mkdtemp, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MirrorOptions } from "redis-mirrored";
import { ACCOUNT, optionsOfAccount, PASSWORD } from "./mirrors.js";
import { mirrorRules } from "./limited-account.js";
import { RedisServer } from "./redis-server.js";
import { TcpProxy } from "./tcp-proxy.js";

/** A server of its own, the wire to it, and an account for mirrors beside the one that gives the server orders. */
export class TestBed {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly #directory: string;

  private constructor(server: RedisServer, proxy: TcpProxy, directory: string) {
    this.server = server;
    this.proxy = proxy;
    this.#directory = directory;
  }

  /** @param isAbsent Nobody listens before the server is restarted. */
  static async open({ isAbsent = false }: { isAbsent?: boolean | undefined } = {}): Promise<TestBed> {
    const directory = await mkdtemp(join(tmpdir(), "redis-mirrored-test-bed-"));
    const args = ["--dir", directory, "--user", ACCOUNT, "on", `>${PASSWORD}`, ...mirrorRules()];
    const server = isAbsent ? await RedisServer.absent(...args) : await RedisServer.start(...args);
    return new TestBed(server, await TcpProxy.start(server.port), directory);
  }

  /** Options of a mirror that goes through the wire, logs in with the mirrors' account and has the default timings. */
  get mirrorOptions(): MirrorOptions {
    return optionsOfAccount(this.proxy.port);
  }

  /** Gives the server an order, past the wire. */
  async order(...command: string[]): Promise<unknown> {
    return (await this.server.client()).sendCommand(command);
  }

  /** Makes the server unable to save to its disk, whoever it runs as: it refuses writes then. */
  async breakDisk(): Promise<void> {
    // Without a save point it would not mind.
    await this.order("CONFIG", "SET", "save", "3600 1");
    await mkdir(this.#dumpPath);
    await this.#saveToDisk("err");
  }

  async mendDisk(): Promise<void> {
    await rmdir(this.#dumpPath);
    await this.#saveToDisk("ok");
    await this.order("CONFIG", "SET", "save", "");
  }

  async close(): Promise<void> {
    this.server.thaw();
    await this.proxy.stop();
    await this.server.kill();
    await rm(this.#directory, { recursive: true });
  }

  /** A folder in its place is in the way of the file. */
  get #dumpPath(): string {
    return join(this.#directory, this.server.dumpFile);
  }

  async #saveToDisk(ending: "ok" | "err"): Promise<void> {
    await this.order("BGSAVE");
    for (;;) {
      const info = String(await this.order("INFO", "persistence"));
      if (info.includes("rdb_bgsave_in_progress:0") && info.includes(`rdb_last_bgsave_status:${ending}`)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
