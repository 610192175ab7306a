import { expect } from "chai";
import sinon from "sinon";
import { type MirrorEvents, TOKENS } from "redis-mirrored";
import { FakeRedis } from "../support/containers.js";
import { untilSoon } from "../support/turns.js";
import { DIALECTS } from "./dialects.js";

const KEY = "roo:alice:customInstructions";

for (const [dialect, { Host }] of DIALECTS) {
  describe(`@RedisRestored, ${dialect}`, () => {
    let redis: FakeRedis;
    let unreadable: MirrorEvents["unreadable"][0][];
    let restored: MirrorEvents["restored"][0][];

    function begin(options?: ConstructorParameters<typeof FakeRedis>[0]): void {
      redis = new FakeRedis(options);
      unreadable = [];
      restored = [];
      redis.service.on("unreadable", (value) => void unreadable.push(value));
      redis.service.on("restored", (record) => void restored.push(record));
      redis.gateway.store.set(KEY, '"mirrored"');
    }
    beforeEach(() => begin());
    afterEach(() => redis[Symbol.dispose]());

    for (const empty of [undefined, null, "", [], {}, "default"]) {
      it(`adopts the mirror's value where local is ${JSON.stringify(empty)}, and answers a loader with it`, async () => {
        const host = new Host();
        host.local.set("customInstructions", empty);
        expect(await host.load("an", "argument")).to.equal("mirrored");
        expect(host.local.get("customInstructions")).to.equal("mirrored an argument");
        expect(restored).to.deep.equal([{ userId: "alice", record: "customInstructions" }]);
      });
    }

    for (const present of ["text", 0, false, [1], { a: 1 }]) {
      it(`leaves alone what is there: ${JSON.stringify(present)}`, async () => {
        const host = new Host();
        host.local.set("customInstructions", present);
        expect(await host.load()).to.equal(present);
        expect(host.local.get("customInstructions")).to.equal(present);
        expect(redis.gateway.reads).to.equal(0);
      });
    }

    it("restores each of an initializer's records that is empty, and answers with its own result", async () => {
      redis.gateway.store.set("roo:alice:taskHistory", '[{"id":"mirrored"}]');
      const host = new Host();
      host.local.set("taskHistory", [{ id: "local" }]);
      expect(await host.initialize()).to.equal("initialized");
      expect(Object.fromEntries(host.local)).to.deep.equal({
        taskHistory: [{ id: "local" }],
        customInstructions: "mirrored",
      });
    });

    it("does not bring back what was just cleared", async () => {
      const host = new Host();
      await host.update("customInstructions", undefined);
      await host.initialize();
      expect(host.local.get("customInstructions")).to.equal(undefined);
      await redis.service.flush();
      await host.initialize();
      expect(host.local.get("customInstructions")).to.equal(undefined);
    });

    it("leaves a loader that fails as it is", async () => {
      const error = await new Host().loadOrFail().then(
        () => undefined,
        (reason: Error) => reason.message,
      );
      expect(error).to.equal("the disk cannot be read");
      expect(redis.gateway.reads).to.equal(0);
    });

    it("answers a synchronous loader from the local store at once, and has it filled by the next time", async () => {
      const host = new Host();
      const filled = new Promise((resolve) => redis.service.on("restored", resolve));
      expect(host.loadNow()).to.equal(undefined);
      await filled;
      expect(host.loadNow()).to.equal("mirrored");
    });

    for (const [title, adopting] of [
      ["throws", () => raise("sk-canary")],
      ["rejects", () => Promise.reject(new Error("sk-canary"))],
    ] as const) {
      it(`counts a value as absent whose \`adopt\` ${title}, says so once and none of its words`, async () => {
        const host = new Host();
        host.adopting = adopting;
        expect(await host.load()).to.equal(undefined);
        expect(unreadable).to.deep.equal([
          { userId: "alice", record: "customInstructions", detail: "It could not be adopted." },
        ]);
      });
    }

    it("does not wait for ever for an `adopt` that waits for the loader's lock", async () => {
      const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      try {
        const host = new Host();
        host.adopting = () => new Promise(() => {});
        const loaded = host.load();
        await clock.tickAsync(2_000);
        expect(await loaded).to.equal(undefined);
        expect(unreadable).to.have.lengthOf(1);
      } finally {
        clock.restore();
      }
    });

    it("counts a value as absent that cannot be parsed", async () => {
      redis.gateway.store.set(KEY, "sk-canary is no JSON");
      expect(await new Host().load()).to.equal(undefined);
      expect(unreadable).to.deep.equal([{ userId: "alice", record: "customInstructions", detail: "It is not JSON." }]);
    });

    it("waits for a silent Redis no longer than the read deadline, and not at all once it is known to be away", async () => {
      const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      try {
        const host = new Host();
        redis.gateway.alwaysSilent();
        const loaded = host.load();
        await clock.tickAsync(500);
        expect(await loaded).to.equal(undefined);

        redis.gateway.alwaysDown();
        redis[Symbol.dispose]();
        begin();
        redis.gateway.alwaysDown();
        await host.load();
        await clock.tickAsync(100);
        expect(redis.service.status.state).to.equal("degraded");
        const attempts = redis.gateway.connectAttempts;
        await host.load();
        expect(redis.gateway.connectAttempts).to.equal(attempts);
      } finally {
        clock.restore();
      }
    });

    it("gives way to a save that the host makes while Redis is asked", async () => {
      const host = new Host();
      const loaded = host.load();
      // Far enough for the loader to have asked, and Redis not to have answered.
      await untilSoon(() => redis.gateway.reads > 0);
      const saved = host.save("saved meanwhile");
      expect(await loaded).to.equal(undefined);
      await saved;
      expect(host.local.get("customInstructions")).to.equal("saved meanwhile");
    });

    it("adopts nothing for a user who has left while Redis was asked", async () => {
      const host = new Host();
      const loaded = host.load();
      await untilSoon(() => redis.gateway.reads > 0);
      redis.container.get(TOKENS.Identity).set("bob");
      expect(await loaded).to.equal(undefined);
      expect(host.local.size).to.equal(0);
    });

    it("does not ask while nobody is signed in", async () => {
      redis[Symbol.dispose]();
      begin({ userId: () => undefined });
      expect(await new Host().load()).to.equal(undefined);
      expect(redis.gateway.reads).to.equal(0);
    });
  });
}

function raise(message: string): never {
  throw new Error(message);
}
