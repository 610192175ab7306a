import { expect } from "chai";
import { BOUNDS, strikeAll } from "../../bench/faults/bounds.js";
import { FAULTS, HEALTHY } from "../support/faults.js";

/** `npm run bench:faults` measures it; here it need only be told from the next longer deadline, of two seconds. */
const SCHEDULING_MS = 1_000;

describe("a host that is at work when a fault strikes", () => {
  let struck: Awaited<ReturnType<typeof strikeAll>>;

  before(async function () {
    this.timeout(120_000);
    struck = await strikeAll({ gets: 2, closes: 1 }, 6);
  });

  for (const [index, fault] of [HEALTHY, ...FAULTS].entries())
    it(`gets its answers and closes in time, and nothing is left then that holds it: ${fault.name}`, () => {
      const { host, fault: by } = struck[index]!;
      expect(by).to.equal(fault);
      expect(Math.max(...host.getMs), "get").to.be.below(BOUNDS.getMs + SCHEDULING_MS);
      expect(Math.max(...host.closeMs), "close").to.be.below(BOUNDS.closeMs + SCHEDULING_MS);
      expect(host).to.deep.include({ left: [], connectionsLeft: 0, exitCode: 0 });
      if (fault.kind !== "none" && !fault.isMomentary) expect(host.flushed).to.deep.equal([false]);
      if (fault === HEALTHY) expect(host.flushed).to.deep.equal([true]);
    });
});
