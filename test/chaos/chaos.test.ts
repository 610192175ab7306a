import { expect } from "chai";
import { ChaosBench } from "./chaos.js";

/** By seed, what each history was chosen for. Together they meet everything that can happen. */
const CHOSEN: readonly (readonly [seed: number, ...met: string[]])[] = [
  [58, "CONFIG SET requirepass changed", "CONFIG SET maxmemory 1", "the host crashes"],
  [20, "SIGSTOP", "the wire takes", "SCRIPT FLUSH"],
  [15, "SIGKILL, restarts empty", "CLIENT KILL", "REPLICAOF 127.0.0.1 1"],
  [31, "the wire throttles", "the wire cuts replies", "the wire swallows", "FLUSHALL"],
  [35, "the primary is killed and its replica, which is behind, promoted", "the wire refuses"],
  [24, "the primary is killed and its replica promoted"],
];

/** A share of what `npm run chaos` plays. */
describe("chaos on a real server and its replica", () => {
  let bench: ChaosBench;
  before(async () => (bench = await ChaosBench.open()));
  after(() => bench.close());

  for (const [seed, ...met] of CHOSEN)
    it(`ends with the mirror equal to the local store, seed ${seed}: ${met.join("; ")}`, async function () {
      this.timeout(60_000);
      const { problem, events } = await bench.play(seed);
      expect(problem, events.join("; ")).to.equal(undefined);
      for (const event of met) expect(events.join("; ")).to.include(event);
    });
});
