// A host that saves: `node counting-listeners.js`. Prints, as JSON, how many listen for saves while the first one is taken
// and once it is known whether OpenTelemetry is there, and what became of the saves.
import { createMirror, type MirrorEvents, type RedisSyncService, TOKENS } from "redis-mirrored";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY, SILENT } from "../support/mirrors.js";
import { until } from "../support/until.js";

const RECORD = { userId: "alice", record: "customInstructions" };

const mirror = createMirror({ userId: "alice", keys: [KEY], env: {}, logger: SILENT });
const gateway = new FakeGateway();
mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);

let listeners = 0;
const [on, off] = [mirror.on.bind(mirror), mirror.off.bind(mirror)];
Object.assign(mirror, {
  on: (event: keyof MirrorEvents, listener: () => void) => {
    if (event === "saved") listeners++;
    return on(event, listener);
  },
  off: (event: keyof MirrorEvents, listener: () => void) => {
    if (event === "saved") listeners--;
    return off(event, listener);
  },
});

const service = mirror.container.get<RedisSyncService>(TOKENS.RedisSyncService);
service.set(RECORD, "first");
const atFirst = listeners;
const result = await mirror.flush({ timeoutMs: 5_000 });
if (process.argv[2] === "absent") await until("it is found not to be there", async () => listeners < atFirst);
const later = listeners;
service.set(RECORD, "second");
await mirror.close();
console.log(
  JSON.stringify({
    atFirst,
    later,
    left: listeners,
    result,
    stored: gateway.store.get("roo:alice:customInstructions"),
  }),
);
