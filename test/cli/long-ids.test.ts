import { expect } from "chai";
import { describePlans } from "#dist/cli/migrate/migration-report.js";
import type { RecordPlan } from "#dist/cli/migrate/migration.js";
import { describeByKey, describeLeft } from "#dist/cli/rotate/rotation-report.js";
import { displayWidth } from "#dist/cli/table.js";
import { BUILT_IN_RECORDS } from "#dist/sync/records.js";

const redisKey = `roo:${"u".repeat(5_000)}:${"i".repeat(5_000)}:taskHistory`;
const SHOWN = `roo:${"u".repeat(35)}…:${"i".repeat(35)}…:taskHistory`;

describe("an id that is longer than a terminal is wide", () => {
  it("is shortened in what a migration shows", () => {
    const record = BUILT_IN_RECORDS.find(({ name }) => name === "taskHistory")!;
    const source = { redisKey, record: record.name, bytes: 2, savedAtMs: 0, value: [], sha1: "", isInPlace: false };
    const plans: RecordPlan[] = [{ record, redisKey, sources: [source], kind: "save" }];
    const lines = describePlans({ userId: "u".repeat(5_000), plans, agentKeys: [redisKey] });
    expect(lines[1]).to.match(new RegExp(`^${SHOWN} `));
    expect(lines.join("\n")).to.contain(`saved as ${SHOWN}`).and.to.contain(`(${SHOWN})`);
    const none = describePlans({ userId: "u".repeat(5_000), plans: [], agentKeys: [] });
    expect(Math.max(...[...lines, ...none].map(displayWidth))).to.be.below(200);
  });

  it("is shortened in what a rotation shows", () => {
    const left = {
      redisKey,
      keptVersion: `1${"w".repeat(5_000)}`,
      keyId: "k".repeat(5_000),
      reason: "unreadable",
    } as const;
    const lines = [...describeLeft([left as any]), ...describeByKey([left as any])];
    expect(lines[0]).to.contain(SHOWN);
    expect(Math.max(...lines.map(displayWidth))).to.be.below(220);
  });
});
