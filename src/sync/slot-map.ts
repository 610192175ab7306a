import calculateSlot from "cluster-key-slot";
import { nameOf, type RedisEndpoint } from "./redis-address.js";

/** Which node serves which slots of a cluster, both ends included. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly primary: RedisEndpoint;
}

/** A cluster's slots, as one of its nodes has told them. */
export class SlotMap {
  readonly #ranges: readonly SlotRange[];

  constructor(ranges: readonly SlotRange[]) {
    this.#ranges = ranges;
  }

  /** The node that serves a key; `undefined`: none does. */
  ownerOf(redisKey: string): RedisEndpoint | undefined {
    const slot = calculateSlot(redisKey);
    return this.#ranges.find(({ from, to }) => from <= slot && slot <= to)?.primary;
  }

  /** Each node once. */
  get primaries(): RedisEndpoint[] {
    return [...new Map(this.#ranges.map(({ primary }) => [nameOf(primary), primary])).values()];
  }
}

/**
 * Reads the reply to `CLUSTER SLOTS`: `[from, to, [host, port, id], …replicas]` each.
 * @param askedHost The host that was asked; a node that does not know its own address answers with none.
 */
export function readSlotRanges(reply: unknown, askedHost: string): SlotRange[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((range: unknown) => {
    const [from, to, primary] = Array.isArray(range) ? (range as unknown[]) : [];
    const [host, port] = Array.isArray(primary) ? (primary as unknown[]) : [];
    if (![from, to, port].every(Number.isInteger)) return [];
    const endpoint = { host: typeof host === "string" && host !== "" ? host : askedHost, port: port as number };
    return [{ from: from as number, to: to as number, primary: endpoint }];
  });
}
