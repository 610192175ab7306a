// From the end of each fault until Redis holds everything: `node recovery.js [--default-reconcile]`. What is lost without
// a word is found out every five minutes, unless told otherwise every ten seconds here.
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createMirror, TOKENS } from "redis-mirrored";
import { type Fault, FAULTS } from "../test/support/faults.js";
import { TestBed } from "../test/support/test-bed.js";
import { printTable } from "./measure.js";

const { values: flags } = parseArgs({ options: { "default-reconcile": { type: "boolean" } } });
const RECONCILE_MS = flags["default-reconcile"] ? 300_000 : 10_000;

/** What the promise allows, seconds from the end of the fault, and how long the fault lasts. */
const PROMISES: Record<Fault["kind"], { readonly allowedSeconds: number; readonly lastsSeconds: number }> = {
  none: { allowedSeconds: 10, lastsSeconds: 10 },
  lost: { allowedSeconds: 10, lastsSeconds: 10 },
  // Five refusals, and writing pauses: they take less than two seconds.
  refused: { allowedSeconds: 65, lastsSeconds: 5 },
  "silent loss": { allowedSeconds: RECONCILE_MS / 1_000 + 5, lastsSeconds: 0 },
};
const DEADLINE_SECONDS = 120 + RECONCILE_MS / 1_000;

/** Seconds from the end of a fault until all is there that was saved during it, and before it, with no save since. */
async function measureRecovery(fault: Fault): Promise<number> {
  const bed = await TestBed.open({ isAbsent: fault.isAtStart });
  const mirror = createMirror({ ...bed.mirrorOptions, timings: { reconcileMs: RECONCILE_MS } });
  const service = mirror.container.get(TOKENS.RedisSyncService);
  const expected = new Map<string, string>();
  const save = (record: string, value: unknown) => {
    service.set({ userId: "alice", record }, value);
    expected.set(`roo:alice:${record}`, JSON.stringify(value));
  };
  try {
    if (!fault.isAtStart) {
      save("taskHistory", [{ id: "before", ts: 1 }]);
      // Generously: seventeen of them start at the same time.
      const { flushed } = await mirror.flush({ timeoutMs: 10_000 });
      if (!flushed) throw new Error("Expected a healthy Redis to take the save before the fault");
    }
    const hasBegun = fault.begin(bed);
    save("customInstructions", "saved as it began");
    await hasBegun;
    if (!fault.isMomentary) {
      save("customInstructions", "saved while it lasted");
      await pause(PROMISES[fault.kind].lastsSeconds * 1_000);
    }
    await fault.end(bed);
    const begin = performance.now();
    const elapsedSeconds = () => (performance.now() - begin) / 1_000;
    while (!(await isAllThere(bed, expected))) {
      if (elapsedSeconds() > DEADLINE_SECONDS) return Infinity;
      await pause(20);
    }
    return elapsedSeconds();
  } finally {
    await mirror.close();
    await bed.close();
  }
}

async function isAllThere({ server }: TestBed, expected: ReadonlyMap<string, string>): Promise<boolean> {
  const values = await (await server.client()).mGet([...expected.keys()]);
  return [...expected.values()].every((value, index) => value === values[index]);
}

console.log(
  `Each fault on a server of its own, all at the same time, with the default timings` +
    (flags["default-reconcile"] ? ". This takes five minutes." : ", but for reconcileMs: 10 s. This takes about 70 s."),
);
const rows = await Promise.all(
  FAULTS.map(async (fault) => ({ fault, ...PROMISES[fault.kind], seconds: await measureRecovery(fault) })),
);
printTable(
  "From the end of the fault until all is in Redis, without a new save",
  ["fault", "lasts", "seconds", "promised"],
  rows.map(({ fault, lastsSeconds, seconds, allowedSeconds }) => [
    fault.name,
    fault.isMomentary ? "a moment" : `${lastsSeconds} s`,
    seconds.toFixed(2),
    `≤ ${allowedSeconds}`,
  ]),
);
process.exitCode = rows.every(({ seconds, allowedSeconds }) => seconds <= allowedSeconds) ? 0 : 1;
