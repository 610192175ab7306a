import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { MAX_STORES } from "#dist/sync/local-stores.js";
import { Catalogue, defineRecord } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";
import { ModelRedis } from "../support/model-redis.js";

const HISTORY = { userId: "alice", record: "taskHistory" };
const HISTORY_KEY = "roo:alice:taskHistory";
const LIMIT = 4;

interface Item {
  readonly id: string;
  readonly ts: number;
  readonly text: string;
}

const item = (id: string, ts = 1, text = "new"): Item => ({ id, ts, text });

describe("several local stores of one collection in one process", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let service: RedisSyncService;
  /** Two objects of the host's, and the loader of the second one. */
  const [sidebar, tab, loader] = [{}, {}, {}];

  beforeEach(() => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new FakeGateway(new ModelRedis());
    service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue([defineRecord({ name: "taskHistory", kind: "collection", limit: LIMIT })]),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
    });
  });
  afterEach(async () => {
    await service.close();
    timers.restore();
  });

  async function save(target: object | undefined, ...list: Item[]) {
    const write = service.prepare(HISTORY, list, target);
    service.submit(write!);
    await timers.tickAsync(200);
  }

  async function deleteAll(target: object) {
    service.submit(service.prepare(HISTORY, undefined, target)!);
    await timers.tickAsync(200);
  }

  async function read(target: object, ...list: Item[]) {
    service.compare(HISTORY, list.length === 0 ? undefined : list, target);
    await timers.tickAsync(200);
  }

  const shown = () => {
    const { value } = gateway.model.readCollection(HISTORY_KEY);
    return (JSON.parse(String(value ?? "[]")) as Item[]).map(({ id, text }) => `${id}:${text}`);
  };

  describe("of which one is out of date", () => {
    it("keep what another one has added", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("b", 2), item("a"));
      await save(tab, item("c", 3), item("a"));
      expect(shown()).to.deep.equal(["c:new", "b:new", "a:new"]);
    });

    it("keep what another one has changed", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("a", 1, "changed"));
      await save(tab, item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["b:new", "a:changed"]);
    });

    it("do not bring back what another one has deleted", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await save(tab, item("b", 2), item("a"));
      await save(sidebar, item("b", 2));
      await save(tab, item("c", 3), item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["c:new", "b:new"]);
    });

    it("change and delete what they have shown themselves", async () => {
      await save(sidebar, item("c", 3), item("b", 2), item("a"));
      await save(tab, item("c", 3), item("b", 2), item("a"));
      await save(sidebar, item("d", 4), item("c", 3), item("b", 2), item("a"));
      await save(tab, item("b", 2, "changed"), item("a"));
      expect(shown()).to.deep.equal(["d:new", "b:changed", "a:new"]);
    });

    it("do not turn back what they have read meanwhile, when another one has changed it again", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("a", 1, "once"));
      await save(sidebar, item("a", 1, "twice"));
      await save(tab, item("a", 1, "once"));
      expect(shown()).to.deep.equal(["a:twice"]);
    });

    it("do not bring back what they have read meanwhile, when another one has deleted it", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("b", 2), item("a"));
      await save(sidebar, item("a"));
      await save(tab, item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["a:new"]);
    });

    it("change what they have only read meanwhile", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("b", 2), item("a"));
      await save(tab, item("b", 2, "changed"), item("a"));
      expect(shown()).to.deep.equal(["b:changed", "a:new"]);
    });

    it("send nothing where they have changed nothing", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("b", 2), item("a"));
      const batches = gateway.merges.length;
      await save(tab, item("a"));
      await save(tab, item("b", 2), item("a"));
      expect(gateway.merges.length).to.equal(batches);
    });

    it("empty no more than what they have shown", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("a"));
      await save(sidebar, item("b", 2), item("a"));
      await save(tab);
      expect(shown()).to.deep.equal(["b:new"]);
    });

    it("delete the record for all of them, whoever does", async () => {
      await save(sidebar, item("a"));
      await save(tab, item("b", 2), item("a"));
      await deleteAll(sidebar);
      expect(shown()).to.deep.equal([]);
      await save(tab, item("c", 3), item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["c:new"]);
    });

    it("delete it for what hands its lists to the engine, too", async () => {
      await save(sidebar, item("a"));
      service.delete(HISTORY);
      await timers.tickAsync(200);
      await save(sidebar, item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["b:new"]);
    });
  });

  it("do not turn back what was changed while only one of them saved and another was read", async () => {
    await save(sidebar, item("a"));
    await read(tab);
    await save(sidebar, item("a", 1, "once"));
    await save(sidebar, item("a", 1, "twice"));
    await save(tab, item("a", 1, "once"));
    expect(shown()).to.deep.equal(["a:twice"]);
  });

  it("do not bring back what was deleted with the record while another was only read", async () => {
    await save(sidebar, item("a"));
    await read(tab);
    await deleteAll(sidebar);
    await save(tab, item("b", 2), item("a"));
    expect(shown()).to.deep.equal(["b:new"]);
  });

  it("take back their own changes", async () => {
    await save(sidebar, item("a"));
    await save(tab, item("a"));
    await save(tab, item("a", 1, "changed"));
    await save(tab, item("a"));
    expect(shown()).to.deep.equal(["a:new"]);
  });

  it("add anew what they have deleted themselves", async () => {
    await save(sidebar, item("a"));
    await save(tab, item("a"));
    await deleteAll(sidebar);
    await save(sidebar, item("a"));
    expect(shown()).to.deep.equal(["a:new"]);
  });

  it("have deleted beyond the newest what another one moves up", async () => {
    const five = [item("e", 5), item("d", 4), item("c", 3), item("b", 2), item("a", 1)];
    await save(sidebar, ...five.slice(1));
    await save(sidebar, ...five);
    await save(tab, ...five);
    await save(tab, ...five.slice(0, 4));
    await save(sidebar, ...five.slice(1));
    expect(shown()).to.deep.equal(["d:new", "c:new", "b:new"]);
  });

  it("lose nothing where one that has saved is found empty", async () => {
    await save(sidebar, item("b", 2), item("a"));
    await save(tab, item("b", 2), item("a"));
    await read(tab);
    await save(tab, item("c", 3));
    expect(shown()).to.deep.equal(["c:new", "b:new", "a:new"]);
  });

  describe("of which one is new", () => {
    it("have nothing deleted by its first list", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await save(tab, item("c", 3));
      expect(shown()).to.deep.equal(["c:new", "b:new", "a:new"]);
    });

    it("have nothing deleted by its first list, though it is empty", async () => {
      await save(sidebar, item("a"));
      await save(tab);
      expect(shown()).to.deep.equal(["a:new"]);
    });

    it("take of its first list what is newer, and nothing else", async () => {
      await save(sidebar, item("b", 2), item("a", 1));
      await save(tab, item("b", 2, "of the tab"), item("a", 3, "of the tab"));
      expect(shown()).to.deep.equal(["a:of the tab", "b:new"]);
    });

    it("do not bring back what was deleted before it came", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await save(sidebar, item("b", 2));
      await save(tab, item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["b:new"]);
    });

    it("bring back what it has worked on since that was deleted", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await save(sidebar, item("b", 2));
      await timers.tickAsync(1_000);
      await save(tab, item("b", 2), item("a", Date.now(), "worked on"));
      expect(shown()).to.deep.equal(["a:worked on", "b:new"]);
    });

    it("do not bring back what was deleted with the record before it came", async () => {
      await save(sidebar, item("a"));
      await deleteAll(sidebar);
      await save(tab, item("a"));
      expect(shown()).to.deep.equal([]);
    });

    it("do not take a list for its own that another object has read and saved", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(sidebar, item("b", 2), item("a"));
      await save(tab, item("c", 3), item("a"));
      expect(shown()).to.deep.equal(["c:new", "b:new", "a:new"]);
    });

    it("take a list that was read for the own one of one of them only", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(loader, item("b", 2), item("a"));
      await save(tab, item("c", 3), item("b", 2), item("a"));
      await save({}, item("d", 4), item("a"));
      expect(shown()).to.deep.equal(["d:new", "c:new", "b:new", "a:new"]);
    });

    it("have deleted what it has read and does not show any more", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(tab, item("b", 2), item("a"));
      await save(tab, item("b", 2));
      expect(shown()).to.deep.equal(["b:new"]);
    });

    it("have deleted what its loader has read, where that is another object", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(loader, item("b", 2), item("a"));
      await save(tab, item("b", 2));
      expect(shown()).to.deep.equal(["b:new"]);
    });

    it("have deleted only what all loaders have read that may be its own", async () => {
      const four = [item("d", 4), item("c", 3), item("b", 2), item("a")];
      await save(sidebar, item("a"));
      await read(loader, item("a"));
      await save(sidebar, ...four);
      await read({}, ...four);
      await save(tab, item("d", 4), item("c", 3), item("a"));
      expect(shown()).to.deep.equal(["d:new", "c:new", "b:new", "a:new"]);
    });

    it("have nothing deleted where its first list has nothing of what a loader has read", async () => {
      await save(sidebar, item("a"));
      await read(loader, item("a"));
      await save(tab, item("b", 2));
      expect(shown()).to.deep.equal(["b:new", "a:new"]);
    });

    it("have it compared with what it read before another one changed that", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(tab, item("b", 2), item("a"));
      await save(sidebar, item("b", 2, "changed"), item("a"));
      await save(tab, item("c", 3), item("b", 2), item("a"));
      expect(shown()).to.deep.equal(["c:new", "b:changed", "a:new"]);
    });
  });

  it("is as one with its loader, which is found empty and may have been lost", async () => {
    await read(loader, item("b", 2), item("a"));
    await save(sidebar, item("c", 3), item("b", 2), item("a"));
    await read(loader);
    await save(sidebar, item("d", 4));
    expect(shown()).to.deep.equal(["d:new", "c:new", "b:new", "a:new"]);
  });

  it("says nothing of the others where it is found empty", async () => {
    await save(sidebar, item("b", 2), item("a"));
    await read(tab);
    await save(sidebar, item("b", 2));
    expect(shown()).to.deep.equal(["b:new"]);
  });

  it("keep what is beyond one's newest and among another one's", async () => {
    const five = [item("e", 5), item("d", 4), item("c", 3), item("b", 2), item("a", 1)];
    await save(sidebar, ...five);
    await save(tab, ...five);
    await save(sidebar, ...five.slice(1));
    expect(shown()).to.deep.equal(["d:new", "c:new", "b:new", "a:new"]);
    await save(tab, item("f", 6), ...five);
    expect(shown()).to.deep.equal(["f:new", "d:new", "c:new", "b:new"]);
  });

  it("are forgotten beyond so many, which deletes nothing", async () => {
    await save(sidebar, item("a"));
    for (let index = 0; index <= MAX_STORES; index++) await save({}, item("a"));
    await save(sidebar);
    expect(shown()).to.deep.equal(["a:new"]);
  });

  describe("of which one restores", () => {
    const found = () => service.find(HISTORY);

    it("keep what the others have, and take over what they have not", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(tab);
      const restored = (await found())!;
      const batches = gateway.merges.length;
      await service.adopt(HISTORY, restored, async () => save(tab, ...(restored.value as Item[])), tab);
      await save(sidebar, item("b", 2), item("a"));
      expect(gateway.merges.length).to.equal(batches);
      await save(tab, item("b", 2));
      expect(shown()).to.deep.equal(["b:new"]);
    });

    it("do not turn back what another one has changed since", async () => {
      await save(sidebar, item("a"));
      await read(tab);
      const restored = (await found())!;
      await save(sidebar, item("a", 1, "changed"));
      await service.adopt(HISTORY, restored, async () => save(tab, ...(restored.value as Item[])), tab);
      expect(shown()).to.deep.equal(["a:changed"]);
    });

    it("keep what the others have where it was not taken over", async () => {
      await save(sidebar, item("b", 2), item("a"));
      await read(tab);
      const restored = (await found())!;
      const failed = service.adopt(HISTORY, restored, async () => Promise.reject(new Error("The disk is full.")), tab);
      const isRejected = await failed.then(
        () => false,
        () => true,
      );
      await save(sidebar, item("b", 2));
      expect([isRejected, shown()]).to.deep.equal([true, ["b:new"]]);
    });
  });
});
