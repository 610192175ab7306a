import { setTimeout as pause } from "node:timers/promises";
import { TOKENS } from "redis-mirrored";
import { RedisServer } from "../../test/support/redis-server.js";
import { smallValue } from "../hosts.js";
import { liveBytes } from "../measure.js";
import { GatewayWatch } from "./gateway-watch.js";
import { LoopDelayProbe } from "./loop-delay.js";
import { quickMirror, untilNothingWaits } from "./many-users.js";

export interface ReconcileStall {
  readonly probe: LoopDelayProbe;
  /** From the end of the connection until all has been compared, and is there. */
  readonly seconds: number;
  /** How many of the records are in Redis in the end. */
  readonly there: number;
}

const RECORD = "customInstructions";

/** How long comparing so many known records keeps the event loop, with all of them still there or all of them lost. */
export async function measureReconcile(records: number, isLost: boolean): Promise<ReconcileStall> {
  const server = await RedisServer.start();
  const mirror = quickMirror(server.port, { timings: { batchWindowMs: 10 } });
  const probe = new LoopDelayProbe();
  const watch = new GatewayWatch(mirror, probe);
  const service = mirror.container.get(TOKENS.RedisSyncService);
  try {
    for (let user = 0; user < records; user++) {
      service.set({ userId: `user-${user}`, record: RECORD }, smallValue(user));
      if (user % 500 === 499) await untilNothingWaits(mirror);
    }
    await untilNothingWaits(mirror);
    const client = await server.client();
    if (isLost) await client.flushAll();
    // What the preparation has left is not the reconcile's to collect.
    liveBytes();
    probe.start();
    const begin = performance.now();
    await client.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    const compared = watch.renewed + records;
    // What is lost is sent again within the same attempt, right after it was found out.
    while (watch.renewed < compared || !watch.isIdle) await pause(1);
    const seconds = (performance.now() - begin) / 1_000;
    await pause(20);
    probe.stop();
    return { probe, seconds, there: (await client.dbSize()) / 2 };
  } finally {
    probe.stop();
    await mirror.close();
    await server.kill();
  }
}
