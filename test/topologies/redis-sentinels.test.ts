import { expect } from "chai";
import { SentinelDeployment } from "../support/redis-sentinels.js";

describe("a primary with sentinels of the tests' own", function () {
  this.timeout(30_000);
  let guarded: SentinelDeployment;
  let deployment: SentinelDeployment;
  before(async () => {
    [guarded, deployment] = await Promise.all([
      SentinelDeployment.start({ password: "secret", sentinelPassword: "theirs" }),
      SentinelDeployment.start({ replicas: 2, masterName: "another-name" }),
    ]);
  });
  after(() => Promise.all([guarded.stop(), deployment.stop()]));

  it("has its primary replaced by a replica when it is killed, and takes it back as one of those", async () => {
    const first = await guarded.primary();
    await guarded.send(first, "SET", "a key", "a value");
    await guarded.send(first, "WAIT", "1", "1000");

    const killed = await guarded.killPrimary();
    const successor = await guarded.untilFailedOver();
    expect(killed).to.equal(first);
    expect(successor).to.equal(guarded.servers[1]);
    expect(await guarded.send(successor, "GET", "a key")).to.equal("a value");

    await killed.restart();
    await guarded.untilComplete();
    expect(await guarded.send(killed, "GET", "a key")).to.equal("a value");
    expect(await guarded.primary()).to.equal(successor);
  });

  it("has a frozen primary replaced, and it learns of that once it is thawed", async () => {
    const frozen = await deployment.freezePrimary();
    expect(await deployment.untilFailedOver()).not.to.equal(frozen);

    frozen.thaw();
    await deployment.untilComplete();
    expect(await deployment.send<string[]>(frozen, "ROLE")).to.include("slave");
  });

  it("changes its primary when it is told to, and all three sentinels say so", async () => {
    const before = await deployment.primary();
    await deployment.failover();
    const successor = await deployment.untilFailedOver();

    expect(successor).not.to.equal(before);
    expect(deployment.sentinelAddresses.split(",")).to.have.length(3);
    for (const sentinel of deployment.sentinels) {
      const named = await deployment.sendToSentinel<string[]>(
        sentinel,
        "SENTINEL",
        "GET-MASTER-ADDR-BY-NAME",
        "another-name",
      );
      expect(named).to.deep.equal(["127.0.0.1", String(successor.port)]);
    }
  });
});
