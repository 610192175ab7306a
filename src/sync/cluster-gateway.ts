import { type Clock, systemClock } from "./clock.js";
import type { StoredBody } from "./compression.js";
import { ConnectionLostError, MirrorError, NotServedError, RefusedError } from "./errors.js";
import { majorityOf } from "./majority.js";
import { NodeRedisGateway } from "./node-redis-gateway.js";
import { warningsOfLearnt } from "./plaintext.js";
import {
  DEFAULT_DEADLINES,
  type GatewayDeadlines,
  nameOf,
  type RedisAddress,
  type RedisEndpoint,
} from "./redis-address.js";
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
} from "./redis-gateway.js";
import { SlotMap, type SlotRange } from "./slot-map.js";
import type { Version } from "./version.js";

/** After a node could not be reached, or did not answer, it is left alone for so long: each try may cost a whole deadline. */
const NODE_PAUSE_MS = 5_000;

/** One primary of the cluster. */
interface Node {
  readonly endpoint: RedisEndpoint;
  readonly gateway: NodeRedisGateway;
  /** When it is worth a try again, on the gateway's clock. */
  retryAtMs: number;
}

/**
 * The gateway to a cluster: a gateway to each of its primaries, and the map of who serves which key. A node that is gone
 * takes only its own keys along: their writes fail one by one, and the others' arrive.
 *
 * Everything of one record lies in one slot. While that is on its way to another node, a command for several keys can be
 * served by neither (`TRYAGAIN`), so its writes fail and are sent again; only `MOVED` is followed at once.
 */
export class ClusterGateway implements RedisGateway {
  onConnectionLost: (() => void) | undefined;
  readonly #address: RedisAddress;
  readonly #deadlines: GatewayDeadlines;
  readonly #clock: Clock;
  /** At least one; some of them may be gone, or no primaries. */
  readonly #seeds: readonly RedisEndpoint[];
  readonly #nodes = new Map<string, Node>();
  #map = new SlotMap([]);
  /** Whether somebody has said, or may have reason to say, that it is out of date. */
  #isMapStale = true;
  #refreshing: Promise<void> | undefined;
  /** Of nodes that have left. */
  #earlierConnections = 0;
  #isClosed = false;

  /** @param address Its `cluster` names nodes to begin with; host and port are not used. */
  constructor(address: RedisAddress, deadlines: GatewayDeadlines = DEFAULT_DEADLINES, clock: Clock = systemClock) {
    this.#address = address;
    this.#seeds = address.cluster ?? [address];
    this.#deadlines = deadlines;
    this.#clock = clock;
  }

  get connections(): number {
    return this.#gateways.reduce((sum, { connections }) => sum + connections, this.#earlierConnections);
  }

  get isConnected(): boolean {
    return this.#gateways.some(({ isConnected }) => isConnected);
  }

  get warnings(): readonly string[] {
    return warningsOfLearnt(this.#address, this.#map.primaries);
  }

  /** To all primaries; one is enough to go on. */
  async connect(): Promise<void> {
    if (this.#isMapStale) await this.#refreshMap();
    await firstSuccess(this.#map.primaries.map((endpoint) => this.#ask(endpoint, (gateway) => gateway.connect())));
  }

  async write(batch: readonly WireWrite[]): Promise<WireOutcome[]> {
    const outcomes = await this.#route(batch, (gateway, writes) => gateway.write(writes));
    return outcomes.map((outcome) => (outcome instanceof MirrorError ? { kind: "failed", error: outcome } : outcome));
  }

  async merge(batch: readonly CollectionWrite[]): Promise<MergeOutcome[]> {
    const outcomes = await this.#route(batch, (gateway, writes) => gateway.merge(writes));
    return outcomes.map((outcome) => (outcome instanceof MirrorError ? { kind: "failed", error: outcome } : outcome));
  }

  async renew(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<(StoredState | undefined)[]> {
    const states = await this.#route(records, (gateway, some) => gateway.renew(some));
    return states.map((state) => (state instanceof MirrorError ? undefined : state));
  }

  async renewCollections(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<((CollectionState & { readonly hasValue: boolean }) | undefined)[]> {
    const states = await this.#route(records, (gateway, some) => gateway.renewCollections(some));
    return states.map((state) => (state instanceof MirrorError ? undefined : state));
  }

  read(redisKey: string, maxBytes?: number): Promise<StoredValue> {
    return this.#askOwner(redisKey, (gateway) => gateway.read(redisKey, maxBytes));
  }

  readCollection(redisKey: string, maxBytes?: number): Promise<StoredCollection> {
    return this.#askOwner(redisKey, (gateway) => gateway.readCollection(redisKey, maxBytes));
  }

  readIndex(redisKey: string): Promise<StoredIndex> {
    return this.#askOwner(redisKey, (gateway) => gateway.readIndex(redisKey));
  }

  readTombstones(redisKey: string, ids: readonly string[]): Promise<(Version | undefined)[]> {
    return this.#askOwner(redisKey, (gateway) => gateway.readTombstones(redisKey, ids));
  }

  listKept(redisKey: string): Promise<KeptValue[]> {
    return this.#askOwner(redisKey, (gateway) => gateway.listKept(redisKey));
  }

  readKept(redisKey: string, version: Version): Promise<StoredBody | undefined> {
    return this.#askOwner(redisKey, (gateway) => gateway.readKept(redisKey, version));
  }

  async ping(): Promise<void> {
    await this.connect();
    await firstSuccess(this.#map.primaries.map((endpoint) => this.#ask(endpoint, (gateway) => gateway.ping())));
  }

  /** What is said to one node, all of them pass on: whichever answers first is as good as another. */
  async watch(listener: ChangeListener): Promise<ChangeWatch> {
    await this.connect();
    const endpoints = this.#map.primaries;
    const connected = endpoints.filter((endpoint) => this.#nodes.get(nameOf(endpoint))?.gateway.isConnected);
    let failure: unknown;
    for (const endpoint of connected) {
      try {
        return await this.#ask(endpoint, (gateway) => gateway.watch(listener));
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new ConnectionLostError("No node of the cluster is connected.");
  }

  close(): void {
    this.#isClosed = true;
    for (const { gateway } of this.#nodes.values()) gateway.close();
  }

  get #gateways(): NodeRedisGateway[] {
    return [...this.#nodes.values()].map(({ gateway }) => gateway);
  }

  // ── To each key its node ─────────────────────────────────────────────────────────────────────────────────────────

  /** What each node answers about its keys, or why it does not. @throws ConnectionLostError @throws RefusedError where there is none. */
  async #route<Item extends { readonly redisKey: string }, Answer>(
    items: readonly Item[],
    ask: (gateway: NodeRedisGateway, items: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<(Answer | MirrorError)[]> {
    await this.connect();
    const answers: (Answer | MirrorError)[] = [...(await this.#routeOnce(items, ask))];
    const moved = answers.flatMap((answer, index) => (isMoved(answer) ? [index] : []));
    if (moved.length > 0) {
      await this.#refreshMap();
      const again = await this.#routeOnce(
        moved.map((index) => items[index]!),
        ask,
      );
      for (const [position, index] of moved.entries()) answers[index] = again[position]!;
    }
    const failure = answers.find((answer) => answer instanceof MirrorError);
    if (failure !== undefined && !this.isConnected) throw failure;
    return answers;
  }

  /** One round trip to each node that has a part in it, all at once. */
  async #routeOnce<Item extends { readonly redisKey: string }, Answer>(
    items: readonly Item[],
    ask: (gateway: NodeRedisGateway, items: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<(Answer | MirrorError)[]> {
    const answers: (Answer | MirrorError)[] = [];
    const parts = [...this.#groupByOwner(items).values()].map(async ({ endpoint, indexes }) => {
      const part = indexes.map((index) => items[index]!);
      const answered = await this.#ask(endpoint, (gateway) => ask(gateway, part)).catch(asMirrorError);
      for (const [position, index] of indexes.entries())
        answers[index] = answered instanceof MirrorError ? answered : answered[position]!;
    });
    await Promise.all(parts);
    return answers;
  }

  #groupByOwner(items: readonly { readonly redisKey: string }[]) {
    const groups = new Map<string, { readonly endpoint: RedisEndpoint | undefined; readonly indexes: number[] }>();
    for (const [index, { redisKey }] of items.entries()) {
      const endpoint = this.#map.ownerOf(redisKey);
      const name = endpoint === undefined ? "" : nameOf(endpoint);
      const group = groups.get(name) ?? { endpoint, indexes: [] };
      groups.set(name, group);
      group.indexes.push(index);
    }
    return groups;
  }

  async #askOwner<Answer>(redisKey: string, ask: (gateway: NodeRedisGateway) => Promise<Answer>): Promise<Answer> {
    const [answer] = await this.#route([{ redisKey }], async (gateway) => [{ answer: await ask(gateway) }]);
    if (answer instanceof MirrorError) throw answer;
    return answer!.answer;
  }

  /** @throws ConnectionLostError @throws RefusedError @throws NotServedError */
  async #ask<Answer>(
    endpoint: RedisEndpoint | undefined,
    ask: (gateway: NodeRedisGateway) => Promise<Answer>,
  ): Promise<Answer> {
    if (endpoint === undefined) {
      this.#isMapStale = true;
      throw new ConnectionLostError("No node of the cluster serves this key.");
    }
    if (this.#isClosed) throw new ConnectionLostError("The mirror is closed.");
    const node = this.#nodeAt(endpoint);
    const beginMs = this.#clock.now();
    const wasConnected = node.gateway.isConnected;
    if (beginMs < node.retryAtMs) {
      this.#isMapStale = true;
      throw new ConnectionLostError(`The node ${nameOf(endpoint)} cannot be reached.`);
    }
    try {
      return await ask(node.gateway);
    } catch (error) {
      // A connection that was only cut may be made again at once. One that cannot be made, or on which nothing is
      // answered, would cost its deadline each time.
      const hasExpired = this.#clock.now() - beginMs >= this.#deadlines.commandMs;
      if (error instanceof ConnectionLostError && (!wasConnected || hasExpired))
        node.retryAtMs = this.#clock.now() + NODE_PAUSE_MS;
      // Another node may have taken its place.
      this.#isMapStale = true;
      throw error;
    }
  }

  #nodeAt(endpoint: RedisEndpoint): Node {
    const name = nameOf(endpoint);
    let node = this.#nodes.get(name);
    if (node === undefined) {
      const gateway = new NodeRedisGateway(
        { ...this.#address, ...endpoint, sentinels: undefined },
        this.#deadlines,
        this.#clock,
      );
      gateway.onConnectionLost = () => this.onConnectionLost?.();
      node = { endpoint, gateway, retryAtMs: -Infinity };
      this.#nodes.set(name, node);
    }
    return node;
  }

  // ── Who serves what ──────────────────────────────────────────────────────────────────────────────────────────────

  #refreshMap(): Promise<void> {
    this.#refreshing ??= this.#askForMap().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** From those who are connected, else from whoever is known. */
  async #askForMap(): Promise<void> {
    const connected = [...this.#nodes.values()]
      .filter(({ gateway }) => gateway.isConnected)
      .map(({ endpoint }) => endpoint);
    const all = new Map([...this.#map.primaries, ...this.#seeds].map((endpoint) => [nameOf(endpoint), endpoint]));
    const ranges = await this.#poll(connected).catch(() => this.#poll([...all.values()]));
    this.#map = new SlotMap(ranges);
    this.#isMapStale = false;
    this.#forgetOthers(new Set(this.#map.primaries.map(nameOf)));
  }

  /** What most of them say. @throws what they failed with, or ConnectionLostError where there is nobody to ask. */
  async #poll(endpoints: readonly RedisEndpoint[]): Promise<SlotRange[]> {
    const questions = endpoints.map((endpoint) => this.#ask(endpoint, (gateway) => gateway.slotRanges()));
    const { answer } = await majorityOf(questions, this.#deadlines.connectMs, this.#clock);
    return answer ?? (await firstSuccess(questions));
  }

  /** Those who are no primaries any more, and those who were only asked for the way. */
  #forgetOthers(current: ReadonlySet<string>): void {
    for (const [name, { gateway }] of this.#nodes) {
      if (current.has(name)) continue;
      this.#earlierConnections += gateway.connections;
      this.#nodes.delete(name);
      gateway.close();
    }
  }
}

function isMoved(answer: unknown): boolean {
  const error = (answer as { error?: unknown } | undefined)?.error ?? answer;
  return error instanceof NotServedError && error.reply === "MOVED";
}

function asMirrorError(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error;
  throw error;
}

/** The first that succeeds, or what they failed with: a refusal says more than a node that is away. */
async function firstSuccess<T>(works: readonly Promise<T>[]): Promise<T> {
  try {
    return await Promise.any(works);
  } catch (error) {
    const { errors } = error as AggregateError;
    const refusal: unknown = errors.find((each) => each instanceof RefusedError);
    throw refusal ?? errors[0] ?? new ConnectionLostError("No node of the cluster is known.");
  }
}
