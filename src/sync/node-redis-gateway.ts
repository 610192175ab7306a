import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, systemClock, withDeadline } from "./clock.js";
import { type Client, destroy, type Opening, openConnection } from "./connection.js";
import { ConnectionLostError, MirrorError, NotServedError, RefusedError, UnreadableValueError } from "./errors.js";
import { bookkeepingKey } from "./keys.js";
import { PUT_SCRIPT, PUT_SCRIPT_SHA } from "./put-script.js";
import { DEFAULT_DEADLINES, type GatewayDeadlines, type RedisAddress, type RedisEndpoint } from "./redis-address.js";
import type { KeptValue, RedisGateway, StoredState, StoredValue, WireOutcome, WireWrite } from "./redis-gateway.js";
import { classify } from "./replies.js";
import { expectPrimary, locatePrimary } from "./sentinels.js";
import { readSlotRanges, type SlotRange } from "./slot-map.js";
import { MAX_SKEW_MS, parseVersion, type Version } from "./version.js";

const MEBIBYTE = 2 ** 20;

/** What a write or a renewal of one record takes on the wire beside its value and its name, which stands there three times. */
const OVERHEAD_BYTES = 256;

/** How many commands are handed over in one go. */
const SLICE = 100;

/** What is larger than this was not written by the mirror, and is not taken into the host's memory. */
const MAX_VALUE_BYTES = 32 * MEBIBYTE;

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
  /** Whether the server of this connection has been sent the script's text. */
  #hasScript = false;
  #isClosed = false;
  #client: Client | undefined;
  /** By when there must be answers to what is under way. */
  readonly #expected = new Set<{ readonly untilMs: number }>();
  #opening: { readonly promise: Promise<void>; readonly abandon: () => void } | undefined;

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

  connect(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ConnectionLostError("The mirror is closed."));
    if (this.#client !== undefined) return Promise.resolve();
    this.#opening ??= this.#open();
    return this.#opening.promise;
  }

  async write(batch: readonly WireWrite[]): Promise<WireOutcome[]> {
    const bytes = batch.reduce((sum, { value }) => sum + Buffer.byteLength(value ?? ""), overheadOf(batch));
    return this.#withClient(this.#deadlineMs(bytes), async (client) => {
      const replies = await this.#put(client, batch);
      // The server has forgotten the script (`SCRIPT FLUSH`, or it is another one now).
      const forgotten = replies.flatMap((reply, index) => (isUnknownScript(reply) ? [index] : []));
      if (forgotten.length > 0) {
        this.#hasScript = false;
        const again = await this.#put(
          client,
          forgotten.map((index) => batch[index]!),
        );
        for (const [position, index] of forgotten.entries()) replies[index] = again[position];
      }
      // A primary that was demoted stays one for this connection; the next may lead to its successor.
      if (replies.some((reply) => reply instanceof RefusedError && reply.reply === "READONLY")) this.#discard(client);
      return replies.map(toOutcome);
    });
  }

  async read(redisKey: string, maxBytes = MAX_VALUE_BYTES): Promise<StoredValue> {
    const versionKey = bookkeepingKey(redisKey, "version");
    const deadlineMs = await this.#deadlineOf(["STRLEN", redisKey], maxBytes);
    return this.#withClient(deadlineMs, async (client) => {
      // One command, so that the two are of the same moment.
      const reply = await client.sendCommand(["MGET", redisKey, versionKey]);
      const [value, version] = textsOf(reply);
      return { value, ...toVersion(version) };
    });
  }

  renew(
    records: readonly { readonly redisKey: string; readonly ttlSeconds: number }[],
  ): Promise<(StoredState | undefined)[]> {
    return this.#withClient(this.#deadlineMs(overheadOf(records)), async (client) => {
      const states = await pipeline(records, ({ redisKey, ttlSeconds }) =>
        renewOne(client, redisKey, ttlSeconds).catch(refusalOf),
      );
      return states.map((state) => (state instanceof MirrorError ? undefined : state));
    });
  }

  listKept(redisKey: string): Promise<KeptValue[]> {
    return this.#withClient(this.#deadlines.commandMs, async (client) => {
      const keptKey = bookkeepingKey(redisKey, "kept");
      const versions = textsOf(await client.sendCommand(["HKEYS", keptKey])).filter((version) => version !== undefined);
      const sizes = await Promise.all(versions.map((version) => client.sendCommand(["HSTRLEN", keptKey, version])));
      return versions.map((version, index) => ({ version, bytes: Number(sizes[index]) }));
    });
  }

  async readKept(redisKey: string, version: Version): Promise<string | undefined> {
    const keptKey = bookkeepingKey(redisKey, "kept");
    const deadlineMs = await this.#deadlineOf(["HSTRLEN", keptKey, version], MAX_VALUE_BYTES);
    return this.#withClient(deadlineMs, async (client) => textOf(await client.sendCommand(["HGET", keptKey, version])));
  }

  async ping(): Promise<void> {
    await this.#withClient(this.#deadlines.commandMs, (client) => client.sendCommand(["PING"]));
  }

  /** Which nodes of the cluster serve which slots, as this one knows it. @throws ConnectionLostError @throws RefusedError @throws NotServedError */
  async slotRanges(): Promise<SlotRange[]> {
    const reply = await this.#withClient(this.#deadlines.commandMs, (client) =>
      client.sendCommand(["CLUSTER", "SLOTS"]),
    );
    const ranges = readSlotRanges(reply, this.#address.host);
    // Of a node that has left its cluster, or has joined none.
    if (ranges.length === 0) throw new NotServedError("CLUSTERDOWN");
    return ranges;
  }

  close(): void {
    this.#isClosed = true;
    this.#opening?.abandon();
    this.#opening = undefined;
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) destroy(client);
  }

  #open(): { promise: Promise<void>; abandon: () => void } {
    const opening: Opening = openConnection(() => this.#locate(), {
      address: this.#address,
      deadlineMs: this.#deadlines.connectMs,
      clock: this.#clock,
      onLost: (client) => this.#lose(client),
      ...(this.#address.sentinels !== undefined && { verify: expectPrimary }),
    });
    const promise = opening.promise.then(
      (client) => {
        this.#opening = undefined;
        this.#client = client;
        this.#connections++;
        this.#hasScript = false;
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

  async #locate(): Promise<RedisEndpoint> {
    const { sentinels, tls } = this.#address;
    if (sentinels === undefined) return this.#address;
    return locatePrimary(sentinels, tls, this.#deadlines.connectMs / 2, this.#clock);
  }

  #deadlineMs(bytes: number): number {
    return this.#deadlines.commandMs + (bytes / MEBIBYTE) * this.#deadlines.perMebibyteMs;
  }

  /** How long reading may take, by what there is to read. @throws UnreadableValueError if that is more than there can be. */
  async #deadlineOf(measuring: readonly string[], maxBytes: number): Promise<number> {
    const bytes = await this.#withClient(this.#deadlines.commandMs, (client) =>
      client.sendCommand(measuring).catch(zeroIfWrongType),
    );
    if (Number(bytes) > maxBytes) throw new UnreadableValueError(`It is larger than ${maxBytes / MEBIBYTE} MiB.`);
    return this.#deadlineMs(Number(bytes) || 0);
  }

  /** @param deadlineMs From when Redis can begin with it: replies come in order, and those before it have theirs. */
  async #withClient<T>(deadlineMs: number, work: (client: Client) => Promise<T>): Promise<T> {
    await this.connect();
    const client = this.#client;
    if (client === undefined) throw new ConnectionLostError("The connection was closed.");
    const nowMs = this.#clock.now();
    const waitMs = Math.max(0, ...[...this.#expected].map(({ untilMs }) => untilMs - nowMs));
    const expected = { untilMs: nowMs + waitMs + deadlineMs };
    this.#expected.add(expected);
    try {
      return await withDeadline(work(client), {
        deadlineMs: waitMs + deadlineMs,
        onExpired: () => new ConnectionLostError(`No answer within ${Math.round(waitMs + deadlineMs)} ms.`),
        clock: this.#clock,
      });
    } catch (error) {
      const failure = classify(error);
      if (failure instanceof ConnectionLostError) this.#discard(client);
      throw failure;
    } finally {
      this.#expected.delete(expected);
    }
  }

  /** One round trip: nothing waits for a reply before the last is sent. The replies, errors included, one a write. */
  #put(client: Client, batch: readonly WireWrite[]): Promise<unknown[]> {
    const horizonMs = this.#clock.wallNow() + MAX_SKEW_MS;
    return pipeline(batch, (write) => {
      const script = this.#hasScript ? ["EVALSHA", PUT_SCRIPT_SHA] : ["EVAL", PUT_SCRIPT];
      // Those behind it in the pipeline find it there.
      this.#hasScript = true;
      return client.sendCommand([...script, ...toArguments(write, horizonMs)]).catch(refusalOf);
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

function overheadOf(records: readonly { readonly redisKey: string }[]): number {
  return records.reduce((sum, { redisKey }) => sum + OVERHEAD_BYTES + 3 * redisKey.length, 0);
}

/**
 * Sends one after the other without waiting for answers, but gives the host's own work a turn after each slice: encoding
 * a thousand commands takes longer than a keystroke may.
 */
async function pipeline<Item, Reply>(items: readonly Item[], send: (item: Item) => Promise<Reply>): Promise<Reply[]> {
  const replies: Promise<Reply>[] = [];
  for (let from = 0; from < items.length; from += SLICE) {
    if (from > 0) await nextTurn();
    for (const item of items.slice(from, from + SLICE)) {
      const reply = send(item);
      // Waited for below, which may be too late for one that fails during a turn.
      reply.catch(() => {});
      replies.push(reply);
    }
  }
  return Promise.all(replies);
}

async function renewOne(client: Client, redisKey: string, ttlSeconds: number): Promise<StoredState> {
  const versionKey = bookkeepingKey(redisKey, "version");
  const [versions, hasValue] = await Promise.all([
    client.sendCommand(["MGET", versionKey]),
    client.sendCommand(["EXPIRE", redisKey, String(ttlSeconds)]),
    client.sendCommand(["EXPIRE", versionKey, String(ttlSeconds)]),
  ]);
  return { hasValue: Number(hasValue) === 1, ...toVersion(textsOf(versions)[0]) };
}

/** A server may answer anything. */
function textOf(reply: unknown): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}

function textsOf(reply: unknown): (string | undefined)[] {
  return Array.isArray(reply) ? reply.map(textOf) : [];
}

/** What concerns one command alone: the others have replies of their own. @throws ConnectionLostError */
function refusalOf(error: unknown): RefusedError | NotServedError {
  const failure = classify(error);
  if (failure instanceof RefusedError || failure instanceof NotServedError) return failure;
  throw failure;
}

/** `MGET` takes what is no string for absent. */
function zeroIfWrongType(error: unknown): number {
  const failure = classify(error);
  if (failure instanceof RefusedError && failure.reply === "WRONGTYPE") return 0;
  throw failure;
}

function toArguments(
  { redisKey, value, ttlSeconds, version, seen, keepsPrevious }: WireWrite,
  horizonMs: number,
): string[] {
  const horizon = String(Math.min(Math.floor(horizonMs), 9_999_999_999_999)).padStart(13, "0");
  const keys = [redisKey, bookkeepingKey(redisKey, "version"), bookkeepingKey(redisKey, "kept")];
  const args = [version, seen ?? "", horizon, String(ttlSeconds), keepsPrevious ? "1" : "0"];
  return [String(keys.length), ...keys, ...args, ...(value === undefined ? [] : [value])];
}

function isUnknownScript(reply: unknown): boolean {
  return reply instanceof RefusedError && reply.reply === "NOSCRIPT";
}

function toOutcome(reply: unknown): WireOutcome {
  if (reply instanceof MirrorError) return { kind: "failed", error: reply };
  return reply === "OK" ? { kind: "applied" } : { kind: "superseded", by: String(reply) };
}

/** From what the version's key holds: the version, and a word after it for a record that was deleted. */
function toVersion(stored: string | undefined): Omit<StoredValue, "value"> {
  const [version, note] = (stored ?? "").split(" ");
  const isVersion = parseVersion(version) !== undefined;
  return { version: isVersion ? version : undefined, isDeleted: isVersion && note === "deleted" };
}
