// In a process of its own, because it happens once in each: the first save loads the client and connects.
// `node first-connection.js <port>` prints what kept its event loop.
import { createMirror, TOKENS } from "redis-mirrored";
import { GatewayWatch } from "./gateway-watch.js";
import { LoopDelayProbe } from "./loop-delay.js";

const mirror = createMirror({
  redis: { host: "127.0.0.1", port: Number(process.argv[2]) },
  userId: "bench",
  keys: ["A".repeat(43)],
  env: {},
  logger: { info: () => {}, warn: () => {} },
});
const probe = new LoopDelayProbe();
new GatewayWatch(mirror, probe);
const service = mirror.container.get(TOKENS.RedisSyncService);
probe.start();
const begin = performance.now();
service.set({ userId: "bench", record: "customInstructions" }, "first");
const { flushed } = await mirror.flush({ timeoutMs: 10_000 });
const elapsedMs = performance.now() - begin;
await new Promise((resolve) => setTimeout(resolve, 10));
probe.stop();
await mirror.close();
console.log(JSON.stringify({ flushed, elapsedMs, longest: probe.longest(2) }));
