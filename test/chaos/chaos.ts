import { Catalogue, Codec, FixedKeyRing, parseKeys, MemoryMemento, type RedisSyncService } from "redis-mirrored";
import { KEY, type MirrorUnderTest } from "../support/mirrors.js";
import { TcpProxy, type WireMode } from "../support/tcp-proxy.js";
import { generator } from "./generator.js";
import { impatientMirror, pause } from "./impatient-mirror.js";
import { ReplicatedServer } from "./replicated-server.js";

/** How often equality is looked for, every 10 ms: some 20 s. Counted and not timed: what a busy machine withholds from the engine, it withholds from the looking. */
const MAX_LOOKS = 1_500;

const RECORDS = ["taskHistory", "customInstructions", "provider"] as const;

function valueOf(record: (typeof RECORDS)[number], text: string): unknown {
  if (record === "taskHistory") return [{ id: text, ts: 1 }];
  return record === "provider" ? { text } : text;
}
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

/** A server, its replica, the wire to it, and a client that gives it orders. They serve one history after the other. */
export class ChaosBench {
  readonly #servers: ReplicatedServer;
  readonly #proxy: TcpProxy;

  private constructor(servers: ReplicatedServer, proxy: TcpProxy) {
    this.#servers = servers;
    this.#proxy = proxy;
  }

  static async open(): Promise<ChaosBench> {
    const servers = await ReplicatedServer.start();
    return new ChaosBench(servers, await TcpProxy.start(servers.primary.port));
  }

  async close(): Promise<void> {
    await this.#proxy.stop();
    await this.#servers.stop();
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
    await this.#servers.untilReplicating();
    let host = this.#start(userId, memento);

    const save = (record: string, value: unknown) => {
      local.set(record, value);
      const begin = performance.now();
      host.service.set({ userId, record }, value);
      worstSaveMs = Math.max(worstSaveMs, performance.now() - begin);
    };
    let saves = 0;
    const saveSome = () => {
      for (let left = Math.ceil(random() * 4); left > 0; left--) {
        const record = pick(RECORDS);
        const name = `${seed}-${++saves}`;
        save(record, valueOf(record, name));
      }
    };
    const order = async (...command: string[]) => {
      events.push(command.join(" "));
      await (await this.#servers.primary.client()).sendCommand(command);
    };
    const restartHost = async () => {
      events.push("the host crashes");
      await host.mirror.close({ timeoutMs: 1 });
      host = this.#start(userId, memento);
      for (const record of RECORDS) if (local.has(record)) host.service.compare({ userId, record }, local.get(record));
    };
    const faults: readonly (() => Promise<void> | void)[] = [
      async () => {
        this.#proxy.mode = pick(WIRE_MODES);
        events.push(`the wire ${this.#proxy.mode}`);
        if (this.#proxy.mode === "refuses") this.#proxy.cutAll();
        await pause(random() * 300);
      },
      async () => {
        this.#proxy.delayMs = random() * 200;
        events.push(`the wire takes ${Math.round(this.#proxy.delayMs)} ms`);
        await pause(100);
      },
      async () => {
        events.push("SIGKILL, restarts empty");
        await this.#servers.primary.kill();
        await pause(random() * 200);
        await this.#servers.primary.restart();
      },
      async () => {
        events.push("SIGSTOP");
        this.#servers.primary.freeze();
        await pause(random() * 800);
        this.#servers.primary.thaw();
      },
      async () => {
        await order("CONFIG", "SET", "maxmemory", "1");
        await pause(random() * 100);
      },
      async () => {
        await order("CONFIG", "SET", "requirepass", "changed");
        this.#proxy.cutAll();
        await pause(random() * 100);
      },
      async () => {
        await order("REPLICAOF", "127.0.0.1", "1");
        await pause(random() * 100);
        await order("REPLICAOF", "NO", "ONE");
      },
      async () => {
        const [isBehind, isLedThereFirst] = [random() < 0.5, random() < 0.5];
        events.push(`the primary is killed and its replica${isBehind ? ", which is behind," : ""} promoted`);
        if (isBehind) {
          await this.#servers.stopReplicating();
          saveSome();
          await pause(random() * 50);
        }
        await this.#servers.primary.kill();
        if (isLedThereFirst) this.#proxy.targetPort = this.#servers.replica.port;
        await pause(random() * 200);
        await this.#servers.promote();
        this.#proxy.targetPort = this.#servers.primary.port;
      },
      () => order("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
      () => order("SCRIPT", "FLUSH"),
      () => order("FLUSHALL"),
      restartHost,
    ];

    for (let step = 0; step < 6; step++) {
      saveSome();
      if (random() < 0.5) await pause(random() * 20);
      await pick(faults)();
    }

    this.#proxy.mode = "passes";
    this.#proxy.delayMs = 0;
    const client = await this.#servers.primary.client();
    await client.configSet("requirepass", "");
    await client.configSet("maxmemory", "0");
    const begin = performance.now();
    const problem = await this.#untilEqual(host.service, userId, local);
    const equalAfterMs = performance.now() - begin;
    await host.mirror.close();
    return { problem, events, equalAfterMs, worstSaveMs };
  }

  #start(userId: string, memento: MemoryMemento): MirrorUnderTest {
    return impatientMirror(this.#proxy.port, { userId, memento });
  }

  /** As another program finds it, with the key and nothing of the mirror's. */
  async #untilEqual(
    service: RedisSyncService,
    userId: string,
    local: Map<string, unknown>,
  ): Promise<string | undefined> {
    const client = await this.#servers.primary.client();
    let difference: string | undefined;
    for (let look = 0; look < MAX_LOOKS; look++) {
      difference = undefined;
      for (const [record, value] of local) {
        const redisKey = `roo:${userId}:${record}`;
        const stored = await client.get(redisKey);
        const found =
          stored === null ? undefined : await CODEC.decode(CATALOGUE.find(record)!, redisKey, stored, undefined);
        const [expected, got] = [JSON.stringify(value), JSON.stringify(found)];
        if (expected !== got) difference ??= `${record} is ${got}, not ${expected}; ${JSON.stringify(service.status)}`;
      }
      if (difference === undefined && service.status.pending === 0) return undefined;
      await pause(10);
    }
    return difference ?? `${service.status.pending} saves are still pending`;
  }
}
