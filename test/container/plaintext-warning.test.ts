import { expect } from "chai";
import { createMirror, type MirrorOptions, TOKENS } from "redis-mirrored";
import { warningsOfLearnt } from "#dist/sync/plaintext.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY, untilEvent } from "../support/mirrors.js";
import { addressOf } from "../support/redis-address.js";

const NOTE = { userId: "alice", record: "customInstructions" };

function warningsWith(redis: NonNullable<MirrorOptions["redis"]>): readonly string[] | undefined {
  const mirror = createMirror({ redis, keys: [KEY], env: {} });
  const { warnings } = mirror.status;
  mirror.dispose();
  return warnings;
}

describe("a connection that is not encrypted", () => {
  const WARNING =
    "What goes to redis.example is not encrypted: whoever is on the way can read and change it, and takes the password. Use rediss:// or REDIS_TLS=true.";

  it("to another machine is one warning when it is first made, and is in the status from the beginning", async () => {
    const lines: string[] = [];
    const gateway = new FakeGateway();
    const mirror = createMirror({
      redis: { host: "redis.example" },
      userId: "alice",
      keys: [KEY],
      env: {},
      timings: { batchWindowMs: 1 },
      logger: { info: (line) => void lines.push(`info ${line}`), warn: (line) => void lines.push(`warn ${line}`) },
    });
    mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
    expect(mirror.status.warnings).to.deep.equal([WARNING]);
    const service = mirror.container.get(TOKENS.RedisSyncService);
    expect(lines).to.deep.equal([]);
    for (const text of ["0", "1"]) {
      gateway.alwaysDown();
      const degraded = untilEvent(mirror, "status", ({ state }) => state === "degraded");
      service.set(NOTE, text);
      await degraded;
      gateway.heal();
      expect(await mirror.flush()).to.deep.equal({ flushed: true });
      expect(mirror.status).to.deep.include({ state: "connected", warnings: [WARNING] });
    }
    await mirror.close();
    expect(lines.filter((line) => line.includes("connected."))).to.have.length(2);
    expect(lines.filter((line) => line.includes("encrypted"))).to.deep.equal([`warn redis-mirrored: ${WARNING}`]);
    expect(lines.indexOf(`warn redis-mirrored: ${WARNING}`)).to.equal(
      lines.indexOf("info redis-mirrored: connected.") + 1,
    );
    expect(mirror.status).not.to.have.property("warnings");
  });

  it("to this machine is none, nor is one with TLS, wherever it goes", () => {
    for (const host of [
      "localhost",
      "LOCALHOST",
      "127.0.0.1",
      "127.255.0.9",
      "::1",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
    ])
      expect(warningsWith({ host }), host).to.equal(undefined);
    for (const url of ["redis://127.0.0.1:1", "redis://[::1]:1", "rediss://redis.example"])
      expect(warningsWith({ url }), url).to.equal(undefined);
    expect(warningsWith({})).to.equal(undefined);
    expect(warningsWith({ sentinels: ["127.0.0.1", "localhost:1"], host: "redis.example" })).to.equal(undefined);
    expect(warningsWith({ cluster: ["redis.example"], tls: true })).to.equal(undefined);
  });

  it("is one to whatever is not known to be this machine by its name, without a look-up", () => {
    for (const host of [
      "0.0.0.0",
      "10.0.0.1",
      "128.0.0.1",
      "::",
      "::2",
      "fe80::1",
      "::ffff:10.0.0.1",
      "127.0.0.1.example",
      "localhost.example",
    ])
      expect(warningsWith({ host }), host).to.have.length(1);
    expect(warningsWith({ url: "redis://:secret@redis.example:6380/2" })).to.deep.equal([WARNING]);
  });

  it("is one to each sentinel and each node of a cluster, in one sentence", () => {
    const endpoints = ["127.0.0.1:1", "redis.example:1", "redis.example:2", "10.0.0.1"];
    for (const redis of [{ sentinels: endpoints }, { cluster: endpoints }])
      expect(warningsWith(redis)).to.deep.equal([WARNING.replace("example", "example, 10.0.0.1")]);
  });

  it("is one too to whom only sentinels or nodes have named, once that is known", async () => {
    const lines: string[] = [];
    const gateway = new FakeGateway();
    const mirror = createMirror({
      redis: { sentinels: ["127.0.0.1"] },
      userId: "alice",
      keys: [KEY],
      env: {},
      timings: { batchWindowMs: 1 },
      logger: { info: () => {}, warn: (line) => void lines.push(line) },
    });
    mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
    const service = mirror.container.get(TOKENS.RedisSyncService);
    expect(mirror.status).not.to.have.property("warnings");
    gateway.warnings = [WARNING];
    service.set(NOTE, "0");
    await mirror.flush();
    expect(mirror.status.warnings).to.deep.equal([WARNING]);
    await mirror.close();
    expect(lines).to.deep.equal([`redis-mirrored: ${WARNING}`]);
  });

  it("names those that were learnt and are not this machine or named already, the first five of many", () => {
    const at = (...hosts: string[]) => hosts.map((host) => ({ host, port: 1 }));
    const address = { ...addressOf(1), cluster: at("127.0.0.1", "a.example") };
    const many = ["b", "c", "d", "e", "f", "g", "h"].map((name) => `${name}.example`);
    expect(warningsOfLearnt(address, at("a.example", "localhost", "redis.example", "redis.example"))).to.deep.equal([
      WARNING,
    ]);
    expect(warningsOfLearnt(address, at("a.example", "localhost"))).to.deep.equal([]);
    expect(warningsOfLearnt(address, at(...many))).to.deep.equal([
      WARNING.replace("redis.example", "b.example, c.example, d.example, e.example, f.example and 2 more"),
    ]);
    expect(warningsOfLearnt({ ...address, tls: { ca: undefined } }, at(...many))).to.deep.equal([]);
  });

  it("is told without what stands for a host and is none", () => {
    const [warning] = warningsWith({ host: "redis://:canary@redis.example" })!;
    expect(warning).to.equal(WARNING.replace("redis.example", "Redis"));
  });
});
