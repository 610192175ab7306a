import { TOKENS } from "redis-mirrored";
import { RedisServer } from "../../test/support/redis-server.js";
import { quickMirror, untilNothingWaits } from "./many-users.js";

export interface SizeCase {
  readonly name: string;
  readonly record: string;
  readonly value: () => unknown;
  readonly saves: number;
  /** Larger than all that may wait is refused. */
  readonly promised: "arrives" | "too-large";
}

export interface SizeOutcome {
  /** Whether it is in Redis as it was saved. */
  readonly hasArrived: boolean;
  /** Reasons of the `dropped` events, in their order. */
  readonly dropped: readonly string[];
  readonly warnings: readonly string[];
  /** Whether what was saved before and after it arrived. */
  readonly haveOthersArrived: boolean;
  /** From the first save until nothing waits. */
  readonly seconds: number;
}

const MB = 1_000_000;
const text = (megabytes: number) => "x".repeat(megabytes * MB - 2);
const items = (count: number, megabytes: number) => {
  const task = text(megabytes);
  return Array.from({ length: count }, (_item, index) => ({
    id: `item-${index}`,
    ts: 1_760_000_000_000 - index,
    task,
  }));
};

export const SIZE_CASES = [
  { name: "20 MB", record: "customInstructions", value: () => text(20), saves: 1, promised: "too-large" },
  { name: "20 MB, ten times", record: "customInstructions", value: () => text(20), saves: 10, promised: "too-large" },
  { name: "12 MB", record: "customInstructions", value: () => text(12), saves: 1, promised: "arrives" },
  { name: "history of 1 × 5 MB", record: "taskHistory", value: () => items(1, 5), saves: 1, promised: "arrives" },
  { name: "history of 50 × 5 MB", record: "taskHistory", value: () => items(50, 5), saves: 1, promised: "too-large" },
] as const satisfies readonly SizeCase[];

/** What becomes of a large value, and of small ones beside it. */
export async function measureSize({ record, value, saves }: Omit<SizeCase, "name" | "promised">): Promise<SizeOutcome> {
  const server = await RedisServer.start();
  const warnings: string[] = [];
  const dropped: string[] = [];
  const mirror = quickMirror(server.port, { logger: { info: () => {}, warn: (line) => void warnings.push(line) } });
  const service = mirror.container.get(TOKENS.RedisSyncService);
  service.on("dropped", ({ reason }) => dropped.push(reason));
  const large = value();
  const others = ["before", "after"].map((userId) => ({ userId, record: "customInstructions" }));
  try {
    const begin = performance.now();
    service.set(others[0]!, "small");
    for (let save = 0; save < saves; save++) service.set({ userId: "large", record }, large);
    service.set(others[1]!, "small");
    await untilNothingWaits(mirror);
    const seconds = (performance.now() - begin) / 1_000;
    const smallOnes = await Promise.all(others.map((id) => server.get(service.keyOf(id))));
    return {
      hasArrived: await isThere(server, service.keyOf({ userId: "large", record }), large),
      dropped,
      warnings,
      haveOthersArrived: smallOnes.every((stored) => stored === '"small"'),
      seconds,
    };
  } finally {
    await mirror.close();
    await server.kill();
  }
}

/** As it was saved. @throws if something else is there. */
async function isThere(server: RedisServer, redisKey: string, value: unknown): Promise<boolean> {
  const stored = await server.get(redisKey);
  if (stored === null) return false;
  if (stored !== JSON.stringify(value))
    throw new Error(`Expected what was saved, got ${stored.length} other characters`);
  return true;
}
