import { expect } from "chai";
import sinon from "sinon";
import { MemoryMemento } from "#dist/sync/memento.js";
import type { FoundValue } from "#dist/sync/record-reader.js";
import type { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { historyOf, keyOf, mirrorOf, NOW_MS, shown, task } from "../support/task-histories.js";

const ALICE = historyOf("alice");
const SOME_TIME_MS = 20 * 60_000;

describe("what a collection's local store lacks", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let memento: MemoryMemento;
  let service: RedisSyncService;
  beforeEach(() => {
    timers = sinon.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    gateway = new FakeGateway();
    memento = new MemoryMemento();
    service = mirrorOf(gateway, { memento });
  });
  afterEach(() => timers.restore());

  const kept = () => [...(gateway.model.kept.get(keyOf("alice"))?.values() ?? [])].map((value) => JSON.parse(value));

  async function save(...tasks: unknown[]): Promise<void> {
    service.set(ALICE, tasks);
    await timers.tickAsync(200);
  }

  /** The process ends, and another one begins with the same store and server. */
  async function restart(limit = 50): Promise<void> {
    // What is remembered has been written down by then.
    await timers.tickAsync(3_000);
    const closing = service.close();
    await timers.tickAsync(900);
    await closing;
    gateway = new FakeGateway(gateway.model);
    service = mirrorOf(gateway, { memento, limit });
  }

  describe("because the store was lost", () => {
    it("is not deleted from the mirror by the next save", async () => {
      await save(task("old"), task("older"));
      service.compare(ALICE, undefined);
      await timers.tickAsync(500);
      await save(task("new", 2));
      expect(shown(gateway)).to.deep.equal(["new:t", "old:t", "older:t"]);
    });

    it("is not deleted by the first save after a restart", async () => {
      await save(task("old"), task("older"));
      await restart();
      service.compare(ALICE, undefined);
      await save(task("new", 2));
      expect(shown(gateway)).to.deep.equal(["new:t", "old:t", "older:t"]);
    });

    it("is not deleted by one that is made while nobody listens", async () => {
      await save(task("old"), task("older"));
      await restart();
      gateway.alwaysDown();
      service.compare(ALICE, undefined);
      await save(task("new", 2));
      await timers.tickAsync(1_000);
      gateway.heal();
      await timers.tickAsync(20_000);
      expect(shown(gateway)).to.deep.equal(["new:t", "old:t", "older:t"]);
    });
  });

  describe("because another user's list was saved over it", () => {
    it("is gone from the mirror, and kept there", async () => {
      await save(task("of alice"));
      await save(task("of bob"));
      expect([shown(gateway), kept()]).to.deep.equal([["of bob:t"], [[task("of alice")]]]);
    });

    it("is kept also where the list is emptied as soon as it is there, while the mirror is still compared", async () => {
      service.set(ALICE, [task("old"), task("older")]);
      const emptied = service.flush().then(() => service.set(ALICE, []));
      await timers.tickAsync(1_000);
      await emptied;
      expect(shown(gateway)).to.deep.equal([]);
      expect(kept()).to.have.lengthOf(1);
    });

    it("is kept only where nothing is left of it: any other deletion is one that was meant", async () => {
      await save(task("a", 3), task("b", 2), task("c", 1));
      await save(task("a", 3));
      expect([shown(gateway), kept()]).to.deep.equal([["a:t"], []]);
    });
  });

  describe("because it was deleted, and saved once more by the next process,", () => {
    it("is in the mirror again where only that was deleted", async () => {
      await save(task("a", 2), task("b", 1));
      await save(task("b", 1));
      await restart();
      await save(task("a", 2), task("b", 1));
      await timers.tickAsync(SOME_TIME_MS);
      expect(shown(gateway)).to.deep.equal(["a:t", "b:t"]);
    });

    it("is in the mirror again where the whole record was", async () => {
      await save(task("a"));
      service.delete(ALICE);
      await timers.tickAsync(200);
      await restart();
      await save(task("a"));
      await timers.tickAsync(SOME_TIME_MS);
      expect(shown(gateway)).to.deep.equal(["a:t"]);
    });

    it("is in the mirror again, and what was deleted with it is not, where the deletion did not arrive before", async () => {
      await save(task("a", 2), task("b", 1));
      await timers.tickAsync(3_000);
      gateway.alwaysDown();
      service.delete(ALICE);
      await restart();
      await save(task("a", 2));
      await timers.tickAsync(SOME_TIME_MS);
      expect(shown(gateway)).to.deep.equal(["a:t"]);
    });
  });

  describe("because it left it out when it took over what was restored", () => {
    async function found(): Promise<FoundValue> {
      return (await service.find(ALICE))!;
    }

    it("is not deleted, though two restores run at once and the later one saves after the earlier", async () => {
      await save(task("a", 2), task("b", 1));
      service = mirrorOf(new FakeGateway(gateway.model));
      let endFirst!: () => void;
      let endSecond!: () => void;
      const first = service.adopt(ALICE, await found(), async () => {
        service.set(ALICE, [task("a", 2)]);
        await new Promise<void>((resolve) => (endFirst = resolve));
      });
      const second = service.adopt(ALICE, await found(), async () => {
        await new Promise<void>((resolve) => (endSecond = resolve));
        service.set(ALICE, [task("a", 2)]);
      });
      endFirst();
      await first;
      endSecond();
      await second;
      await timers.tickAsync(SOME_TIME_MS);
      expect(shown(gateway)).to.deep.equal(["a:t", "b:t"]);
    });

    for (const [which, order] of Object.entries({ earlier: [0, 1], later: [1, 0] })) {
      it(`is not deleted by the next save, where two restores at once have failed, the ${which} one first`, async () => {
        await save(task("a", 2), task("b", 1));
        service = mirrorOf(new FakeGateway(gateway.model));
        const failures: (() => void)[] = [];
        const failing = () =>
          new Promise<void>((_, reject) => failures.push(() => reject(new Error("The disk is full."))));
        const restores = [service.adopt(ALICE, await found(), failing), service.adopt(ALICE, await found(), failing)];
        const outcomes = Promise.allSettled(restores);
        for (const index of order) failures[index]!();
        expect((await outcomes).map(({ status }) => status)).to.deep.equal(["rejected", "rejected"]);
        await save(task("new", 3));
        expect(shown(gateway)).to.deep.equal(["new:t", "a:t", "b:t"]);
      });
    }

    it("is deleted where that was done later, although another restore at the same time has failed", async () => {
      await save(task("a", 2), task("b", 1));
      service = mirrorOf(new FakeGateway(gateway.model));
      let fail!: () => void;
      const failing = service.adopt(ALICE, await found(), () => {
        return new Promise<void>((_, reject) => (fail = () => reject(new Error("The disk is full."))));
      });
      const failed = failing.then(
        () => false,
        () => true,
      );
      await service.adopt(ALICE, await found(), async () => service.set(ALICE, [task("a", 2), task("b", 1)]));
      fail();
      expect(await failed).to.equal(true);
      await save(task("a", 2));
      expect(shown(gateway)).to.deep.equal(["a:t"]);
    });

    it("is not deleted by the next save, where it was beyond what is restored", async () => {
      const limit = 2;
      service = mirrorOf(gateway, { memento, limit });
      await save(task("b", 2), task("a", 1));
      const another = mirrorOf(new FakeGateway(gateway.model), { limit });
      another.set(ALICE, [task("x", 5)]);
      await timers.tickAsync(200);
      await restart(limit);
      const restored = await found();
      await service.adopt(ALICE, restored, async () => {});
      await save(task("n", 9), ...(restored.value as unknown[]));
      expect([...gateway.model.readCollection(keyOf("alice")).items.keys()]).to.deep.equal(["n", "x", "b", "a"]);
    });

    it("does not keep from the mirror what it added on the way", async () => {
      await save(task("a", 1));
      service = mirrorOf(gateway);
      await service.adopt(ALICE, await found(), async () => service.set(ALICE, [task("new", 2), task("a", 1)]));
      await timers.tickAsync(200);
      expect([shown(gateway), service.status.pending]).to.deep.equal([["new:t", "a:t"], 0]);
    });
  });
});
