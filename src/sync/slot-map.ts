import calculateSlot from "cluster-key-slot";
import { toEndpoint } from "./endpoint.js";
import { nameOf, type RedisEndpoint } from "./redis-address.js";

const SLOTS = 16_384;

/** As many primaries as a cluster may have by Redis's own word. */
const MAX_PRIMARIES = 1_000;

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
 * Reads the reply to `CLUSTER SLOTS`: `[from, to, [host, port, id], …replicas]` each. What cannot be true is
 * left out: a node that lies must not have the mirror knock at a million doors.
 * @param askedHost The host that was asked; a node that does not know its own address answers with none.
 */
export function readSlotRanges(reply: unknown, askedHost: string): SlotRange[] {
  if (!Array.isArray(reply)) return [];
  const ranges = reply.slice(0, SLOTS).flatMap((range: unknown) => {
    const [from, to, node] = Array.isArray(range) ? (range as unknown[]) : [];
    const [host, port] = Array.isArray(node) ? (node as unknown[]) : [];
    if (![from, to].every(isSlot)) return [];
    const primary = toEndpoint(typeof host === "string" && host !== "" ? host : askedHost, port);
    return primary === undefined ? [] : [{ from: from as number, to: to as number, primary }];
  });
  return new SlotMap(ranges).primaries.length <= MAX_PRIMARIES ? ranges : [];
}

function isSlot(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOTS;
}
