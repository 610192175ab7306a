import { openChangeWatch, type OpeningWatch } from "./change-watch.js";
import { type Clock, systemClock, withDeadline } from "./clock.js";
import {
  itemBytesOf,
  measuringOf,
  readCollection,
  readIndex,
  readTombstones,
  renewCollection,
  toMergeCall,
  toMergeOutcome,
} from "./collection-wire.js";
import { MAX_VALUE_BYTES } from "./codec.js";
import type { StoredBody } from "./compression.js";
import {
  type Client,
  type ConnectionOptions,
  destroy,
  expectReplies,
  FLOODED,
  hasFlooded,
  type Opening,
  openConnection,
} from "./connection.js";
import { ConnectionLostError, MirrorError, NotServedError, RefusedError, UnreadableValueError } from "./errors.js";
import { bookkeepingKey } from "./keys.js";
import { pipeline } from "./pipeline.js";
import { flagsOf, KEPT_REPLY, PUT_SCRIPT, PUT_SCRIPT_SHA } from "./put-script.js";
import { warningsOfLearnt } from "./plaintext.js";
import { DEFAULT_DEADLINES, type GatewayDeadlines, type RedisAddress, type RedisEndpoint } from "./redis-address.js";
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
import {
  absentIfWrongType,
  AS_BYTES,
  bodiesOf,
  bodyOf,
  classify,
  refusalOf,
  textOf,
  textsOf,
  unknownKeyOf,
} from "./replies.js";
import { type Script, type ScriptCall, ScriptCaller } from "./script-calls.js";
import { expectPrimary, locatePrimary } from "./sentinels.js";
import { readSlotRanges, type SlotRange } from "./slot-map.js";
import { MAX_SKEW_MS, parseVersion, type Version } from "./version.js";

const MEBIBYTE = 2 ** 20;

/** What a write or a renewal of one record takes on the wire beside its value and its name, which stands there two or three times. */
const OVERHEAD_BYTES = 256;

/** Of more than these some other program's would be, and each is asked for its size. */
const MAX_LISTED = 1_000;

/** As much as is read where a version and a word after it are expected. */
const MAX_NOTE_BYTES = 128;

const SCRIPT: Script = { text: PUT_SCRIPT, sha: PUT_SCRIPT_SHA };

/**
 * The gateway to one server over node-redis, or to the one that is the primary now. The client bounds neither a command
 * that was sent nor the handshake nor its own `close()`, queues without limit while offline, and reconnects by itself: so
 * each await has a deadline here, after which the client is destroyed and the next call makes another one; its queue and
 * its reconnecting are off.
 */
export class NodeRedisGateway implements RedisGateway {
  onConnectionLost: (() => void) | undefined;
  readonly #address: RedisAddress;
  readonly #deadlines: GatewayDeadlines;
  readonly #clock: Clock;
  #connections = 0;
  readonly #scripts = new ScriptCaller();
  #isClosed = false;
  #client: Client | undefined;
  /** Who it was when the sentinels were last asked. */
  #primary: RedisEndpoint | undefined;
  /** By when there must be answers to what is under way. */
  readonly #expected = new Set<{ readonly untilMs: number }>();
  #opening: { readonly promise: Promise<void>; readonly abandon: () => void } | undefined;
  /** What else is connected or about to be, to be let go of at the close. */
  readonly #watches = new Set<OpeningWatch>();

  constructor(address: RedisAddress, deadlines: GatewayDeadlines = DEFAULT_DEADLINES, clock: Clock = systemClock) {
    this.#address = address;
    this.#deadlines = deadlines;
    this.#clock = clock;
  }

  get connections(): number {
    return this.#connections;
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
  }

  get warnings(): readonly string[] {
    return this.#primary === undefined ? [] : warningsOfLearnt(this.#address, [this.#primary]);
  }

  connect(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ConnectionLostError("The mirror is closed."));
    if (this.#client !== undefined) return Promise.resolve();
    this.#opening ??= this.#open();
    return this.#opening.promise;
  }

  async write(batch: readonly WireWrite[]): Promise<WireOutcome[]> {
    const bytes = batch.reduce((sum, { value }) => sum + Buffer.byteLength(value ?? ""), overheadOf(batch));
    const replies = await this.#call(bytes, batch, toPutCall);
    return replies.map((reply, index) => toOutcome(reply, batch[index]!));
  }

  async merge(batch: readonly CollectionWrite[]): Promise<MergeOutcome[]> {
    const bytes = batch.reduce((sum, write) => sum + itemBytesOf(write), overheadOf(batch));
    return (await this.#call(bytes, batch, toMergeCall)).map(toMergeOutcome);
  }

  async read(redisKey: string, maxBytes = MAX_VALUE_BYTES): Promise<StoredValue> {
    const versionKey = bookkeepingKey(redisKey, "version");
    const lengths = [redisKey, versionKey].map((key) => ["STRLEN", key]);
    const bytes = await this.#measure(lengths, maxBytes);
    return this.#withClient(this.#deadlineMs(bytes), bytes, async (client) => {
      // One command, so that the two are of the same moment.
      const reply = await client.sendCommand(["MGET", redisKey, versionKey], AS_BYTES);
      const [value, version] = bodiesOf(reply);
      return { value, ...toVersion(textOf(version)) };
    });
  }

  renew(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<(StoredState | undefined)[]> {
    return this.#renewEach(records, renewOne);
  }

  async readCollection(redisKey: string, maxBytes = MAX_VALUE_BYTES): Promise<StoredCollection> {
    const bytes = await this.#measure(measuringOf(redisKey), maxBytes);
    return this.#withClient(this.#deadlineMs(bytes), bytes, (client) => readCollection(client, redisKey));
  }

  async readIndex(redisKey: string): Promise<StoredIndex> {
    const [, ...measuring] = measuringOf(redisKey);
    const bytes = await this.#measure(measuring, MAX_VALUE_BYTES);
    return this.#withClient(this.#deadlineMs(bytes), bytes, (client) => readIndex(client, redisKey));
  }

  async readTombstones(redisKey: string, ids: readonly string[]): Promise<(Version | undefined)[]> {
    if (ids.length === 0) return [];
    const bytes = ids.reduce((sum, id) => sum + id.length, OVERHEAD_BYTES);
    return this.#withClient(this.#deadlineMs(bytes), bytes, (client) => readTombstones(client, redisKey, ids));
  }

  renewCollections(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<((CollectionState & { readonly hasValue: boolean }) | undefined)[]> {
    return this.#renewEach(records, renewCollection);
  }

  listKept(redisKey: string): Promise<KeptValue[]> {
    return this.#withClient(this.#deadlines.commandMs, 0, async (client) => {
      const keptKey = bookkeepingKey(redisKey, "kept");
      if (Number(await client.sendCommand(["HLEN", keptKey])) > MAX_LISTED)
        throw new UnreadableValueError(
          `More than ${MAX_LISTED} versions of it are kept, which the mirror has not done.`,
        );
      // Whatever else lies there.
      const isVersion = (name: string | undefined) => parseVersion(name) !== undefined;
      const versions = textsOf(await client.sendCommand(["HKEYS", keptKey])).filter(isVersion) as Version[];
      const sizes = await Promise.all(versions.map((version) => client.sendCommand(["HSTRLEN", keptKey, version])));
      return versions.map((version, index) => ({ version, bytes: toCount(sizes[index]) }));
    });
  }

  async readKept(redisKey: string, version: Version): Promise<StoredBody | undefined> {
    const keptKey = bookkeepingKey(redisKey, "kept");
    const bytes = await this.#measure([["HSTRLEN", keptKey, version]], MAX_VALUE_BYTES);
    return this.#withClient(this.#deadlineMs(bytes), bytes, async (client) =>
      bodyOf(await client.sendCommand(["HGET", keptKey, version], AS_BYTES)),
    );
  }

  async ping(): Promise<void> {
    await this.#withClient(this.#deadlines.commandMs, 0, (client) => client.sendCommand(["PING"]));
  }

  /** Which nodes of the cluster serve which slots, as this one knows it. @throws ConnectionLostError @throws RefusedError @throws NotServedError */
  async slotRanges(): Promise<SlotRange[]> {
    const reply = await this.#withClient(this.#deadlines.commandMs, 0, (client) =>
      client.sendCommand(["CLUSTER", "SLOTS"]),
    );
    const ranges = readSlotRanges(reply, this.#address.host);
    // Of a node that has left its cluster, or has joined none.
    if (ranges.length === 0) throw new NotServedError("CLUSTERDOWN");
    return ranges;
  }

  async watch(listener: ChangeListener): Promise<ChangeWatch> {
    if (this.#isClosed) throw new ConnectionLostError("The mirror is closed.");
    const opening = openChangeWatch(() => this.#locate(), this.#connectionOptions, {
      onHint: (redisKey, writer) => listener.onHint(redisKey, writer),
      onLost: () => {
        this.#watches.delete(opening);
        listener.onLost();
      },
    });
    this.#watches.add(opening);
    try {
      const watch = await opening.promise;
      const close = () => {
        this.#watches.delete(opening);
        watch.close();
      };
      return { add: (folder) => watch.add(folder), close };
    } catch (error) {
      this.#watches.delete(opening);
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#opening?.abandon();
    this.#opening = undefined;
    for (const watch of this.#watches) watch.abandon();
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) destroy(client);
  }

  #open(): { promise: Promise<void>; abandon: () => void } {
    const opening: Opening = openConnection(() => this.#locate(), {
      ...this.#connectionOptions,
      onLost: (client) => this.#lose(client),
    });
    const promise = opening.promise.then(
      (client) => {
        this.#opening = undefined;
        this.#client = client;
        this.#connections++;
        this.#scripts.forget();
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    // Reads and writes wait for it each on their own; nobody else needs to hear of it.
    promise.catch(() => {});
    return { promise, abandon: () => opening.abandon() };
  }

  get #connectionOptions(): Omit<ConnectionOptions, "onLost"> {
    return {
      address: this.#address,
      deadlineMs: this.#deadlines.connectMs,
      clock: this.#clock,
      ...(this.#address.sentinels !== undefined && { verify: expectPrimary }),
    };
  }

  async #locate(): Promise<RedisEndpoint> {
    const { sentinels, tls } = this.#address;
    if (sentinels === undefined) return this.#address;
    this.#primary = await locatePrimary(sentinels, tls, this.#deadlines.connectMs / 2, this.#clock);
    return this.#primary;
  }

  #deadlineMs(bytes: number): number {
    return this.#deadlines.commandMs + (bytes / MEBIBYTE) * this.#deadlines.perMebibyteMs;
  }

  /** How much there is to read. @throws UnreadableValueError if that is more than there can be. */
  async #measure(measuring: readonly string[][], maxBytes: number): Promise<number> {
    const sizes = await this.#withClient(this.#deadlines.commandMs, 0, (client) =>
      Promise.all(measuring.map((command) => client.sendCommand(command).catch(absentIfWrongType))),
    );
    const bytes = sizes.reduce<number>((sum, size) => sum + (Number(size) || 0), 0);
    if (bytes > maxBytes) throw new UnreadableValueError(`It is larger than ${maxBytes / MEBIBYTE} MiB.`);
    return bytes;
  }

  /**
   * @param deadlineMs From when Redis can begin with it: replies come in order, and those before it have theirs.
   * @param replyBytes How much will come of it, beside what always may.
   */
  async #withClient<T>(deadlineMs: number, replyBytes: number, work: (client: Client) => Promise<T>): Promise<T> {
    await this.connect();
    const client = this.#client;
    if (client === undefined) throw new ConnectionLostError("The connection was closed.");
    const nowMs = this.#clock.now();
    const waitMs = Math.max(0, ...[...this.#expected].map(({ untilMs }) => untilMs - nowMs));
    const expected = { untilMs: nowMs + waitMs + deadlineMs };
    this.#expected.add(expected);
    const replied = expectReplies(client, replyBytes);
    try {
      return await withDeadline(work(client), {
        deadlineMs: waitMs + deadlineMs,
        onExpired: () => new ConnectionLostError(`No answer within ${Math.round(waitMs + deadlineMs)} ms.`),
        clock: this.#clock,
      });
    } catch (error) {
      const failure = hasFlooded(client) ? new ConnectionLostError(FLOODED) : classify(error);
      if (failure instanceof ConnectionLostError) this.#discard(client);
      throw failure;
    } finally {
      replied();
      this.#expected.delete(expected);
    }
  }

  /** One round trip: nothing waits for a reply before the last is sent. The replies, errors included, one a write. */
  #call<Write>(
    bytes: number,
    batch: readonly Write[],
    toCall: (write: Write, horizon: string) => ScriptCall,
  ): Promise<unknown[]> {
    return this.#withClient(this.#deadlineMs(bytes), 0, async (client) => {
      const horizonMs = Math.min(Math.floor(this.#clock.wallNow() + MAX_SKEW_MS), 9_999_999_999_999);
      const horizon = String(horizonMs).padStart(13, "0");
      const replies = await this.#scripts.call(client, batch, (write) => toCall(write, horizon));
      // A primary that was demoted stays one for this connection; the next may lead to its successor.
      if (replies.some((reply) => reply instanceof RefusedError && reply.reply === "READONLY")) this.#discard(client);
      return replies;
    });
  }

  #renewEach<State>(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
    renew: (client: Client, redisKey: string, ttl: string) => Promise<State>,
  ): Promise<(State | undefined)[]> {
    return this.#withClient(this.#deadlineMs(overheadOf(records)), 0, async (client) => {
      const states = await pipeline(records, ({ redisKey, ttlSeconds }) =>
        renew(client, redisKey, String(ttlSeconds)).catch(refusalOf),
      );
      return states.map((state) => (state instanceof MirrorError ? undefined : state));
    });
  }

  #lose(client: Client): void {
    if (this.#discard(client)) this.onConnectionLost?.();
  }

  /** Never reused: a reply that is still on its way would be taken for that of the next command. */
  #discard(client: Client): boolean {
    const isCurrent = client === this.#client;
    if (isCurrent) this.#client = undefined;
    destroy(client);
    return isCurrent;
  }
}

/** A server may answer anything. */
function toCount(reply: unknown): number {
  const count = Number(reply);
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}

function overheadOf(records: readonly { readonly redisKey: string }[]): number {
  return records.reduce((sum, { redisKey }) => sum + OVERHEAD_BYTES + 3 * redisKey.length, 0);
}

async function renewOne(client: Client, redisKey: string, ttl: string): Promise<StoredState> {
  const versionKey = bookkeepingKey(redisKey, "version");
  const [note, hasValue] = await Promise.all([
    client.sendCommand(["GETRANGE", versionKey, "0", String(MAX_NOTE_BYTES - 1)]).catch(absentIfWrongType),
    client.sendCommand(["EXPIRE", redisKey, ttl]),
    client.sendCommand(["EXPIRE", versionKey, ttl]),
  ]);
  return { hasValue: Number(hasValue) === 1, ...toVersion(textOf(note)) };
}

function toPutCall(write: WireWrite, horizon: string): ScriptCall {
  const { redisKey, value, ttlSeconds, version, seen, isSecret = false } = write;
  const args = [version, seen ?? "", horizon, String(ttlSeconds), flagsOf(write)];
  const keptKey = bookkeepingKey(redisKey, "kept");
  return {
    script: SCRIPT,
    keys: [
      redisKey,
      bookkeepingKey(redisKey, "version"),
      ...(isSecret ? [keptKey, bookkeepingKey(redisKey, "items")] : []),
    ],
    keptKey,
    args: value === undefined ? args : [...args, value],
  };
}

function toOutcome(reply: unknown, { isSecret = false }: WireWrite): WireOutcome {
  const error = reply instanceof MirrorError ? reply : unknownKeyOf(reply, isSecret);
  if (error !== undefined) return { kind: "failed", error };
  if (reply === KEPT_REPLY) return { kind: "applied", hasKept: true };
  return reply === "OK" ? { kind: "applied" } : { kind: "superseded", by: String(reply) };
}

/** From what the version's key holds: the version, and a word after it for a record that was deleted. */
function toVersion(stored: string | undefined): Omit<StoredValue, "value"> {
  const [version, note] = (stored ?? "").split(" ");
  const isVersion = parseVersion(version) !== undefined;
  return { version: isVersion ? version : undefined, isDeleted: isVersion && note === "deleted" };
}
