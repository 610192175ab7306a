import { expect } from "chai";
import { RedisCluster } from "../support/redis-cluster.js";
import type { RedisServer } from "../support/redis-server.js";

describe("a cluster of the tests' own", function () {
  this.timeout(30_000);
  let cluster: RedisCluster;
  let replicated: RedisCluster;
  before(async () => {
    [cluster, replicated] = await Promise.all([
      RedisCluster.start(),
      RedisCluster.start({ replicas: 1, password: "secret" }),
    ]);
  });
  after(() => Promise.all([cluster.stop(), replicated.stop()]));

  /** The owner of a key, and one that is not. */
  async function ownersOf(key: string): Promise<{ slot: number; owner: RedisServer; other: RedisServer }> {
    const owner = await cluster.ownerOf(key);
    return { slot: await cluster.slotOf(key), owner, other: cluster.nodes.find((node) => node !== owner)! };
  }

  async function refusalOf(node: RedisServer, ...command: string[]): Promise<string> {
    return cluster.send(node, ...command).then(
      () => "nothing was refused",
      (error: Error) => error.message,
    );
  }

  it("has three masters, of which each redirects to the owner of a key", async () => {
    const { slot, owner, other } = await ownersOf("a key");
    await cluster.send(owner, "SET", "a key", "a value");

    expect(cluster.addresses.split(",")).to.have.length(3);
    expect(await cluster.get("a key")).to.equal("a value");
    expect(await refusalOf(other, "GET", "a key")).to.equal(`MOVED ${slot} 127.0.0.1:${owner.port}`);
  });

  it("answers for a migrated slot from its new owner, and all nodes say so", async () => {
    const { slot, owner, other } = await ownersOf("{moves}");
    for (const name of ["a", "b", "c"]) await cluster.send(owner, "SET", `{moves}${name}`, name);

    await cluster.migrateSlot(slot, owner, other);

    expect(await cluster.send(other, "GET", "{moves}c")).to.equal("c");
    for (const node of cluster.nodes.filter((one) => one !== other)) {
      expect(await refusalOf(node, "GET", "{moves}a")).to.equal(`MOVED ${slot} 127.0.0.1:${other.port}`);
    }
  });

  it("asks the other node for the half of the keys that have moved, until the migration is finished", async () => {
    const { slot, owner, other } = await ownersOf("{half}");
    const keys = ["{half}a", "{half}b", "{half}c", "{half}d"];
    for (const key of keys) await cluster.send(owner, "SET", key, key);
    const askedOf = async () => {
      const replies = await Promise.all(keys.map((key) => refusalOf(owner, "GET", key)));
      return replies.filter((reply) => reply === `ASK ${slot} 127.0.0.1:${other.port}`).length;
    };

    await cluster.migrateSlot(slot, owner, other, { leaveMidway: true });
    expect(await askedOf()).to.equal(2);
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).to.deep.equal(keys);

    await cluster.migrateSlot(slot, owner, other);
    expect(await askedOf()).to.equal(0);
    expect(await cluster.ownerOf("{half}")).to.equal(other);
    expect(await cluster.get("{half}d")).to.equal("{half}d");
  });

  it("takes a node that was killed and restarted back, without what it had", async () => {
    const { owner } = await ownersOf("lost");
    await cluster.send(owner, "SET", "lost", "a value");

    await cluster.killNode(owner);
    await cluster.restartNode(owner);

    expect(await cluster.ownerOf("lost")).to.equal(owner);
    expect(await cluster.get("lost")).to.equal(null);
  });

  it("lets the replica of a killed master take over what it had, and a password be asked for", async () => {
    const owner = await replicated.ownerOf("kept");
    await replicated.send(owner, "SET", "kept", "a value");
    await replicated.send(owner, "WAIT", "1", "1000");

    await replicated.killNode(owner);
    const successor = await replicated.untilOwnerChanges("kept");
    expect(successor).not.to.equal(owner);
    expect(await replicated.get("kept")).to.equal("a value");

    await replicated.restartNode(owner);
    expect(await replicated.send<string[]>(owner, "ROLE")).to.include("slave");
    expect(await replicated.ownerOf("kept")).to.equal(successor);
  });
});
