import { expect } from "chai";
import { createMirror, type Mirror, NodeRedisGateway, TOKENS } from "redis-mirrored";
import { type Differential, playDifferential } from "../../bench/faults/differential.js";
import { FAULTS, HEALTHY } from "../support/faults.js";
import type { TestBed } from "../support/test-bed.js";

/** Short enough for attempts to fail by waiting within a phase of a quarter of a second. */
const TIMINGS = { batchWindowMs: 5, healthCheckMs: 50, pauseMs: 1_000, closeTimeoutMs: 100 };
const DEADLINES = { connectMs: 60, commandMs: 60, perMebibyteMs: 8_000 };

function installHurriedMirror(bed: TestBed): Mirror {
  const mirror = createMirror({ ...bed.mirrorOptions, timings: TIMINGS });
  const { address } = mirror.container.get(TOKENS.Settings);
  mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(new NodeRedisGateway(address, DEADLINES));
  mirror.install();
  return mirror;
}

/** A share of what `npm run bench:faults` plays, and with shorter timings. */
describe("decorated methods beside their bare twins, while a real server goes through its faults", () => {
  let played: Differential;

  before(async function () {
    this.timeout(60_000);
    played = await playDifferential({ calls: 20_000, phaseMs: 250, installMirror: installHurriedMirror });
  });

  it("leaves the values alone", () => expect(played.changedValues).to.equal(0));

  for (const [index, { name, kind, isMomentary }] of [HEALTHY, ...FAULTS].entries())
    it(`cannot be told apart, run once, and let an ignored rejection surface once: ${name}`, () => {
      const { fault, counts, examples } = played.tallies[index]!;
      expect(fault.name).to.equal(name);
      expect(counts, examples.join("; ")).to.include({ differences: 0, notOnce: 0, surfacedWrongly: 0 });
      expect(counts.calls).to.be.above(1_000);
      expect(counts.ignored).to.be.above(50);
      expect(counts.batches + counts.failedAttempts, "the mirror was at work").to.be.above(0);
      // What is over at once may be over before an attempt is made.
      if (kind !== "none" && !isMomentary)
        expect(counts.failedAttempts, "attempts that the fault made fail").to.be.above(0);
    });
});
