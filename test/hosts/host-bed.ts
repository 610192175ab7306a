import { hurriedMirror, type MirrorUnderTest } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { Machine } from "./machine.js";
import { HostRunner } from "./running.js";

/** A server and a wire to it; for each test an empty Redis, a fresh machine, and another window of its user. Registers its hooks. */
export class HostBed {
  readonly runner = new HostRunner();
  server!: RedisServer;
  proxy!: TcpProxy;
  machine!: Machine;
  other!: MirrorUnderTest;

  constructor() {
    before(async () => {
      this.server = await RedisServer.start();
      this.proxy = await TcpProxy.start(this.server.port);
    });
    after(async () => {
      await this.proxy.stop();
      await this.server.kill();
    });
    beforeEach(async () => {
      await (await this.server.client()).flushAll();
      this.proxy.mode = "passes";
      this.machine = new Machine();
      this.other = hurriedMirror(this.server.port);
    });
    afterEach(async () => {
      await this.runner.stop();
      await this.other.mirror.close();
      this.machine.remove();
    });
  }
}
