import { expect } from "chai";
import { Container } from "inversify";
import sinon from "sinon";
import {
  createMirror,
  installMirror,
  type JoinPoint,
  NoopSyncInterceptor,
  noopMirrorModule,
  redisMirrorModule,
  TOKENS,
  useContainer,
} from "redis-mirrored";
import { installInterceptor } from "../support/containers.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY, Notes, SILENT } from "../support/mirrors.js";

describe("an interceptor of the host's own", () => {
  it("sees each decorated call, with its target, method and arguments", async () => {
    const around = sinon.stub().callsFake((joinPoint: JoinPoint) => joinPoint.proceed());
    using _installed = installInterceptor({ around });
    const notes = new Notes();
    await notes.save("customInstructions", "value");

    expect(around.callCount).to.equal(1);
    const joinPoint = around.firstCall.args[0] as JoinPoint;
    expect(joinPoint).to.include({ kind: "mirror", target: notes, method: "save" });
    expect(joinPoint.args).to.deep.equal(["customInstructions", "value"]);
  });

  it("takes effect at the next call when it is rebound, also on objects that were built before", async () => {
    const mirror = installMirror({ userId: "alice", env: {}, logger: SILENT });
    const notes = new Notes();
    const first = sinon.spy(new NoopSyncInterceptor());
    const second = sinon.spy(new NoopSyncInterceptor());
    mirror.container.rebind(TOKENS.SyncInterceptor).toConstantValue(first);
    await notes.save("customInstructions", 1);
    mirror.container.rebind(TOKENS.SyncInterceptor).toConstantValue(second);
    await notes.save("customInstructions", 2);
    await mirror.close();

    expect([first.around.callCount, second.around.callCount]).to.deep.equal([1, 1]);
    expect(mirror.status.saves).to.equal(0);
  });

  it("is found until its container is put away, and then the one before it", async () => {
    const outer = sinon.spy(new NoopSyncInterceptor());
    const inner = sinon.spy(new NoopSyncInterceptor());
    const notes = new Notes();
    using _outer = installInterceptor(outer);
    {
      using _inner = installInterceptor(inner);
      await notes.save("customInstructions", 1);
    }
    await notes.save("customInstructions", 2);
    expect([outer.around.callCount, inner.around.callCount]).to.deep.equal([1, 1]);
  });

  it("may answer a restoring call, but not a mirroring one", async () => {
    const { Host } = await import("../aspect/decorated.js");
    using _installed = installInterceptor({ around: () => Promise.resolve("the interceptor's answer") });
    const host = new Host();
    expect(await host.load()).to.equal("the interceptor's answer");
    expect(host.loads).to.equal(0);
    expect(await host.upsert({ id: "a", ts: 1 })).to.deep.equal([{ id: "a", ts: 1 }]);
  });

  it("leaves a restoring call to the method if it fails or does nothing", async () => {
    const { Host } = await import("../aspect/decorated.js");
    const failing = async (joinPoint: JoinPoint) => {
      await joinPoint.proceed();
      throw new Error("broken");
    };
    for (const around of [failing, () => undefined, sinon.stub().throws()]) {
      using _installed = installInterceptor({ around });
      const host = new Host();
      host.local.set("customInstructions", "local");
      expect(await host.load()).to.equal("local");
      expect(host.loadNow()).to.equal("local");
      expect(host.loads).to.equal(1);
    }
  });
});

describe("the modules", () => {
  it("bind all parts under their tokens, as one each", () => {
    const container = new Container();
    container.load(redisMirrorModule({ userId: "alice", keys: [KEY], env: {}, logger: SILENT }));
    for (const token of Object.values(TOKENS))
      expect(container.get(token as never)).to.equal(container.get(token as never));
  });

  it("mirror through a gateway that is put in place of node-redis", async () => {
    const container = new Container();
    container.load(redisMirrorModule({ userId: "alice", keys: [KEY], env: {}, logger: SILENT }));
    const gateway = new FakeGateway();
    container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
    using _installed = useContainer(container);
    await new Notes().save("customInstructions", "value");
    await container.get(TOKENS.RedisSyncService).close();
    expect(gateway.store.get("roo:alice:customInstructions")).to.equal('"value"');
  });

  it("bind the no-op where that is asked for, and where the settings make no sense", () => {
    const warnings: string[] = [];
    const logger = { info: () => {}, warn: (line: string) => void warnings.push(line) };
    for (const module of [
      noopMirrorModule,
      redisMirrorModule({ enabled: false, env: {} }),
      redisMirrorModule({ redis: { port: -1 }, env: {}, logger }),
    ]) {
      const container = new Container();
      container.load(module);
      expect(container.get(TOKENS.SyncInterceptor)).to.be.instanceOf(NoopSyncInterceptor);
    }
    expect(warnings).to.deep.equal([
      "redis-mirrored is misconfigured: Expected `redis.port` to be an integer from 1 to 65535, got `-1` (number)",
    ]);
  });

  it("can be loaded into several containers at once", () => {
    expect(() => [createMirror({ enabled: false }), createMirror({ enabled: false })]).not.to.throw();
  });
});
