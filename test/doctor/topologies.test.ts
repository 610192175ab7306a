import { expect } from "chai";
import { RedisCluster } from "../support/redis-cluster.js";
import { SentinelDeployment } from "../support/redis-sentinels.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { expectOne, findingsOf, of, troubles } from "./diagnosis.js";

const bulk = (text: string) => `$${text.length}\r\n${text}`;

describe("the doctor, where sentinels say who the primary is", function () {
  this.timeout(30_000);
  let deployment: SentinelDeployment;
  before(
    async () =>
      (deployment = await SentinelDeployment.start({
        masterName: "ours",
        sentinels: 2,
        replicas: 0,
        password: "secret",
        sentinelPassword: "watch",
      })),
  );
  after(() => deployment.stop());

  const findings = (redis: object = {}) =>
    findingsOf({
      redis: {
        sentinels: deployment.sentinelAddresses.split(","),
        masterName: "ours",
        sentinelPassword: "watch",
        password: "secret",
        ...redis,
      },
    });

  it("asks all of them, and then the primary that they name", async () => {
    const found = await findings();
    const primary = await deployment.primary();
    expectOne(found, "sentinels", "ok", `2 of 2 sentinels name 127.0.0.1:${primary.port} as the primary of \`ours\`.`);
    expectOne(found, "server", "ok", `127.0.0.1:${primary.port} is Redis`);
    // Of the sentinels, and of the primary.
    expect(of(found, "reach")).to.have.length(2);
    expect([...troubles(found), ...of(found, "skipped")]).to.deep.equal([]);
  });

  it("says which of them is away, and goes on with the others", async () => {
    const { port } = await RedisServer.absent();
    const sentinels = [...deployment.sentinelAddresses.split(","), `127.0.0.1:${port}`];
    const found = await findings({ sentinels });
    const [, away] = of(found, "reach");
    expect(away).to.include({ severity: "warning" });
    expect(away!.message).to.contain(`127.0.0.1:${port} refuses connections`);
    expect(away!.remedy).to.contain("correct redis.sentinels");
    expectOne(found, "sentinels", "ok", "2 of 3 sentinels name");
    expectOne(found, "role", "ok", "primary");
  });

  it("says that they do not know the name, or do not let us ask", async () => {
    const unknown = await findings({ masterName: "canary\u001b[2J" });
    expectOne(
      unknown,
      "sentinels",
      "error",
      "no primary of the name `canary\\u{1b}[2J` is known there",
      "Set redis.masterName",
    );
    expectOne(unknown, "skipped", "note", "since no server could be asked: authentication");
    for (const sentinelPassword of ["canary", undefined]) {
      const refused = await findings({ sentinelPassword });
      const complaints = of(refused, "sentinels");
      expect(complaints.map(({ severity }) => severity)).to.deep.equal(["error", "error"]);
      expect(complaints[0]!.message).to.match(sentinelPassword === undefined ? /NOAUTH/ : /WRONGPASS/);
      expect(complaints[0]!.remedy).to.contain("Sentinels have accounts of their own: correct REDIS_SENTINEL_USERNAME");
      expect(JSON.stringify(refused)).not.to.contain("canary");
    }
    const [sentinel] = deployment.sentinels;
    await deployment.sendToSentinel(
      sentinel!,
      "ACL",
      "SETUSER",
      "ours",
      "reset",
      "on",
      ">watch",
      "-@all",
      "+client|setname",
    );
    const forbidden = await findings({ sentinels: [`127.0.0.1:${sentinel!.port}`], sentinelUsername: "ours" });
    expectOne(forbidden, "sentinels", "error", "NOPERM", "+sentinel|get-master-addr-by-name");
  });

  it("is told another server than the one that is there", async () => {
    const server = await RedisServer.start();
    const noSentinel = await findingsOf({ redis: { sentinels: [`127.0.0.1:${server.port}`] } });
    expectOne(noSentinel, "sentinels", "error", "Redis refused: ERR", "See that it is a sentinel");
    const replica = await RedisServer.start("--replicaof", `127.0.0.1 ${server.port}`);
    const scripted = await Promise.all([ScriptedServer.start(), ScriptedServer.start(), ScriptedServer.start()]);
    for (const [index, each] of scripted.entries()) {
      each.replies.set("PING", "+PONG");
      const { port } = index === 0 ? server : replica;
      each.replies.set("SENTINEL", `*2\r\n${bulk("127.0.0.1")}\r\n${bulk(String(port))}`);
    }
    const found = await findingsOf({ redis: { sentinels: scripted.map(({ port }) => `127.0.0.1:${port}`) } });
    for (const each of [server, replica]) await each.kill();
    for (const each of scripted) await each.stop();
    const told = `2 of 3 name 127.0.0.1:${replica.port} and 1 of 3 name 127.0.0.1:${server.port}.`;
    expectOne(found, "sentinels", "warning", `The sentinels disagree: ${told}`, "cut off");
    expectOne(found, "role", "error", "is a replica", "Wait until a failover is over");
  });

  it("warns of a primary on another machine that is not encrypted to, and that only they have named", async () => {
    const server = await RedisServer.start();
    const scripted = await ScriptedServer.start();
    scripted.replies.set("PING", "+PONG");
    scripted.replies.set("SENTINEL", `*2\r\n${bulk("0.0.0.0")}\r\n${bulk(String(server.port))}`);
    const found = await findingsOf({ redis: { sentinels: [`127.0.0.1:${scripted.port}`] } });
    await server.kill();
    await scripted.stop();
    const [ofSentinel, ofPrimary] = of(found, "tls");
    expect(ofSentinel).to.include({ severity: "ok" });
    expect(ofPrimary).to.include({ severity: "warning" });
    expect(ofPrimary!.message).to.contain("What goes to 0.0.0.0 is not encrypted");
  });
});

describe("the doctor, on a cluster", function () {
  this.timeout(30_000);
  let cluster: RedisCluster;
  before(async () => (cluster = await RedisCluster.start()));
  after(() => cluster.stop());

  const findings = (options: object = {}, redis: object = {}) =>
    findingsOf({ redis: { cluster: [cluster.addresses.split(",")[0]!], ...redis }, ...options });

  it("looks at all slots and primaries, and at the node that has the user's records", async () => {
    for (const userId of ["alice", "bob", "carol"]) {
      const owner = await cluster.ownerOf(`roo:{${userId}}:`);
      const found = await findings({ userId });
      expectOne(found, "cluster", "ok", "All slots are served, by 3 primaries that can be reached.");
      expectOne(found, "server", "ok", `127.0.0.1:${owner.port} is Redis`);
      expectOne(found, "rights", "ok", "all that the mirror does");
      expect([...troubles(found), ...of(found, "skipped")]).to.deep.equal([]);
    }
  });

  it("warns of nodes on other machines that are not encrypted to, and that only the cluster has named", async () => {
    const scripted = await ScriptedServer.start();
    const [server, other] = await Promise.all([RedisServer.start(), RedisServer.absent()]);
    const range = (from: number, to: number, host: string, port: number) =>
      `*3\r\n:${from}\r\n:${to}\r\n*2\r\n${bulk(host)}\r\n:${port}`;
    scripted.replies.set("PING", "+PONG");
    // `alice` is in the first half.
    const ranges = [range(0, 8191, "0.0.0.0", server.port), range(8192, 16383, "::", other.port)];
    scripted.replies.set("CLUSTER", `*2\r\n${ranges.join("\r\n")}`);
    const found = await findings({}, { cluster: [`127.0.0.1:${scripted.port}`] });
    await server.kill();
    await scripted.stop();
    const warned = of(found, "tls").filter(({ severity }) => severity === "warning");
    expect(warned.map(({ message }) => /^What goes to (\S+) is/.exec(message)![1])).to.deep.equal(["::", "0.0.0.0"]);
  });

  it("is spoken of to the one who names a node of it as a single server", async () => {
    const [, finding] = of(await findingsOf({ redis: { host: "127.0.0.1", port: cluster.nodes[0]!.port } }), "server");
    expect(finding).to.include({ severity: "error" });
    expect(finding!.remedy).to.contain("Set REDIS_CLUSTER to its address");
  });

  it("is none, or may not be asked", async () => {
    const server = await RedisServer.start();
    const single = await findings({}, { cluster: [`127.0.0.1:${server.port}`] });
    expectOne(single, "cluster", "error", "is no node of a cluster", "not by REDIS_CLUSTER");
    await server.kill();
    const node = cluster.nodes[0]!;
    await cluster.send(node, "ACL", "SETUSER", "ours", "on", ">secret", "~*", "&*", "+@all", "-cluster|slots");
    const account = { username: "ours", password: "secret" };
    expectOne(await findings({}, account), "cluster", "error", "may not ask which node serves what", "+cluster|slots");
    const wrong = await findings({}, { username: "ours", password: "canary" });
    expectOne(wrong, "cluster", "error", "WRONGPASS", "Correct redis.username and redis.password");
    expect(JSON.stringify(wrong)).not.to.contain("canary");
    const alone = await RedisServer.start(
      "--cluster-enabled",
      "yes",
      "--cluster-config-file",
      `alone-${node.port}.conf`,
    );
    expectOne(
      await findings({}, { cluster: [`127.0.0.1:${alone.port}`] }),
      "cluster",
      "error",
      "has joined no cluster",
    );
    await alone.kill();
  });

  it("lacks all that it lacks at once, also where the account may not name its connection", async () => {
    const rules = "reset on >secret ~* &* +@all -client|setname -hget".split(" ");
    for (const node of cluster.nodes) await cluster.send(node, "ACL", "SETUSER", "ours", ...rules);
    const found = await findings({}, { username: "ours", password: "secret" });
    expectOne(found, "rights", "error", "does: client|setname and hget.", "+client|setname +hget");
    expect(troubles(found)).to.have.length(1);
    expectOne(found, "records", "ok", "no record");
  });

  it("lacks slots, and then a node", async () => {
    const [first, second, third] = cluster.nodes as [RedisServer, RedisServer, RedisServer];
    const owner = await cluster.ownerOf("roo:{alice}:");
    const gone = [first, second, third].find((node) => node !== owner)!;
    const seed = [first, second, third].find((node) => node !== owner && node !== gone)!;
    const slots = (await cluster.send<[number, number, [string, number]][]>(owner, "CLUSTER", "SLOTS")).find(
      ([, , [, port]]) => port === gone.port,
    )!;
    await gone.kill();
    const unreached = await findings({}, { cluster: [`127.0.0.1:${seed.port}`] });
    const [complaint] = of(unreached, "cluster");
    expect(complaint).to.include({ severity: "warning" });
    expect(complaint!.message).to.contain(`Of 3 primaries, 127.0.0.1:${gone.port} cannot be reached from here.`);
    expect(complaint!.remedy).to.contain("cluster-announce-ip");
    // A server that has no say of it would wait for the others to agree.
    await cluster.send(seed, "CLUSTER", "DELSLOTSRANGE", String(slots[0]), String(slots[1]));
    const lacking = await findings({}, { cluster: [`127.0.0.1:${seed.port}`] });
    const missing = slots[1] - slots[0] + 1;
    expect(of(lacking, "cluster")[0]!.message).to.contain(`${missing} slots of 16384 are served by no node`);
    await owner.kill();
    const worse = await findings({}, { cluster: [`127.0.0.1:${seed.port}`] });
    const errors = of(worse, "cluster").filter(({ message }) =>
      message.includes("one of them has this user's records"),
    );
    expect(errors.map(({ severity }) => severity)).to.deep.equal(["error"]);
    expectOne(worse, "skipped", "note", "since no server could be asked");
  });
});
