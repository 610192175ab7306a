import { expect } from "chai";
import sinon from "sinon";
import { systemClock, withDeadline } from "#dist/sync/clock.js";

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
