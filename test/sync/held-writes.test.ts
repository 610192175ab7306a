import { expect } from "chai";
import sinon from "sinon";
import { systemClock } from "#dist/sync/clock.js";
import { NotServedError, RefusedError } from "#dist/sync/errors.js";
import { HeldWrites } from "#dist/sync/held-writes.js";
import { Catalogue } from "#dist/sync/records.js";
import type { PendingWrite } from "#dist/sync/writes.js";

const REFUSED = new RefusedError("NOPERM");
const NOT_SERVED = new NotServedError("TRYAGAIN");

describe("HeldWrites", () => {
  let timers: sinon.SinonFakeTimers;
  let held: HeldWrites;
  /** When it was time to try them again, ms from the beginning. */
  let dueAt: number[];
  beforeEach(() => {
    timers = sinon.useFakeTimers({ now: 0, toFake: ["setTimeout", "clearTimeout", "performance"] });
    dueAt = [];
    held = make();
  });
  afterEach(() => timers.restore());

  function make(maxKeys = 100): HeldWrites {
    const beginMs = performance.now();
    return new HeldWrites({
      limits: { maxKeys, maxBytes: 1_000 },
      timings: { pauseMs: 60_000, healthCheckMs: 5_000 },
      clock: systemClock,
      onDue: () => {
        dueAt.push(performance.now() - beginMs);
        held.takeAll();
      },
    });
  }

  const write = (redisKey: string): PendingWrite => ({
    kind: "document",
    redisKey,
    userId: "alice",
    record: new Catalogue().find("customInstructions")!,
    text: "1",
    bytes: 1,
    sequence: 1,
    stamp: { ms: 1, counter: 0 },
    keepsPrevious: false,
    behindSinceMs: 0,
  });

  describe("are tried again", () => {
    it("when the first of them is due: a later refusal does not put that off", async () => {
      held.hold(write("a"), REFUSED);
      await timers.tickAsync(30_000);
      held.hold(write("b"), REFUSED);
      await timers.tickAsync(100_000);
      expect(dueAt).to.deep.equal([60_000]);
    });

    it("sooner where a node that was not there may be back sooner, and then not a second time", async () => {
      held.hold(write("a"), REFUSED);
      await timers.tickAsync(10_000);
      held.hold(write("b"), NOT_SERVED);
      await timers.tickAsync(100_000);
      expect(dueAt).to.deep.equal([15_000]);
      held.hold(write("a"), REFUSED);
      await timers.tickAsync(60_000);
      expect(dueAt).to.deep.equal([15_000, 170_000]);
    });

    it("not any more once all are taken out", async () => {
      held.hold(write("a"), REFUSED);
      expect(held.takeAll().map(({ redisKey }) => redisKey)).to.deep.equal(["a"]);
      expect(timers.countTimers()).to.equal(0);
    });
  });

  describe("knows", () => {
    it("of a suspect once others have arrived, until one of its own writes has", () => {
      held.suspect("a");
      expect(held.isKnown("a")).to.equal(false);
      held.confirmSuspects();
      expect(held.isKnown("a")).to.equal(true);
      held.forget("a");
      held.confirmSuspects();
      expect(held.isKnown("a")).to.equal(false);
    });

    it("nothing of a suspect whose own write has arrived", () => {
      held.suspect("a");
      held.forget("a");
      held.confirmSuspects();
      expect(held.isKnown("a")).to.equal(false);
    });

    it("of as many records as may wait, the latest of them", () => {
      held = make(2);
      for (const redisKey of ["a", "b", "c"]) held.hold(write(redisKey), REFUSED);
      expect(["a", "b", "c"].filter((redisKey) => held.isKnown(redisKey))).to.deep.equal(["b", "c"]);
    });

    it("of one no less because the other is refused again", () => {
      held = make(2);
      for (const redisKey of ["a", "b", "b"]) held.hold(write(redisKey), REFUSED);
      expect(["a", "b"].filter((redisKey) => held.isKnown(redisKey))).to.deep.equal(["a", "b"]);
    });
  });

  it("keep the changes of a collection together, however often it is saved meanwhile", () => {
    const changeOf = (id: string, version: string): PendingWrite => ({
      kind: "collection",
      redisKey: "roo:alice:taskHistory",
      userId: "alice",
      record: new Catalogue().find("taskHistory")!,
      change: {
        items: new Map([[id, { version, seen: undefined, item: undefined }]]),
        cleared: undefined,
        wholeSince: undefined,
      },
      bytes: 1,
      sequence: 1,
      keepsPrevious: false,
      behindSinceMs: 0,
    });
    held.hold(changeOf("a", "1700000000000-0000-w"), REFUSED);
    held.put(changeOf("b", "1700000000001-0000-w"));
    const [only] = held.takeAll();
    expect(only?.kind === "collection" && [...only.change.items.keys()]).to.deep.equal(["a", "b"]);
  });
});
