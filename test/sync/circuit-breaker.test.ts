import { expect } from "chai";
import { CircuitBreaker } from "#dist/sync/circuit-breaker.js";

describe("the circuit breaker", () => {
  let nowMs: number;
  let breaker: CircuitBreaker;
  beforeEach(() => {
    nowMs = 1_000;
    const clock = { now: () => nowMs, setTimeout: () => ({}), clearTimeout: () => {} };
    breaker = new CircuitBreaker({ failureThreshold: 3, pauseMs: 60, clock });
  });

  function fail(times: number): void {
    for (let failure = 0; failure < times; failure++) breaker.failed("lost");
  }

  it("stays closed below the threshold, and counts only consecutive failures", () => {
    fail(2);
    breaker.succeeded();
    fail(2);
    expect(breaker.state).to.deep.equal({ kind: "closed", failures: 2 });
    expect(breaker.tryAcquire()).to.equal(true);
  });

  it("opens at the threshold for exactly the pause, and says why", () => {
    fail(2);
    breaker.failed("refused");
    expect(breaker.state).to.deep.equal({ kind: "open", untilMs: 1_060, cause: "refused" });
    nowMs = 1_059;
    expect([breaker.tryAcquire(), breaker.remainingMs]).to.deep.equal([false, 1]);
    nowMs = 1_060;
    expect([breaker.tryAcquire(), breaker.state.kind]).to.deep.equal([true, "half-open"]);
  });

  it("closes when the probe succeeds, with its count at zero", () => {
    fail(3);
    nowMs = 1_060;
    breaker.tryAcquire();
    breaker.succeeded();
    expect(breaker.state).to.deep.equal({ kind: "closed", failures: 0 });
  });

  it("opens again for a whole pause when the probe fails", () => {
    fail(3);
    nowMs = 1_070;
    breaker.tryAcquire();
    breaker.failed("lost");
    expect(breaker.state).to.deep.equal({ kind: "open", untilMs: 1_130, cause: "lost" });
  });
});
