import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const NOTE = { userId: "alice", record: "customInstructions" };
const NOTE_KEY = "roo:alice:customInstructions";
const NOW_MS = 1_700_000_000_000;
const VERSION = `${NOW_MS - 60_000}-0000-another`;

describe("a value that the local store takes over", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  beforeEach(() => {
    timers = sinon.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    gateway = new FakeGateway();
    service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
    });
    mirrorHolds("restored", VERSION);
  });
  afterEach(() => timers.restore());

  function mirrorHolds(value: unknown, version: string): void {
    const write = { redisKey: NOTE_KEY, value: JSON.stringify(value), version, ttlSeconds: 9 };
    gateway.model.put({ ...write, seen: version, keepsPrevious: false });
  }

  const stored = () => gateway.store.get(NOTE_KEY);
  const kept = () => [...(gateway.model.kept.get(NOTE_KEY)?.values() ?? [])];
  const find = async () => (await service.find(NOTE))!;

  it("goes to the mirror where the host changes it on the way", async () => {
    await service.adopt(NOTE, await find(), async () => service.set(NOTE, "restored, and migrated"));
    await timers.tickAsync(100);
    expect([stored(), kept()]).to.deep.equal(['"restored, and migrated"', []]);
  });

  it("is no news where the host takes it over piece by piece, and reads it on the way", async () => {
    await service.adopt(NOTE, await find(), async () => {
      service.set(NOTE, "rest");
      service.compare(NOTE, "rest");
      await timers.tickAsync(1_000);
      service.set(NOTE, "restored");
    });
    await timers.tickAsync(1_000);
    expect([gateway.batches, stored()]).to.deep.equal([[], '"restored"']);
  });

  it("is sent as far as the host has come with it where somebody waits for that, and the rest after it", async () => {
    let end!: () => void;
    const adopted = service.adopt(NOTE, await find(), async () => {
      service.set(NOTE, "rest");
      await new Promise<void>((resolve) => (end = resolve));
      service.set(NOTE, "changed");
    });
    expect(await service.flush()).to.deep.equal({ flushed: true });
    expect(stored()).to.equal('"rest"');
    end();
    await adopted;
    expect(await service.close()).to.deep.equal({ flushed: true });
    expect(stored()).to.equal('"changed"');
  });

  it("goes to the mirror as far as the host has come with it, where it then fails", async () => {
    const failing = service.adopt(NOTE, await find(), async () => {
      service.set(NOTE, "rest");
      throw new Error("disk full");
    });
    await failing.catch(() => {});
    await timers.tickAsync(100);
    expect(stored()).to.equal('"rest"');
  });

  it("goes to the mirror where a save that it replaces is on its way there", async () => {
    const found = await find();
    service.set(NOTE, "saved meanwhile");
    await service.adopt(NOTE, found, async () => service.set(NOTE, "restored"));
    await timers.tickAsync(100);
    expect(stored()).to.equal('"restored"');
  });

  it("is news when it is saved after that, although the host took it over without a save", async () => {
    await service.adopt(NOTE, await find(), async () => {});
    mirrorHolds("of another, later", `${NOW_MS - 30_000}-0000-another`);
    service.set(NOTE, "restored");
    await timers.tickAsync(100);
    expect(stored()).to.equal('"restored"');
  });

  it("is no news where an earlier one has been taken over in the meantime", async () => {
    let endFirst!: () => void;
    const first = service.adopt(NOTE, await find(), () => new Promise<void>((resolve) => (endFirst = resolve)));
    mirrorHolds("later", `${NOW_MS - 30_000}-0000-another`);
    const found = await find();
    const second = service.adopt(NOTE, found, async () => {
      endFirst();
      await first;
      service.set(NOTE, "later");
    });
    await second;
    await timers.tickAsync(1_000);
    expect([gateway.batches, gateway.model.versions.get(NOTE_KEY)!.version]).to.deep.equal([[], found.version]);
  });

  describe("is given back to a server that restarts empty", () => {
    it("as it was there", async () => {
      await service.adopt(NOTE, await find(), async () => {});
      gateway.restartEmpty();
      await timers.tickAsync(200);
      expect([stored(), gateway.model.versions.get(NOTE_KEY)?.version]).to.deep.equal(['"restored"', VERSION]);
    });

    it("also while a save that the host made of it is still on its way", async () => {
      await service.adopt(NOTE, await find(), async () => service.set(NOTE, "migrated"));
      gateway.restartEmpty();
      await timers.tickAsync(200);
      expect(stored()).to.equal('"migrated"');
    });

    it("but not in place of what the host saved, which arrived before that was done", async () => {
      await service.adopt(NOTE, await find(), async () => {
        service.set(NOTE, "migrated");
        await service.flush();
      });
      gateway.restartEmpty();
      await timers.tickAsync(200);
      expect(stored()).to.equal('"migrated"');
    });

    it("but not in place of this process's own save that was found, which has arrived since", async () => {
      service.set(NOTE, "own");
      const own = await find();
      await service.flush();
      await service.adopt(NOTE, own, async () => service.set(NOTE, "own"));
      gateway.restartEmpty();
      await timers.tickAsync(200);
      expect(stored()).to.equal('"own"');
    });

    it("but not where it has no version: whether something later was there nobody can say", async () => {
      gateway.model.versions.clear();
      await service.adopt(NOTE, await find(), async () => {});
      gateway.restartEmpty();
      await timers.tickAsync(10_000);
      expect(gateway.batches).to.deep.equal([]);
    });
  });

  describe("counts as seen", () => {
    it("by `get`: what is saved next does not have it kept", async () => {
      expect(await service.get(NOTE)).to.equal("restored");
      service.set(NOTE, "changed");
      await timers.tickAsync(100);
      expect([stored(), kept()]).to.deep.equal(['"changed"', []]);
    });

    it("no less because this process's own save is read after it", async () => {
      await service.get(NOTE);
      service.set(NOTE, "changed");
      expect(await service.get(NOTE)).to.equal("changed");
      await timers.tickAsync(100);
      expect([stored(), kept()]).to.deep.equal(['"changed"', []]);
    });

    it("not by `find`", async () => {
      await service.find(NOTE);
      service.set(NOTE, "changed");
      await timers.tickAsync(100);
      expect([stored(), kept()]).to.deep.equal(['"changed"', ['"restored"']]);
    });
  });

  describe("where the record may have been emptied here", () => {
    it("is to stay gone in the version that emptied it, and without one", async () => {
      service.set(NOTE, "");
      await timers.tickAsync(100);
      const found = await find();
      expect(found.value).to.equal("");
      expect(service.isCleared(NOTE, found)).to.equal(true);
      gateway.model.versions.clear();
      expect(service.isCleared(NOTE, await find())).to.equal(true);
    });

    it("is not gone because this process was the first to save it", async () => {
      gateway.model.flushAll();
      service.set(NOTE, "first");
      await timers.tickAsync(100);
      expect(service.isCleared(NOTE, await find())).to.equal(false);
    });

    it("is not gone where this process has saved it again since", async () => {
      service.delete(NOTE);
      await timers.tickAsync(100);
      service.set(NOTE, "again");
      expect(service.isCleared(NOTE, await find())).to.equal(false);
    });
  });
});
