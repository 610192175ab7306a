import { ConnectionLostError, RefusedError } from "#dist/sync/errors.js";
import type { RedisGateway, WireRefusal, WireWrite } from "#dist/sync/redis-gateway.js";

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
  readonly store = new Map<string, string>();
  /** Every batch that was sent, whatever became of it. */
  readonly batches: WireWrite[][] = [];
  connectAttempts = 0;
  pings = 0;
  reads = 0;
  isConnected = false;
  isClosed = false;
  serverId: string | undefined;
  onConnectionLost: (() => void) | undefined;
  #fault: Fault = { kind: "none" };
  #hold: Promise<void> | undefined;

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

  /** Cuts the connection as a dying server does, and comes back empty under another id. */
  restartEmpty(): void {
    this.store.clear();
    this.serverId = undefined;
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
    this.serverId ??= `server ${this.connectAttempts}`;
  }

  async write(batch: readonly WireWrite[]): Promise<WireRefusal[]> {
    this.batches.push([...batch]);
    await this.#misbehave();
    await this.#hold;
    const fault = this.#fault;
    if (fault.kind === "refusing") return batch.map(() => new RefusedError(fault.reply));
    for (const write of batch) this.#apply(write);
    return batch.map(() => undefined);
  }

  async read(redisKey: string): Promise<string | undefined> {
    this.reads++;
    await this.#misbehave();
    return this.store.get(redisKey);
  }

  async ping(): Promise<void> {
    this.pings++;
    await this.#misbehave();
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

  #apply(write: WireWrite): void {
    if (write.kind === "delete") this.store.delete(write.redisKey);
    else if (!write.isOnlyIfAbsent || !this.store.has(write.redisKey)) this.store.set(write.redisKey, write.value);
  }
}
