import { expect } from "chai";
import { ChaosBench } from "./chaos.js";

/** A share of what `npm run chaos` plays. */
describe("chaos on a real server", () => {
  let bench: ChaosBench;
  before(async () => (bench = await ChaosBench.open()));
  after(() => bench.close());

  for (const seed of [1, 2, 3, 8, 11, 16])
    it(`ends with the mirror equal to the local store, seed ${seed}`, async function () {
      this.timeout(60_000);
      const { problem, events } = await bench.play(seed);
      expect(problem, events.join("; ")).to.equal(undefined);
    });
});
