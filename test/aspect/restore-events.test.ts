import { expect } from "chai";
import { type MirrorEvents, RedisMirrored, RedisRestored } from "redis-mirrored";
import { FakeRedis } from "../support/containers.js";
import { SHORT_TIMINGS } from "../support/mirrors.js";

const KEY = "roo:alice:customInstructions";
const RECORD = { userId: "alice", record: "customInstructions" };

class Notes {
  text: string | undefined;
  onLoad = () => {};
  onAdopt = () => {};

  @RedisRestored("customInstructions", { adopt: "adopt" })
  async load(): Promise<string | undefined> {
    this.onLoad();
    return this.text;
  }

  adopt(text: string): void {
    this.onAdopt();
    this.text = text;
  }

  @RedisMirrored("customInstructions")
  async save(text: string): Promise<void> {
    this.text = text;
  }
}

describe("what is told of restores", () => {
  let redis: FakeRedis;
  let notes: Notes;
  let started: MirrorEvents["restoreStarted"][0][];
  let ended: MirrorEvents["restoreEnded"][];
  beforeEach(() => {
    redis = new FakeRedis({ timings: { ...SHORT_TIMINGS, readTimeoutMs: 20 } });
    notes = new Notes();
    [started, ended] = [[], []];
    redis.service.on("restoreStarted", (restore) => void started.push(restore));
    redis.service.on("restoreEnded", (...told) => void ended.push(told));
    redis.gateway.store.set(KEY, '"mirrored"');
  });
  afterEach(() => redis[Symbol.dispose]());

  async function outcomeOfLoad(): Promise<string> {
    await notes.load();
    expect(started).to.deep.equal([RECORD]);
    expect(ended).to.have.length(1);
    const [restore, { outcome, durationMs }] = ended[0]!;
    expect(restore).to.equal(started[0]);
    expect(durationMs).to.be.at.least(0);
    return outcome;
  }

  it("is that the local store has adopted what was there", async () => {
    expect(await outcomeOfLoad()).to.equal("restored");
    expect(notes.text).to.equal("mirrored");
  });

  it("is that nothing was there", async () => {
    redis.gateway.store.clear();
    expect(await outcomeOfLoad()).to.equal("absent");
  });

  it("is that what was there is empty to the host", async () => {
    redis.gateway.store.set(KEY, '""');
    expect(await outcomeOfLoad()).to.equal("absent");
  });

  it("is that it was emptied here, where a server has an older state", async () => {
    await notes.save("before");
    await redis.service.flush();
    const { values, versions } = redis.gateway.model.copy();
    await notes.save("");
    await redis.service.flush();
    redis.gateway.store.set(KEY, values.get(KEY)!);
    redis.gateway.model.versions.set(KEY, versions.get(KEY)!);
    expect(await outcomeOfLoad()).to.equal("absent");
  });

  it("is that what was there cannot be read", async () => {
    redis.gateway.store.set(KEY, "no JSON");
    expect(await outcomeOfLoad()).to.equal("unreadable");
  });

  it("is that there was no answer in time", async () => {
    redis.gateway.alwaysSilent();
    expect(await outcomeOfLoad()).to.equal("timed-out");
  });

  it("is that Redis could not be asked", async () => {
    redis.gateway.alwaysDown();
    expect(await outcomeOfLoad()).to.equal("unavailable");
  });

  it("is that the host's `adopt` refused it", async () => {
    notes.onAdopt = () => {
      throw new Error("no");
    };
    expect(await outcomeOfLoad()).to.equal("refused");
  });

  it("is that the host has saved it in the meantime", async () => {
    redis.service.on("restoreStarted", () => void notes.save("meanwhile"));
    expect(await outcomeOfLoad()).to.equal("overtaken");
  });

  it("is nothing where there is nothing to restore, nor where asking was just in vain", async () => {
    notes.text = "here";
    await notes.load();
    expect([started, ended]).to.deep.equal([[], []]);
    redis.gateway.store.clear();
    notes = new Notes();
    await outcomeOfLoad();
    await notes.load();
    expect([started.length, ended.length]).to.deep.equal([1, 1]);
  });
});
