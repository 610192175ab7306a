import { setTimeout as pause } from "node:timers/promises";
import { createMirror, type Mirror, type MirrorOptions, type SyncTimings, TOKENS } from "redis-mirrored";
import { RedisServer } from "../../test/support/redis-server.js";
import { smallValue } from "../hosts.js";
import { liveBytes } from "../measure.js";
import { GatewayWatch } from "./gateway-watch.js";
import { LoopDelayProbe } from "./loop-delay.js";

/** How many may wait, as `docs/architecture.md` says. */
export const MAX_PENDING = 10_000;

export interface ManyUsersLoad {
  readonly users: number;
  /** `down`: until all have saved. */
  readonly redis: "up" | "down";
  /** How many of them save in each batch window; default: all of them in one go. */
  readonly usersPerWindow?: number;
  readonly timings?: Partial<SyncTimings>;
}

export interface ManyUsers {
  readonly arrived: number;
  /** Of those that fit into pending and saved last. */
  readonly newestArrived: number;
  /** Reported as `dropped`. */
  readonly dropped: number;
  readonly warnings: readonly string[];
  /** What lives on the heap because of them, bytes, once as many as may wait have saved, and once all have. */
  readonly heldBytes: { readonly full: number; readonly all: number };
  /** One save's, on average. */
  readonly saveMicroseconds: number;
  /** While they save window by window; of those that save in one go, from when they have. */
  readonly probe: LoopDelayProbe;
}

const RECORD = "customInstructions";

/** What becomes of it when so many users of one process save one record each. */
export async function measureManyUsers(load: ManyUsersLoad): Promise<ManyUsers> {
  const { users, redis, usersPerWindow = users, timings } = load;
  const server = redis === "up" ? await RedisServer.start() : await RedisServer.absent();
  const warnings: string[] = [];
  const mirror = quickMirror(server.port, {
    logger: { info: () => {}, warn: (message) => void warnings.push(message) },
    ...(timings !== undefined && { timings }),
  });
  const probe = new LoopDelayProbe();
  new GatewayWatch(mirror, probe);
  const service = mirror.container.get(TOKENS.RedisSyncService);
  let dropped = 0;
  service.on("dropped", () => dropped++);
  try {
    if (redis === "up") {
      service.set({ userId: "first", record: RECORD }, "connects");
      await mirror.flush({ timeoutMs: 5_000 });
    }
    const before = liveBytes();
    let full = 0;
    let savingMs = 0;
    const isSpread = usersPerWindow < users;
    if (isSpread) probe.start();
    for (let user = 0; user < users; user++) {
      const begin = performance.now();
      service.set({ userId: userOf(user), record: RECORD }, smallValue(user));
      savingMs += performance.now() - begin;
      if (user + 1 === MAX_PENDING && !isSpread) full = liveBytes() - before;
      if (isSpread && (user + 1) % usersPerWindow === 0)
        await pause(mirror.container.get(TOKENS.Settings).timings.batchWindowMs);
    }
    // Collecting all at once is a stretch of its own.
    probe.stop();
    const all = liveBytes() - before;
    probe.start();
    if (redis === "down") await server.restart();
    await untilNothingWaits(mirror);
    probe.stop();
    const arrived = await listArrived(server, users);
    return {
      arrived: arrived.length,
      newestArrived: arrived.filter((user) => user >= users - MAX_PENDING).length,
      dropped,
      warnings,
      heldBytes: { full, all },
      saveMicroseconds: (savingMs / users) * 1_000,
      probe,
    };
  } finally {
    probe.stop();
    await mirror.close();
    await server.kill();
  }
}

/** The default timings, but for how soon a server is found that is back. */
export function quickMirror(port: number, options: MirrorOptions): Mirror {
  return createMirror({
    redis: { host: "127.0.0.1", port },
    userId: "bench",
    keys: ["A".repeat(43)],
    env: {},
    logger: { info: () => {}, warn: () => {} },
    ...options,
    timings: { healthCheckMs: 100, ...options.timings },
  });
}

export async function untilNothingWaits(mirror: Mirror, deadlineMs = 60_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (mirror.status.pending > 0) {
    if (performance.now() > deadline)
      throw new Error(`${mirror.status.pending} records still wait after ${deadlineMs} ms`);
    await pause(5);
  }
}

function userOf(user: number): string {
  return `user-${user}`;
}

/** Those whose value is there, and is the one they saved. */
async function listArrived(server: RedisServer, users: number): Promise<number[]> {
  const client = await server.client();
  const arrived: number[] = [];
  for (let from = 0; from < users; from += 1_000) {
    const part = Array.from({ length: Math.min(1_000, users - from) }, (_user, index) => from + index);
    const values = await client.mGet(part.map((user) => `roo:${userOf(user)}:${RECORD}`));
    for (const [index, user] of part.entries())
      if (values[index] === JSON.stringify(smallValue(user))) arrived.push(user);
  }
  return arrived;
}
