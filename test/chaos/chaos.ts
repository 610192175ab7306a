import {
  Catalogue,
  Codec,
  createMirror,
  FixedKeyRing,
  parseKeys,
  type Mirror,
  MemoryMemento,
  NodeRedisGateway,
  type RedisSyncService,
  TOKENS,
} from "redis-mirrored";
import { KEY, SILENT } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy, type WireMode } from "../support/tcp-proxy.js";

/** Real timings in a fiftieth of the time. */
const TIMINGS = { batchWindowMs: 5, pauseMs: 300, healthCheckMs: 40, reconcileMs: 150 };
const DEADLINES = { connectMs: 400, commandMs: 400, perMebibyteMs: 1_000 };
const EQUALITY_DEADLINE_MS = 20_000;

const RECORDS = ["taskHistory", "customInstructions", "provider"] as const;
const CATALOGUE = new Catalogue();
const CODEC = new Codec(new FixedKeyRing(parseKeys(KEY)));
const WIRE_MODES: readonly WireMode[] = ["refuses", "swallows", "cuts replies", "throttles"];

export interface ChaosResult {
  /** `undefined`: the mirror ended equal to the local store. */
  readonly problem: string | undefined;
  /** What happened, in order. */
  readonly events: readonly string[];
  /** From the end of the faults until equality. */
  readonly equalAfterMs: number;
  readonly worstSaveMs: number;
}

/** A server, the wire to it, and a client that gives it orders. They serve one history after the other. */
export class ChaosBench {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;

  private constructor(server: RedisServer, proxy: TcpProxy) {
    this.server = server;
    this.proxy = proxy;
  }

  static async open(): Promise<ChaosBench> {
    const server = await RedisServer.start();
    return new ChaosBench(server, await TcpProxy.start(server.port));
  }

  async close(): Promise<void> {
    await this.proxy.stop();
    this.server.thaw();
    await this.server.kill();
  }

  /** One history of saves, faults and restarts of the host. The seed decides what is done, the machine how long it takes. */
  async play(seed: number): Promise<ChaosResult> {
    const random = generator(seed);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
    const userId = `user${seed}`;
    const local = new Map<string, unknown>();
    const memento = new MemoryMemento();
    const events: string[] = [];
    let worstSaveMs = 0;
    let host = this.#start(userId, memento);

    const save = (record: string, value: unknown) => {
      local.set(record, value);
      const begin = performance.now();
      host.service.set({ userId, record }, value);
      worstSaveMs = Math.max(worstSaveMs, performance.now() - begin);
    };
    const order = async (...command: string[]) => {
      events.push(command.join(" "));
      await (await this.server.client()).sendCommand(command);
    };
    const restartHost = async () => {
      events.push("the host crashes");
      await host.mirror.close({ timeoutMs: 1 });
      host = this.#start(userId, memento);
      for (const record of RECORDS) if (local.has(record)) host.service.compare({ userId, record }, local.get(record));
    };
    const faults: readonly (() => Promise<void> | void)[] = [
      async () => {
        this.proxy.mode = pick(WIRE_MODES);
        events.push(`the wire ${this.proxy.mode}`);
        if (this.proxy.mode === "refuses") this.proxy.cutAll();
        await pause(random() * 300);
      },
      async () => {
        this.proxy.delayMs = random() * 200;
        events.push(`the wire takes ${Math.round(this.proxy.delayMs)} ms`);
        await pause(100);
      },
      async () => {
        events.push("SIGKILL, restarts empty");
        await this.server.kill();
        await pause(random() * 200);
        await this.server.restart();
      },
      async () => {
        events.push("SIGSTOP");
        this.server.freeze();
        await pause(random() * 800);
        this.server.thaw();
      },
      async () => {
        await order("CONFIG", "SET", "maxmemory", "1");
        await pause(random() * 100);
      },
      async () => {
        await order("CONFIG", "SET", "requirepass", "changed");
        this.proxy.cutAll();
        await pause(random() * 100);
      },
      async () => {
        await order("REPLICAOF", "127.0.0.1", "1");
        await pause(random() * 100);
        await order("REPLICAOF", "NO", "ONE");
      },
      () => order("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
      () => order("SCRIPT", "FLUSH"),
      () => order("FLUSHALL"),
      restartHost,
    ];

    for (let step = 0; step < 6; step++) {
      for (let saves = Math.ceil(random() * 4); saves > 0; saves--) {
        const record = pick(RECORDS);
        save(
          record,
          record === "taskHistory" ? [{ id: `${seed}-${step}-${saves}`, ts: 1 }] : { text: `${seed}-${step}-${saves}` },
        );
      }
      if (random() < 0.5) await pause(random() * 20);
      await pick(faults)();
    }

    this.proxy.mode = "passes";
    this.proxy.delayMs = 0;
    const client = await this.server.client();
    await client.configSet("requirepass", "");
    await client.configSet("maxmemory", "0");
    const begin = performance.now();
    const problem = await this.#untilEqual(host.service, userId, local);
    const equalAfterMs = performance.now() - begin;
    await host.mirror.close();
    return { problem, events, equalAfterMs, worstSaveMs };
  }

  #start(userId: string, memento: MemoryMemento): { mirror: Mirror; service: RedisSyncService } {
    const mirror = createMirror({
      redis: { host: "127.0.0.1", port: this.proxy.port },
      userId,
      memento,
      keys: [KEY],
      env: {},
      logger: SILENT,
      timings: TIMINGS,
    });
    const { address } = mirror.container.get(TOKENS.Settings);
    mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(new NodeRedisGateway(address, DEADLINES));
    return { mirror, service: mirror.container.get(TOKENS.RedisSyncService) };
  }

  /** As another program finds it, with the key and nothing of the mirror's. */
  async #untilEqual(
    service: RedisSyncService,
    userId: string,
    local: Map<string, unknown>,
  ): Promise<string | undefined> {
    const endMs = performance.now() + EQUALITY_DEADLINE_MS;
    const client = await this.server.client();
    let difference: string | undefined;
    do {
      difference = undefined;
      for (const [record, value] of local) {
        const redisKey = `roo:${userId}:${record}`;
        const stored = await client.get(redisKey);
        const found = stored === null ? undefined : await CODEC.decode(CATALOGUE.find(record)!, redisKey, stored);
        const [expected, got] = [JSON.stringify(value), JSON.stringify(found)];
        if (expected !== got) difference ??= `${record} is ${got}, not ${expected}; ${JSON.stringify(service.status)}`;
      }
      if (difference === undefined && service.status.pending === 0) return undefined;
      await pause(10);
    } while (performance.now() < endMs);
    return difference ?? `${service.status.pending} saves are still pending`;
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Mulberry32: from 0 to 1, the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
