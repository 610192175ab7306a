import { expect } from "chai";
import sinon from "sinon";
import { systemClock, withDeadline } from "#dist/sync/clock.js";

describe("the process's own clock", () => {
  it("goes on where a host puts fakes in the place of the timers after it was loaded", async () => {
    const url = new URL("../../../dist/sync/clock.js?of its own", import.meta.url).href;
    const { systemClock: own } = (await import(url)) as { systemClock: typeof systemClock };
    const startedAt = own.now();
    const timers = sinon.useFakeTimers({ now: 5 });
    try {
      await new Promise<void>((resolve) => void own.setTimeout(resolve, 1));
      own.clearTimeout(own.setTimeout(() => {}, 1_000));
      expect(timers.countTimers()).to.equal(0);
      expect(own.now()).to.be.greaterThan(startedAt);
      expect(own.wallNow()).to.be.greaterThan(1_700_000_000_000);
    } finally {
      timers.restore();
    }
  });
});

describe("a deadline", () => {
  let timers: sinon.SinonFakeTimers;
  beforeEach(() => (timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })));
  afterEach(() => timers.restore());

  const options = (deadlineMs: number) => ({ deadlineMs, onExpired: () => new Error("expired"), clock: systemClock });
  const outcomeOf = (work: Promise<unknown>) => work.catch((error: Error) => error.message);

  it("passes on what comes in time, and leaves no timer", async () => {
    expect(await withDeadline(Promise.resolve("value"), options(10))).to.equal("value");
    expect(await outcomeOf(withDeadline(Promise.reject(new Error("failed")), options(10)))).to.equal("failed");
    expect(timers.countTimers()).to.equal(0);
  });

  it("expires, and does not let the late failure of the work surface", async () => {
    let fail!: (error: Error) => void;
    const outcome = outcomeOf(withDeadline(new Promise((_resolve, reject) => (fail = reject)), options(10)));
    await timers.tickAsync(10);
    fail(new Error("late"));
    expect(await outcome).to.equal("expired");
  });

  it("holds the process only if it is told to", () => {
    const unref = sinon.spy();
    const clock = { ...systemClock, setTimeout: () => ({ unref }), clearTimeout: () => {} };
    void withDeadline(Promise.resolve(), { ...options(10), clock });
    expect(unref.callCount).to.equal(1);
    void withDeadline(Promise.resolve(), { ...options(10), clock, isHoldingProcess: true });
    expect(unref.callCount).to.equal(1);
  });
});
