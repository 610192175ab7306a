import { type Mirror, MemoryMemento, type Memento, RedisSyncInterceptor } from "redis-mirrored";
import { Disk, type Item, SHARED_RECORD, SharedStore } from "../simulation/shared-history.js";
import { TcpProxy, type WireMode } from "../support/tcp-proxy.js";
import { impatientMirror } from "./impatient-mirror.js";

/** One process of the host: what it writes down ends with it. */
class Process {
  readonly store = new SharedStore(new Disk());
  readonly mirror: Mirror;
  readonly wire: TcpProxy;
  #isDead = false;

  constructor(wire: TcpProxy, userId: string, memento: Memento) {
    this.wire = wire;
    const { mirror, service } = impatientMirror(wire.port, {
      userId,
      records: [SHARED_RECORD],
      memento: {
        get: (key) => memento.get(key),
        update: async (key, value) => (this.#isDead ? undefined : memento.update(key, value)),
      },
    });
    this.mirror = mirror;
    this.store.interceptor = new RedisSyncInterceptor(service, { current: userId });
  }

  /** Nothing that it does from here on reaches anybody. */
  async die(): Promise<void> {
    this.#isDead = true;
    this.wire.mode = "refuses";
    this.wire.cutAll();
    // For its timers' sake. It has no wire and no memento any more, so that is all that it does.
    await this.mirror.close({ timeoutMs: 1 });
    await this.wire.stop();
  }

  async close(): Promise<void> {
    await this.mirror.close({ timeoutMs: 50 });
    await this.die();
  }
}

/** A window of the host on a wire of its own: a store and a memento, which outlive its processes. */
export class Window {
  readonly name: string;
  readonly #serverPort: number;
  readonly #userId: string;
  readonly #memento = new MemoryMemento();
  #process!: Process;
  #wireMode: WireMode = "passes";

  private constructor(name: string, serverPort: number, userId: string) {
    this.name = name;
    this.#serverPort = serverPort;
    this.#userId = userId;
  }

  static async open(name: string, serverPort: number, userId: string): Promise<Window> {
    const window = new Window(name, serverPort, userId);
    await window.#start([]);
    return window;
  }

  get list(): readonly Item[] {
    return this.#process.store.list;
  }

  get pending(): number {
    return this.#process.mirror.status.pending;
  }

  get status(): string {
    return `${this.name}: ${JSON.stringify(this.#process.mirror.status)}`;
  }

  save(list: readonly Item[]): Promise<void> {
    return this.#process.store.save(list);
  }

  async read(): Promise<void> {
    await this.#process.store.read();
  }

  set wireMode(mode: WireMode) {
    this.#wireMode = mode;
    this.#process.wire.mode = mode;
    if (mode === "refuses") this.#process.wire.cutAll();
  }

  /** It ends without being told, and starts again. */
  async crash(): Promise<void> {
    const [ended, { list }] = [this.#process, this];
    const dying = ended.die();
    await this.#start(list);
    await dying;
  }

  /** It ends as it should, for which there is little time, and starts again. */
  async restart(): Promise<void> {
    await this.#process.close();
    await this.#start(this.list);
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  async #start(list: readonly Item[]): Promise<void> {
    const wire = await TcpProxy.start(this.#serverPort);
    wire.mode = this.#wireMode;
    this.#process = new Process(wire, this.#userId, this.#memento);
    this.#process.store.list = list;
  }
}
