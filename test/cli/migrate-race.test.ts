import { expect } from "chai";
import { carryOut } from "#dist/cli/migrate/carry-out.js";
import { findLegacy } from "#dist/cli/migrate/legacy-keys.js";
import { Migration } from "#dist/cli/migrate/migration.js";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import { Catalogue } from "#dist/sync/records.js";
import { UserKeys } from "#dist/sync/user-keys.js";
import { KEY } from "../support/mirrors.js";
import { addressOf } from "../support/redis-address.js";
import { RedisServer } from "../support/redis-server.js";

describe("migrate, while the question stands", () => {
  let server: RedisServer;
  before(async () => void (server = await RedisServer.start()));
  after(() => server.kill());

  for (const [record, older, newer] of [
    ["provider", { currentApiConfigName: "older" }, { currentApiConfigName: "newer" }],
    ["customInstructions", "older", "newer"],
    ["taskHistory", [{ id: "a", ts: 1 }], [{ id: "b", ts: 2 }]],
  ] as const)
    it(`leaves what the old code saves newer of ${record}, and says so`, async () => {
      const redisKey = `roo:7:${record}`;
      const client = await server.client();
      await client.set(redisKey, JSON.stringify(older), { EX: 604_700 });
      const keys = await UserKeys.open(addressOf(server.port), "7");
      const gateway = new NodeRedisGateway(addressOf(server.port));
      await gateway.connect();
      try {
        const codec = new Codec(new FixedKeyRing(parseKeys(KEY)));
        const migration = new Migration({ gateway, codec, hasKey: true, ttlSeconds: 604_800 });
        const definition = new Catalogue().find(record)!;
        const plan = async () => {
          const { entries } = await findLegacy(keys, "7", () => definition.encrypted, new Set([redisKey]));
          const sources = entries.filter((entry) => entry.record === record);
          return migration.planAll(definition, redisKey, sources);
        };
        const planned = await plan();
        await client.set(redisKey, JSON.stringify(newer), { EX: 604_800 });
        const { plans } = await carryOut(planned, migration, keys, true);
        expect(plans.map(({ kind, reason }) => [kind, reason])).to.deep.equal([
          ["refuse", "changed meanwhile, run it again"],
        ]);
        expect(await client.get(redisKey)).to.equal(JSON.stringify(newer));
        const again = await carryOut(await plan(), migration, keys, true);
        expect(again.plans.map(({ kind }) => kind)).to.deep.equal([record === "taskHistory" ? "merge" : "replace"]);
      } finally {
        gateway.close();
        keys.close();
      }
    });
});
