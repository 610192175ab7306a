import { expect } from "chai";
import { CircuitBreaker } from "#dist/sync/circuit-breaker.js";

describe("the circuit breaker", () => {
  let nowMs: number;
  let breaker: CircuitBreaker;
  beforeEach(() => {
    nowMs = 1_000;
    const clock = { now: () => nowMs, wallNow: () => 0, setTimeout: () => ({}), clearTimeout: () => {} };
    breaker = new CircuitBreaker({ failureThreshold: 3, pauseMs: 60, leaseMs: 10, clock });
  });

  function fail(times: number): void {
    for (let failure = 0; failure < times; failure++) breaker.tryAcquire()!.failed("lost");
  }

  it("stays closed below the threshold, and counts only consecutive failures", () => {
    fail(2);
    breaker.tryAcquire()!.succeeded();
    fail(2);
    expect(breaker.state).to.deep.equal({ kind: "closed", failures: 2 });
    expect([breaker.tryAcquire() === undefined, breaker.remainingMs]).to.deep.equal([false, 0]);
  });

  it("opens at the threshold for exactly the pause, and says why", () => {
    fail(2);
    breaker.tryAcquire()!.failed("refused");
    expect(breaker.state).to.deep.equal({ kind: "open", untilMs: 1_060, cause: "refused" });
    nowMs = 1_059;
    expect([breaker.tryAcquire(), breaker.remainingMs]).to.deep.equal([undefined, 1]);
    nowMs = 1_060;
    expect(breaker.tryAcquire()).not.to.equal(undefined);
    expect(breaker.state).to.deep.equal({ kind: "half-open", leaseUntilMs: 1_070 });
  });

  it("closes when the probe succeeds, with its count at zero", () => {
    fail(3);
    nowMs = 1_060;
    breaker.tryAcquire()!.succeeded();
    expect(breaker.state).to.deep.equal({ kind: "closed", failures: 0 });
  });

  it("opens again for a whole pause when the probe fails", () => {
    fail(3);
    nowMs = 1_070;
    breaker.tryAcquire()!.failed("lost");
    expect(breaker.state).to.deep.equal({ kind: "open", untilMs: 1_130, cause: "lost" });
  });

  it("lets one probe through, and another one only when the lease of the first has run out", () => {
    fail(3);
    nowMs = 1_060;
    const first = breaker.tryAcquire()!;
    nowMs = 1_069;
    expect([breaker.tryAcquire(), breaker.remainingMs]).to.deep.equal([undefined, 1]);
    nowMs = 1_070;
    const second = breaker.tryAcquire()!;
    first.succeeded();
    expect(breaker.state).to.deep.equal({ kind: "half-open", leaseUntilMs: 1_080 });
    second.failed("refused");
    expect(breaker.state).to.deep.equal({ kind: "open", untilMs: 1_130, cause: "refused" });
    first.succeeded();
    expect(breaker.state.kind).to.equal("open");
  });

  it("is not closed by the late success of what was begun before it opened, nor kept open by its failure", () => {
    const [early, earlier] = [breaker.tryAcquire()!, breaker.tryAcquire()!];
    fail(3);
    early.succeeded();
    expect(breaker.state.kind).to.equal("open");
    nowMs = 1_060;
    breaker.tryAcquire()!.succeeded();
    earlier.failed("lost");
    expect(breaker.state).to.deep.equal({ kind: "closed", failures: 0 });
  });

  it("takes one outcome from an attempt", () => {
    const attempt = breaker.tryAcquire()!;
    attempt.failed("lost");
    attempt.failed("lost");
    attempt.succeeded();
    expect(breaker.state).to.deep.equal({ kind: "closed", failures: 1 });
  });

  it("tells of each transition once, and of nothing else", () => {
    const told: string[] = [];
    breaker.onTransition = (from, to) => told.push(`${from.kind} → ${to.kind}`);
    fail(3);
    breaker.tryAcquire();
    nowMs = 1_060;
    breaker.tryAcquire()!.failed("lost");
    nowMs = 1_120;
    breaker.tryAcquire()!.succeeded();
    breaker.tryAcquire()!.succeeded();
    expect(told).to.deep.equal([
      "closed → open",
      "open → half-open",
      "half-open → open",
      "open → half-open",
      "half-open → closed",
    ]);
  });
});
