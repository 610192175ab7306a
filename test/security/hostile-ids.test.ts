import { expect } from "chai";
import fc from "fast-check";
import { KeySpace, NodeRedisGateway } from "redis-mirrored";
import { findFootprint } from "#dist/cli/purge/user-footprint.js";
import { bookkeepingKey, folderOf } from "#dist/sync/keys.js";
import { parseKey, UserKeys } from "#dist/sync/user-keys.js";
import { runCommand } from "../support/command.js";
import { HOSTILE_IDS } from "../support/hostile-ids.js";
import { hurriedMirror, KEY, saveBriefly } from "../support/mirrors.js";
import { addressOf } from "../support/redis-address.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const anyId = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc
    .array(fc.constantFrom(":", "~", "{", "}", "*", "?", "[", "]", "\\", "%", "\0", "\n", "a", "\ud800", "\udc00"), {
      maxLength: 6,
    })
    .map((parts) => parts.join("")),
  fc.constantFrom(...HOSTILE_IDS.filter(({ length }) => length < 100)),
);
const anyUser = anyId.filter((id) => id !== "");

interface Place {
  readonly userId: string;
  /** Empty: what the user's instances share. */
  readonly instanceId: string;
  readonly isCluster: boolean;
  readonly record: string;
  readonly bookkeeping: "version" | "items" | "kept" | undefined;
}

const anyPlace: fc.Arbitrary<Place> = fc.record({
  userId: anyUser,
  instanceId: anyId,
  isCluster: fc.boolean(),
  record: fc.constantFrom("taskHistory", "provider", "a", "version"),
  bookkeeping: fc.constantFrom(undefined, "version", "items", "kept"),
});

function keyOf({ userId, instanceId, isCluster, record, bookkeeping }: Place): string {
  const redisKey = new KeySpace({ instanceId, isCluster }).keyOf({ userId, record });
  return bookkeeping === undefined ? redisKey : bookkeepingKey(redisKey, bookkeeping);
}

/** Of each user some instances, one of which has the user's name. */
function keysOf(userId: string, isCluster: boolean): string[] {
  const instances = new Set(["", "*", "a", "~kept", "{a}", userId]);
  return [...instances].map((instanceId) =>
    keyOf({ userId, instanceId, isCluster, record: "provider", bookkeeping: undefined }),
  );
}

describe("ids of whatever characters", function () {
  this.timeout(60_000);

  it("lead to a key that is nobody else's, and from which they can be told", () => {
    fc.assert(
      fc.property(anyPlace, anyPlace, (one, other) => {
        const isSame = (Object.keys(one) as (keyof Place)[]).every((member) => one[member] === other[member]);
        expect(keyOf(one) === keyOf(other)).to.equal(isSame);
        const { userId, instanceId, record, bookkeeping } = one;
        expect(parseKey(keyOf(one))).to.deep.equal({
          redisKey: keyOf(one),
          userId,
          instanceId: instanceId === "" ? undefined : instanceId,
          record,
          bookkeeping,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  describe("on a server where everybody has keys", () => {
    let server: RedisServer;
    before(async () => {
      server = await RedisServer.start();
      const client = await server.client();
      for (const userId of HOSTILE_IDS)
        await client.mSet(
          [false, true].flatMap((form) => keysOf(userId, form)).map((key): [string, string] => [key, "1"]),
        );
    });
    after(() => server.kill());

    it("are found by `inspect` and `rotate` with their own keys, and no other's", async () => {
      for (const userId of HOSTILE_IDS) {
        const keys = await UserKeys.open(addressOf(server.port), userId);
        const { keys: found, strangers } = await keys.list();
        keys.close();
        expect(strangers).to.deep.equal([]);
        expect(found.map(({ redisKey }) => redisKey)).to.have.members(keysOf(userId, false));
        expect(new Set(found.map((key) => key.userId))).to.deep.equal(new Set([userId]));
      }
    });

    it("hear by live sharing of their own instances alone", async () => {
      const client = await server.client();
      // As docs/access.md says of one account for many users.
      await client.sendCommand(["ACL", "SETUSER", "default", "allchannels"]);
      const gateways = HOSTILE_IDS.map(() => new NodeRedisGateway(addressOf(server.port)));
      const heard = HOSTILE_IDS.map(() => [] as string[]);
      let isAnswered!: () => void;
      try {
        const told = new Promise<void>((resolve) => (isAnswered = resolve));
        let ends = 0;
        const end = keyOf({ userId: "end", instanceId: "", isCluster: false, record: "end", bookkeeping: undefined });
        await Promise.all(
          HOSTILE_IDS.map(async (userId, index) => {
            const onHint = (redisKey: string) => {
              if (redisKey !== end) heard[index]!.push(redisKey);
              else if (++ends === HOSTILE_IDS.length) isAnswered();
            };
            const watch = await gateways[index]!.watch({ onHint, onLost: () => {} });
            await watch.add(folderOf(keysOf(userId, index % 2 === 1)[0]!));
            await watch.add(folderOf(end));
          }),
        );
        for (const userId of HOSTILE_IDS)
          for (const key of [false, true].flatMap((form) => keysOf(userId, form))) await client.publish(key, "x");
        await client.publish(end, "x");
        await told;
      } finally {
        for (const gateway of gateways) gateway.close();
      }
      for (const [index, userId] of HOSTILE_IDS.entries())
        expect(heard[index]).to.have.members(keysOf(userId, index % 2 === 1));
    });
  });

  describe("of 10 KB", () => {
    let server: RedisServer;
    let folder: TemporaryFolder;
    before(async () => {
      server = await RedisServer.start();
      folder = new TemporaryFolder();
    });
    after(async () => {
      folder.remove();
      await server.kill();
    });

    for (const [title, userId, instanceId] of [
      ["of a user", "x".repeat(10_240), ""],
      [
        "of a user and of an instance, in characters that take three bytes each",
        ":".repeat(10_240),
        "*".repeat(10_240),
      ],
    ] as const)
      it(`${title}: are saved and restored, and \`inspect\`, \`history\` and \`restore\` find what is theirs`, async () => {
        const owner = { userId, ...(instanceId !== "" && { instanceId }) };
        const neighbour = `${userId}y`;
        const [earlier, later] = [{ apiConfigs: { first: {} } }, { apiConfigs: { second: {} } }];
        await saveBriefly(server.port, owner, { provider: earlier });
        await saveBriefly(server.port, owner, { provider: later, taskHistory: [{ id: "a", ts: 1, task: "a" }] });
        await saveBriefly(server.port, { ...owner, userId: neighbour }, { provider: later });
        const env = {
          HOME: folder.path,
          REDIS_URL: `redis://127.0.0.1:${server.port}`,
          ROO_MIRROR_KEY: KEY,
          ROO_USER_ID: userId,
          ROO_INSTANCE_ID: instanceId,
        };
        async function run(...args: string[]): Promise<string> {
          const { status, stdout, stderr } = await runCommand(env, ...args);
          expect(stderr).to.equal("");
          expect(status, stdout).to.equal(0);
          return stdout;
        }

        const shown = JSON.parse(await run("inspect", userId, "--json")) as { records: object[] };
        expect(shown).to.include({ userId });
        expect(shown.records).to.have.length(2);
        for (const each of shown.records) expect(each).to.include({ instanceId: instanceId || null });
        const versions = JSON.parse(await run("history", "provider", "--json")) as { version: string }[];
        expect(versions).to.have.length(2);
        await run("inspect", userId);
        await run("restore", "provider", "--version", versions[1]!.version);
        const { mirror, service } = hurriedMirror(server.port, owner);
        expect(await service.get({ userId, record: "provider" })).to.deep.equal(earlier);
        expect(await service.get({ userId: neighbour, record: "provider" })).to.deep.equal(later);
        await mirror.close();
      });
  });

  it("do not meet on a cluster either, node by node", async () => {
    const cluster = await RedisCluster.start();
    try {
      const address = { ...addressOf(0), cluster: cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port })) };
      for (const userId of HOSTILE_IDS) {
        const [key] = keysOf(userId, true);
        await cluster.send(await cluster.ownerOf(key!), "MSET", ...keysOf(userId, true).flatMap((each) => [each, "1"]));
      }
      for (const userId of HOSTILE_IDS) {
        const servers = await UserKeys.openAll(address, userId);
        expect(servers).to.have.length(3);
        const listings = await Promise.all(servers.map((each) => each.list()));
        // What goes without being asked for twice.
        const { certain } = await findFootprint(servers, userId, undefined);
        for (const each of servers) each.close();
        const found = listings.flatMap(({ keys }) => keys.map(({ redisKey }) => redisKey));
        expect(found).to.have.members(keysOf(userId, true));
        expect(listings.flatMap(({ strangers }) => strangers)).to.deep.equal([]);
        expect(certain.map(({ text }) => text)).to.have.members(found);
      }
    } finally {
      await cluster.stop();
    }
  });
});
