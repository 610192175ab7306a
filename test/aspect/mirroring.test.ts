import { expect } from "chai";
import type { MirrorEvents } from "redis-mirrored";
import { defineRecord } from "redis-mirrored";
import { FakeRedis } from "../support/containers.js";
import { DIALECTS } from "./dialects.js";

for (const [dialect, { Host }] of DIALECTS) {
  describe(`@RedisMirrored, ${dialect}`, () => {
    let redis: FakeRedis;
    let drops: MirrorEvents["dropped"][0][];
    beforeEach(() => {
      redis = new FakeRedis();
      drops = [];
      redis.service.on("dropped", (drop) => void drops.push(drop));
    });
    afterEach(() => redis[Symbol.dispose]());

    it("mirrors the first argument of a write that has succeeded", async () => {
      await new Host().save({ text: "saved" });
      expect(await redis.stored("customInstructions")).to.deep.equal({ text: "saved" });
    });

    it("mirrors nothing of a write that fails, at once or later", async () => {
      const host = new Host();
      await host.fail("rejected").catch(() => {});
      expect(() => host.failAtOnce("thrown")).to.throw("the disk is full");
      expect(await redis.stored("customInstructions")).to.equal(undefined);
      expect(redis.service.status.saves).to.equal(0);
    });

    it("mirrors the value as it stood when the synchronous part had returned", async () => {
      const host = new Host();
      const value = { text: "passed" };
      host.saveAndChange(value);
      value.text = "changed by the caller afterwards";
      expect(await redis.stored("customInstructions")).to.deep.equal({ text: "passed, changed by the method" });
    });

    it("does not let a change leak in that the caller makes while the write is under way", async () => {
      const value = { text: "passed" };
      const saved = new Host().save(value);
      value.text = "changed while it was written";
      await saved;
      expect(await redis.stored("customInstructions")).to.deep.equal({ text: "passed" });
    });

    it("mirrors for the user of the moment of the save, not of the flush", async () => {
      let userId: string | undefined = "first";
      redis[Symbol.dispose]();
      redis = new FakeRedis({ userId: () => userId });
      const host = new Host();
      const saved = host.save("of the first");
      userId = "second";
      await saved;
      await host.save("of the second");
      userId = undefined;
      await host.save("of nobody");
      expect(await redis.stored("customInstructions", "first")).to.equal("of the first");
      expect(await redis.stored("customInstructions", "second")).to.equal("of the second");
      expect(redis.gateway.store.size).to.equal(2);
    });

    it("passes over a record that is not in the catalogue, without a word", async () => {
      await new Host().update("openAiApiKey", "sk-canary");
      await redis.service.flush();
      expect(redis.gateway.batches).to.deep.equal([]);
      expect(drops).to.deep.equal([]);
    });

    it("mirrors a record of the host's own", async () => {
      redis[Symbol.dispose]();
      redis = new FakeRedis({ records: [defineRecord({ name: "bookmarks", kind: "document" })] });
      await new Host().update("bookmarks", [1, 2]);
      expect(await redis.stored("bookmarks")).to.deep.equal([1, 2]);
    });

    it("deletes a record that is set to undefined", async () => {
      const host = new Host();
      await host.update("customInstructions", "there");
      expect(await redis.stored("customInstructions")).to.equal("there");
      await host.update("customInstructions", undefined);
      expect(await redis.stored("customInstructions")).to.equal(undefined);
    });

    it("mirrors once what one decorated method saves through another", async () => {
      const host = new Host();
      await host.setValue("customInstructions", "once");
      expect(await redis.stored("customInstructions")).to.equal("once");
      expect(redis.service.status.saves).to.equal(1);
      await host.setValue("customInstructions", "once");
      expect(redis.service.status.saves).to.equal(2);
    });

    it("takes user and record from the call, and nothing where it says so", async () => {
      new Host().saveForAnother("theirs");
      new Host().saveForAnother("skip");
      expect(await redis.stored("customInstructions", "another")).to.equal("theirs");
      expect(redis.service.status.saves).to.equal(1);
    });

    it("calls `value` and `userId` with the method's `this`", async () => {
      const host = new Host();
      host.saveAsOwner({}, "value");
      host.owner = undefined;
      host.saveAsOwner({}, "of nobody");
      expect(await redis.stored("customInstructions", "owner")).to.equal("true value");
      expect(redis.service.status.saves).to.equal(1);
    });

    it("reads with `result` what the write has made of it, once it has succeeded", async () => {
      const host = new Host();
      host.local.set("extra", [{ id: "extra", ts: 0 }]);
      await Promise.all([host.upsert({ id: "a", ts: 1 }), host.upsert({ id: "b", ts: 2 })]);
      expect(await redis.stored("taskHistory")).to.deep.equal([
        { id: "b", ts: 2 },
        { id: "a", ts: 1 },
        { id: "extra", ts: 0 },
      ]);
    });

    it("does not let a selector that throws harm the save, and reports it without its words", async () => {
      expect(new Host().saveWithThrowingSelector("value")).to.equal("value");
      expect(drops).to.have.lengthOf(1);
      expect(drops[0]).to.include({ reason: "selector", record: "saveWithThrowingSelector" });
      expect(JSON.stringify(drops)).not.to.contain("sk-canary");
    });

    it("has handed in the save by the time the caller hears of it", async () => {
      await new Host().save("value");
      expect(redis.service.status.pending).to.equal(1);
    });
  });
}
