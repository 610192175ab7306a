import { expect } from "chai";
import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll } from "cockatiel";
import fc from "fast-check";
import sinon from "sinon";
import { CircuitBreaker } from "#dist/sync/circuit-breaker.js";

const KINDS: Partial<Record<CircuitState, string>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half-open",
};

/** Where attempts come one after the other both define every answer. Leases and late outcomes cockatiel does not have. */
describe("the circuit breaker, beside that of cockatiel", () => {
  let timers: sinon.SinonFakeTimers;
  beforeEach(() => (timers = sinon.useFakeTimers({ now: 1_000_000, toFake: ["Date"] })));
  afterEach(() => timers.restore());

  it("lets the same attempts through, and is in the same state after each, for any history", async () => {
    const events = fc.oneof(
      { arbitrary: fc.constant("fails" as const), weight: 5 },
      { arbitrary: fc.constant("succeeds" as const), weight: 2 },
      { arbitrary: fc.constantFrom(1, 29_999, 30_000, 59_999, 60_000, 60_001), weight: 4 },
    );
    let probes = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(events, { maxLength: 60, size: "max" }), async (history) => {
        const clock = { now: () => Date.now(), wallNow: () => 0, setTimeout: () => ({}), clearTimeout: () => {} };
        const ours = new CircuitBreaker({ failureThreshold: 5, pauseMs: 60_000, leaseMs: 10_000, clock });
        const theirs = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) });
        for (const event of history) {
          if (typeof event === "number") {
            timers.tick(event);
            continue;
          }
          const attempt = ours.tryAcquire();
          const kindDuring = ours.state.kind;
          if (kindDuring === "half-open") probes++;
          let theirKindDuring: string | undefined;
          const isBroken = await theirs
            .execute(async () => {
              // It says what it is in once its call is under way.
              await Promise.resolve();
              theirKindDuring = KINDS[theirs.state];
              if (event === "fails") throw new Error("as told");
            })
            .then(
              () => false,
              (error: unknown) => error instanceof BrokenCircuitError,
            );
          expect(attempt === undefined).to.equal(isBroken);
          if (attempt === undefined) continue;
          expect(kindDuring).to.equal(theirKindDuring);
          if (event === "fails") attempt.failed("lost");
          else attempt.succeeded();
          expect(ours.state.kind).to.equal(KINDS[theirs.state]);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(probes).to.be.greaterThan(100);
  });
});
