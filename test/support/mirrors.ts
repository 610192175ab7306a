import { expect } from "chai";
import {
  createMirror,
  type Mirror,
  type MirrorEvents,
  type MirrorOptions,
  NodeRedisGateway,
  RedisMirrored,
  TOKENS,
} from "redis-mirrored";
import type { RedisSyncService } from "redis-mirrored";

export const SILENT = { info: () => {}, warn: () => {} };
export const KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

/** Short enough for a test to wait for, in the proportions of the real ones. */
export const SHORT_TIMINGS = { batchWindowMs: 20, pauseMs: 1_000, healthCheckMs: 100 };
const SHORT_DEADLINES = { connectMs: 1_000, commandMs: 1_000, perMebibyteMs: 8_000 };

export interface MirrorUnderTest {
  readonly mirror: Mirror;
  readonly service: RedisSyncService;
}

/** The one that mirrors of a `TestBed` log in with. */
export const ACCOUNT = "mirror";
export const PASSWORD = "ours";

/** Of a mirror on a `TestBed`, with the default timings; a process of its own knows but the port of the wire. */
export function optionsOfAccount(port: number): MirrorOptions {
  return {
    redis: { host: "127.0.0.1", port, username: ACCOUNT, password: PASSWORD },
    userId: "alice",
    keys: [KEY],
    env: {},
    logger: SILENT,
  };
}

/** A mirror on a real server, in a hurry. */
export function hurriedMirror(port: number, options: MirrorOptions = {}): MirrorUnderTest {
  const mirror = createMirror({
    userId: "alice",
    keys: [KEY],
    env: {},
    logger: SILENT,
    timings: SHORT_TIMINGS,
    ...options,
    redis: { host: "127.0.0.1", port, ...options.redis },
  });
  const { address } = mirror.container.get(TOKENS.Settings);
  mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(new NodeRedisGateway(address, SHORT_DEADLINES));
  return { mirror, service: mirror.container.get(TOKENS.RedisSyncService) };
}

/** Saves some records by a mirror of its own, which has then been closed. `alice`'s, unless the options say whose. */
export async function saveBriefly(
  port: number,
  options: MirrorOptions & { userId?: string },
  records: Record<string, unknown>,
): Promise<void> {
  const { mirror, service } = hurriedMirror(port, options);
  for (const [record, value] of Object.entries(records))
    service.set({ userId: options.userId ?? "alice", record }, value);
  expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
}

/** Waits for the mirror to tell of something, and for the condition to hold when it does. */
export function untilEvent<Event extends keyof MirrorEvents>(
  mirror: Mirror,
  event: Event,
  isMet: (...args: MirrorEvents[Event]) => boolean = () => true,
): Promise<MirrorEvents[Event]> {
  return new Promise((resolve) => {
    const listener = (...args: MirrorEvents[Event]) => {
      if (!isMet(...args)) return;
      mirror.off(event, listener);
      resolve(args);
    };
    mirror.on(event, listener);
  });
}

/** Waits until nothing is on its way any more. Saves nothing itself, and asks nothing of the mirror. */
export async function untilSettled(mirror: Mirror): Promise<void> {
  if (mirror.status.state === "connected" && mirror.status.pending === 0) return;
  await Promise.race([
    untilEvent(mirror, "flushed", () => mirror.status.pending === 0),
    untilEvent(mirror, "status", ({ state, pending }) => state === "connected" && pending === 0),
  ]);
}

/** The smallest host there is: a store in memory, its one method decorated. */
export class Notes {
  readonly saved = new Map<string, unknown>();

  @RedisMirrored((record: string, value: unknown) => ({ record, value }))
  async save(record: string, value: unknown): Promise<void> {
    this.saved.set(record, value);
  }
}
