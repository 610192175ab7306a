import { ConnectionLostError, RefusedError } from "#dist/sync/errors.js";
import type {
  ChangeListener,
  ChangeWatch,
  CollectionState,
  CollectionWrite,
  KeptValue,
  MergeOutcome,
  RedisGateway,
  StoredCollection,
  StoredIndex,
  StoredState,
  StoredValue,
  WireOutcome,
  WireWrite,
} from "#dist/sync/redis-gateway.js";
import { ModelRedis } from "./model-redis.js";

type Fault =
  | { readonly kind: "none" }
  /** Every call rejects at once, as with nobody listening. */
  | { readonly kind: "down" }
  /** No call ever settles. */
  | { readonly kind: "silent" }
  /** Every write is refused with this reply. */
  | { readonly kind: "refusing"; readonly reply: string };

/** A Redis in memory, behind the gateway port, that fails as it is told to. */
export class FakeGateway implements RedisGateway {
  readonly model: ModelRedis;
  /** The values alone. */
  readonly store: Map<string, string>;
  /** Every batch that was sent, whatever became of it. */
  readonly batches: WireWrite[][] = [];
  /** The same of writes to collections. */
  readonly merges: CollectionWrite[][] = [];
  /** The keys that were asked to live on, a list for each time. */
  readonly renewals: string[][] = [];
  watches = 0;
  watcher: ChangeListener | undefined;
  /** The beginnings of the keys that are listened for. */
  readonly folders: string[] = [];
  /** With which reply listening is refused. */
  watchRefusal: string | undefined;
  connectAttempts = 0;
  pings = 0;
  reads = 0;
  isConnected = false;
  warnings: readonly string[] = [];
  isClosed = false;
  connections = 0;
  onConnectionLost: (() => void) | undefined;
  #fault: Fault = { kind: "none" };
  #hold: Promise<void> | undefined;

  /** @param model Where other gateways lead, too. */
  constructor(model: ModelRedis = new ModelRedis()) {
    this.model = model;
    this.store = model.values;
  }

  alwaysDown(): this {
    this.isConnected = false;
    return this.#fail({ kind: "down" });
  }

  alwaysSilent(): this {
    return this.#fail({ kind: "silent" });
  }

  alwaysRefuse(reply: string): this {
    return this.#fail({ kind: "refusing", reply });
  }

  heal(): this {
    return this.#fail({ kind: "none" });
  }

  /** Cuts the connection as a dying server does, and comes back empty. */
  restartEmpty(): void {
    this.model.flushAll();
    this.isConnected = false;
    this.onConnectionLost?.();
  }

  /** Holds back every answer to a write until the returned function is called. */
  holdWrites(): () => void {
    let release!: () => void;
    this.#hold = new Promise((resolve) => (release = resolve));
    return () => {
      this.#hold = undefined;
      release();
    };
  }

  async connect(): Promise<void> {
    if (this.isClosed) throw new ConnectionLostError("closed");
    if (!this.isConnected) this.connectAttempts++;
    await this.#misbehave();
    if (this.isConnected) return;
    this.isConnected = true;
    this.connections++;
  }

  async write(batch: readonly WireWrite[]): Promise<WireOutcome[]> {
    this.batches.push([...batch]);
    await this.#misbehave();
    await this.#hold;
    const fault = this.#fault;
    if (fault.kind === "refusing") return batch.map(() => ({ kind: "failed", error: new RefusedError(fault.reply) }));
    return batch.map((write) => this.model.put(write));
  }

  async merge(batch: readonly CollectionWrite[]): Promise<MergeOutcome[]> {
    this.merges.push([...batch]);
    await this.#misbehave();
    await this.#hold;
    const fault = this.#fault;
    if (fault.kind === "refusing") return batch.map(() => ({ kind: "failed", error: new RefusedError(fault.reply) }));
    return batch.map((write) => this.model.merge(write));
  }

  async readCollection(redisKey: string): Promise<StoredCollection> {
    this.reads++;
    await this.#misbehave();
    return this.model.readCollection(redisKey);
  }

  async readIndex(redisKey: string): Promise<StoredIndex> {
    this.reads++;
    await this.#misbehave();
    return this.model.readCollection(redisKey);
  }

  async readTombstones(redisKey: string, ids: readonly string[]): Promise<(string | undefined)[]> {
    await this.#misbehave();
    return this.model.readTombstones(redisKey, ids);
  }

  async renewCollections(
    records: readonly { redisKey: string; ttlSeconds: number }[],
  ): Promise<(CollectionState & { readonly hasValue: boolean })[]> {
    this.renewals.push(records.map(({ redisKey }) => redisKey));
    await this.#misbehave();
    return records.map(({ redisKey, ttlSeconds }) => this.model.renewCollection(redisKey, ttlSeconds));
  }

  async read(redisKey: string): Promise<StoredValue> {
    this.reads++;
    await this.#misbehave();
    return this.model.read(redisKey);
  }

  async renew(records: readonly { redisKey: string; ttlSeconds: number }[]): Promise<StoredState[]> {
    this.renewals.push(records.map(({ redisKey }) => redisKey));
    await this.#misbehave();
    return records.map(({ redisKey, ttlSeconds }) => this.model.renew(redisKey, ttlSeconds));
  }

  async listKept(redisKey: string): Promise<KeptValue[]> {
    await this.#misbehave();
    return this.model.listKept(redisKey);
  }

  async readKept(redisKey: string, version: string): Promise<string | undefined> {
    await this.#misbehave();
    return this.model.kept.get(redisKey)?.get(version);
  }

  async ping(): Promise<void> {
    this.pings++;
    await this.#misbehave();
  }

  /** Who listens is told by the test, in the place of the script. */
  async watch(listener: ChangeListener): Promise<ChangeWatch> {
    this.watches++;
    await this.#misbehave();
    if (this.watchRefusal !== undefined) throw new RefusedError(this.watchRefusal);
    this.watcher = listener;
    const close = () => {
      if (this.watcher === listener) this.watcher = undefined;
    };
    return { add: async (folder) => void this.folders.push(folder), close };
  }

  /** What a change's script says. */
  say(redisKey: string, writer: string): void {
    if (this.folders.some((folder) => redisKey.startsWith(folder))) this.watcher?.onHint(redisKey, writer);
  }

  /** Cuts the connection that listens. */
  loseWatch(): void {
    const { watcher } = this;
    this.watcher = undefined;
    this.folders.length = 0;
    watcher?.onLost();
  }

  close(): void {
    this.isClosed = true;
    this.isConnected = false;
  }

  #fail(fault: Fault): this {
    this.#fault = fault;
    return this;
  }

  async #misbehave(): Promise<void> {
    if (this.#fault.kind === "silent") await new Promise(() => {});
    if (this.#fault.kind === "down") throw new ConnectionLostError("Nobody listens.");
  }
}
