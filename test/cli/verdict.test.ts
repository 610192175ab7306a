import { expect } from "chai";
import { judge, type Measurements } from "#dist/cli/tour/verdict.js";

const stretch = (timeMs: number, failures = 0) => ({
  timesMs: [timeMs, timeMs, timeMs],
  bareTimesMs: [1, 1, 1],
  bytes: 1,
  failures,
});
const GOOD: Measurements = {
  syncedMs: 110,
  healthy: stretch(1.2),
  down: stretch(1.1),
  recoveredMs: 3_000,
  restoredMs: 20,
  hasRedis: true,
};

function kept(measurements: Partial<Measurements>): Record<string, boolean | undefined> {
  return Object.fromEntries(judge({ ...GOOD, ...measurements }).map(({ name, isKept }) => [name, isKept]));
}

describe("the verdict of the tour", () => {
  it("finds all three promises kept when they were", () => {
    expect(kept({})).to.deep.equal({ synced: true, unaffected: true, recovered: true });
  });

  it("finds `synced` broken when the last save came late or never", () => {
    expect(kept({ syncedMs: 1_001 })).to.include({ synced: false });
    expect(kept({ syncedMs: undefined })).to.include({ synced: false });
  });

  it("finds `unaffected` broken when a save failed, or took more than three times as long and a millisecond", () => {
    expect(kept({ healthy: stretch(1, 1) })).to.include({ unaffected: false });
    expect(kept({ down: stretch(1, 1) })).to.include({ unaffected: false });
    expect(kept({ down: stretch(4.1) })).to.include({ unaffected: false });
    expect(kept({ healthy: stretch(4.1) })).to.include({ unaffected: false });
  });

  it("finds `recovered` broken when Redis or the local store stayed incomplete, or took too long", () => {
    expect(kept({ recoveredMs: 10_001 })).to.include({ recovered: false });
    expect(kept({ recoveredMs: undefined })).to.include({ recovered: false });
    expect(kept({ restoredMs: undefined })).to.include({ recovered: false });
    expect(kept({ recoveredMs: "skipped" })).to.include({ recovered: true });
  });

  it("does not judge what could not be measured without a Redis", () => {
    const without = {
      hasRedis: false,
      syncedMs: undefined,
      healthy: undefined,
      recoveredMs: undefined,
      restoredMs: undefined,
    };
    expect(kept(without)).to.deep.equal({ synced: undefined, unaffected: true, recovered: undefined });
  });
});
