import { expect } from "chai";
import { createMirror, type Mirror, type RedisSyncService, TOKENS } from "redis-mirrored";
import { KEY, SHORT_TIMINGS, SILENT } from "../support/mirrors.js";
import { SentinelDeployment } from "../support/redis-sentinels.js";
import type { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const ID = { userId: "alice", record: "customInstructions" };
const REDIS_KEY = "roo:alice:customInstructions";

describe("a mirror that asks sentinels for the primary", function () {
  this.timeout(40_000);
  let deployment: SentinelDeployment;
  let mirror: Mirror;
  let service: RedisSyncService;

  beforeEach(async () => {
    deployment = await SentinelDeployment.start({ masterName: "ours", password: "secret", sentinelPassword: "watch" });
    mirror = createMirror({
      userId: "alice",
      keys: [KEY],
      env: {
        REDIS_SENTINELS: deployment.sentinelAddresses,
        REDIS_MASTER_NAME: "ours",
        REDIS_SENTINEL_PASSWORD: "watch",
        REDIS_PASSWORD: "secret",
      },
      logger: SILENT,
      timings: SHORT_TIMINGS,
    });
    service = mirror.container.get(TOKENS.RedisSyncService);
    service.set(ID, "before");
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  });
  afterEach(async () => {
    for (const server of deployment.servers) server.thaw();
    await mirror.close();
    await deployment.stop();
  });

  const stored = (server: RedisServer) => deployment.send<string | null>(server, "GET", REDIS_KEY);
  const untilStored = (server: RedisServer, value: string) =>
    until(`it holds ${value}`, async () => (await stored(server)) === JSON.stringify(value), 20_000);

  it("goes on with the one that replaces a killed primary, without a new save", async () => {
    await deployment.killPrimary();
    service.set(ID, "saved while nobody was there");
    const successor = await deployment.untilFailedOver();
    await untilStored(successor, "saved while nobody was there");
    expect(mirror.status).to.include({ state: "connected", pending: 0 });
  });

  it("leaves a primary that is told to step down, and does so too with a sentinel that is gone", async () => {
    await deployment.sentinels[0]!.kill();
    await deployment.failover();
    const successor = await deployment.untilFailedOver();
    service.set(ID, "saved after that");
    await untilStored(successor, "saved after that");
    await mirror.close();
    await deployment.untilComplete();
    for (const server of deployment.servers) await untilStored(server, "saved after that");
  });

  it("does not come back to a primary that was frozen and takes itself for one still", async () => {
    const frozen = await deployment.freezePrimary();
    service.set(ID, "saved while it was frozen");
    const successor = await deployment.untilFailedOver();
    await untilStored(successor, "saved while it was frozen");
    frozen.thaw();
    service.set(ID, "saved after that");
    await untilStored(successor, "saved after that");
    await deployment.untilComplete();
    await untilStored(frozen, "saved after that");
  });
});
