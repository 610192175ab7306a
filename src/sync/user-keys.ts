import { type Clock, systemClock, withDeadline } from "./clock.js";
import { type Client, destroy, expectReplies, openConnection } from "./connection.js";
import { ConnectionLostError, RefusedError, UnreadableValueError } from "./errors.js";
import { encodeId, KeySpace } from "./keys.js";
import { NodeRedisGateway } from "./node-redis-gateway.js";
import { warningsOfLearnt } from "./plaintext.js";
import { DEFAULT_DEADLINES, type GatewayDeadlines, type RedisAddress, type RedisEndpoint } from "./redis-address.js";
import { AS_BYTES, classify } from "./replies.js";
import { expectPrimary, locatePrimary } from "./sentinels.js";
import { SlotMap } from "./slot-map.js";

const MEBIBYTE = 2 ** 20;

/** How many keys the server looks at for one `SCAN`: a millisecond of its time or so. */
const SCAN_COUNT = 1_000;

/** Of one user, or of the legacy ones that are looked for at once. */
const MAX_NAMES = 1_000_000;

/** `{user}` on a cluster, else `user`; then perhaps an instance, perhaps the kind of bookkeeping; the record. */
const KEY_FORM =
  /^roo:(?:\{([A-Za-z0-9._@%-]+)\}|([A-Za-z0-9._@%-]+)):(?:([A-Za-z0-9._@%-]+):)?(?:~([a-z]+):)?([A-Za-z][A-Za-z0-9._-]*)$/;

/** One of the mirror's keys, taken apart. */
export interface UserKey {
  readonly redisKey: string;
  readonly userId: string;
  /** `undefined`: the user's instances share it. */
  readonly instanceId: string | undefined;
  readonly record: string;
  /** `version`, `kept`, `items`: the mirror's own notes on the record; `undefined`: its value. */
  readonly bookkeeping: string | undefined;
}

export interface KeyListing {
  /** Sorted by name. */
  readonly keys: readonly UserKey[];
  /** What lies under the user's name and is not the mirror's. */
  readonly strangers: readonly string[];
}

/** Takes a key apart; `undefined` where it is none that the mirror could have written. */
export function parseKey(redisKey: string): UserKey | undefined {
  const [, taggedUser, plainUser, instance, bookkeeping, record] = KEY_FORM.exec(redisKey) ?? [];
  const userId = decodeId(taggedUser ?? plainUser ?? "%");
  const instanceId = instance === undefined ? undefined : decodeId(instance);
  if (userId === undefined || (instance !== undefined && instanceId === undefined)) return undefined;
  return { redisKey, userId, instanceId, record: record!, bookkeeping };
}

/** The keys of the values that some keys are, or are notes on, whether those are there; sorted by record and instance. */
export function valueKeysOf(keys: readonly UserKey[]): UserKey[] {
  const values = new Map<string, UserKey>();
  for (const { redisKey, bookkeeping, ...key } of keys) {
    const valueKey = bookkeeping === undefined ? redisKey : redisKey.replace(`~${bookkeeping}:`, "");
    values.set(valueKey, { ...key, redisKey: valueKey, bookkeeping: undefined });
  }
  return [...values.values()].sort(
    (a, b) => compare(a.record, b.record) || compare(a.instanceId ?? "", b.instanceId ?? ""),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The id that `encodeId` has encoded; `undefined` where that cannot have been. */
export function decodeId(encoded: string): string | undefined {
  // Half a surrogate pair, in the three bytes that UTF-8 proper has for nothing.
  const withHalves = encoded.replace(/%ED%([AB][0-9A-F])%([89AB][0-9A-F])/g, (_match, second: string, third: string) =>
    String.fromCharCode(0xd000 | ((parseInt(second, 16) & 0x3f) << 6) | (parseInt(third, 16) & 0x3f)),
  );
  try {
    const id = decodeURIComponent(withHalves);
    return encodeId(id) === encoded ? id : undefined;
  } catch {
    return undefined;
  }
}

/** The keys of one user, whatever instance they are of, on the server that has them. For whoever looks, not for the engine. */
export class UserKeys {
  /** Where sentinels or a cluster's nodes sent it: what is not as safe there as it could be, a sentence each. */
  readonly warnings: readonly string[];
  readonly #client: Client;
  readonly #pattern: string;
  readonly #deadlines: GatewayDeadlines;
  readonly #clock: Clock;

  private constructor(
    client: Client,
    pattern: string,
    warnings: readonly string[],
    deadlines: GatewayDeadlines,
    clock: Clock,
  ) {
    this.warnings = warnings;
    this.#client = client;
    this.#pattern = pattern;
    this.#deadlines = deadlines;
    this.#clock = clock;
  }

  /**
   * Connects to the server that has them.
   * @param signal Gives it up while it connects.
   * @throws ConnectionLostError @throws RefusedError
   */
  static async open(
    address: RedisAddress,
    userId: string,
    deadlines: GatewayDeadlines = DEFAULT_DEADLINES,
    clock: Clock = systemClock,
    signal?: AbortSignal,
  ): Promise<UserKeys> {
    return UserKeys.#openFor(patternOf(address, userId), address, deadlines, clock, address, signal);
  }

  static async #openFor(
    pattern: string,
    address: RedisAddress,
    deadlines: GatewayDeadlines,
    clock: Clock,
    named = address,
    signal?: AbortSignal,
  ): Promise<UserKeys> {
    let warnings: readonly string[] = [];
    const find = async () => {
      const endpoint = await locate(address, pattern, deadlines, clock);
      warnings = warningsOfLearnt(named, [endpoint]);
      return endpoint;
    };
    const { promise, abandon } = openConnection(find, {
      address,
      // Who has to be asked for the way first takes a connection of its own.
      deadlineMs: 2 * deadlines.connectMs,
      clock,
      onLost: destroy,
      ...(address.sentinels !== undefined && { verify: expectPrimary }),
    });
    signal?.addEventListener("abort", abandon);
    // Somebody waits for it, so the process stays: connecting by itself would not hold it.
    const client = await withDeadline(promise, {
      deadlineMs: 3 * deadlines.connectMs,
      onExpired: () => new ConnectionLostError(`No connection within ${3 * deadlines.connectMs} ms.`),
      clock,
      isHoldingProcess: true,
    }).finally(() => signal?.removeEventListener("abort", abandon));
    return new UserKeys(client, pattern, warnings, deadlines, clock);
  }

  /** To each server that may have a key: on a cluster to all primaries. @throws ConnectionLostError @throws RefusedError */
  static async openAll(
    address: RedisAddress,
    userId: string,
    deadlines: GatewayDeadlines = DEFAULT_DEADLINES,
    clock: Clock = systemClock,
  ): Promise<UserKeys[]> {
    if (address.cluster === undefined) return [await UserKeys.open(address, userId, deadlines, clock)];
    // Looking at the map does not hold the process, and somebody waits.
    const map = await withDeadline(slotMapOf(address.cluster, address, deadlines, clock), {
      deadlineMs: 2 * deadlines.connectMs,
      onExpired: () => new ConnectionLostError(`No connection within ${2 * deadlines.connectMs} ms.`),
      clock,
      isHoldingProcess: true,
    });
    const pattern = patternOf(address, userId);
    const openings = map.primaries.map((endpoint) =>
      UserKeys.#openFor(pattern, { ...address, ...endpoint, cluster: undefined }, deadlines, clock, address),
    );
    const opened = await Promise.allSettled(openings);
    const failed = opened.find((each) => each.status === "rejected");
    const servers = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    if (failed === undefined) return servers;
    for (const server of servers) server.close();
    throw failed.reason;
  }

  /** By `SCAN`, which keeps nobody else waiting. @throws ConnectionLostError @throws RefusedError */
  async list(): Promise<KeyListing> {
    const names = await this.names(this.#pattern);
    const keys = names.map(parseKey);
    return {
      keys: keys.filter((key) => key !== undefined),
      strangers: names.filter((_name, index) => keys[index] === undefined),
    };
  }

  /** All keys of this server that match, sorted. @param pattern As `SCAN` takes it. */
  async names(pattern: string): Promise<string[]> {
    return [...new Set((await this.rawNames(pattern)).map(String))].sort();
  }

  /** The same as Redis has them: a name need not be UTF-8. */
  async rawNames(pattern: string): Promise<Buffer[]> {
    const found = new Map<string, Buffer>();
    let cursor = "0";
    do {
      const [reply] = await this.ask([["SCAN", cursor, "MATCH", pattern, "COUNT", String(SCAN_COUNT)]]);
      const [next, names] = Array.isArray(reply) ? (reply as unknown[]) : [];
      for (const name of Array.isArray(names) ? (names as unknown[]) : [])
        if (Buffer.isBuffer(name)) found.set(name.toString("latin1"), name);
      if (found.size > MAX_NAMES) throw new UnreadableValueError(`There are more than ${MAX_NAMES} keys of it.`);
      // No server is sent to where it just was.
      cursor = String(next) === cursor ? "0" : String(next ?? "0");
    } while (cursor !== "0");
    return [...found.values()];
  }

  /**
   * Sends commands in one round trip. Strings come as bytes, and what is of another type than the command expects as `undefined`.
   * @param bytes How much there may be to read.
   * @throws ConnectionLostError @throws RefusedError @throws NotServedError
   */
  ask(commands: readonly (readonly (string | Buffer)[])[], bytes = 0): Promise<unknown[]> {
    const deadlineMs = this.#deadlines.commandMs + (bytes / MEBIBYTE) * this.#deadlines.perMebibyteMs;
    const replied = expectReplies(this.#client, bytes);
    const replies = commands.map((command) => this.#client.sendCommand(command, AS_BYTES).catch(undefinedIfWrongType));
    return withDeadline(Promise.all(replies), {
      deadlineMs,
      onExpired: () => new ConnectionLostError(`No answer within ${Math.round(deadlineMs)} ms.`),
      clock: this.#clock,
      isHoldingProcess: true,
    }).finally(replied);
  }

  close(): void {
    destroy(this.#client);
  }
}

/** None of the characters that an encoded id may hold means anything in it. */
function patternOf({ cluster }: RedisAddress, userId: string): string {
  return new KeySpace({ isCluster: cluster !== undefined }).keyOf({ userId, record: "*" });
}

function undefinedIfWrongType(error: unknown): undefined {
  const failure = classify(error);
  if (failure instanceof RefusedError && failure.reply === "WRONGTYPE") return undefined;
  throw failure;
}

/** All of a user's keys are on one server: on a cluster the id is the hash tag. */
async function locate(
  address: RedisAddress,
  pattern: string,
  deadlines: GatewayDeadlines,
  clock: Clock,
): Promise<RedisEndpoint> {
  if (address.sentinels !== undefined)
    return locatePrimary(address.sentinels, address.tls, deadlines.connectMs / 2, clock);
  if (address.cluster === undefined) return address;
  const owner = (await slotMapOf(address.cluster, address, deadlines, clock)).ownerOf(pattern);
  if (owner === undefined) throw new ConnectionLostError("No node of the cluster serves these keys.");
  return owner;
}

/** From whichever node answers first. */
function slotMapOf(
  cluster: readonly RedisEndpoint[],
  address: RedisAddress,
  deadlines: GatewayDeadlines,
  clock: Clock,
): Promise<SlotMap> {
  const questions = cluster.map((seed) => slotMapAccordingTo(seed, address, deadlines, clock));
  return Promise.any(questions).catch((error: AggregateError) => {
    throw error.errors[0];
  });
}

async function slotMapAccordingTo(
  seed: RedisEndpoint,
  address: RedisAddress,
  deadlines: GatewayDeadlines,
  clock: Clock,
): Promise<SlotMap> {
  const gateway = new NodeRedisGateway({ ...address, ...seed }, deadlines, clock);
  try {
    return new SlotMap(await gateway.slotRanges());
  } finally {
    gateway.close();
  }
}
