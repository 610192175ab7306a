import fc from "fast-check";
import { playSharing, type SharingHistory, sharingHistories, tabHistories } from "./sharing.js";
import { FAULTS } from "./simulated-gateway.js";
import { type History, play, RECORDS, type Step } from "./world.js";

const DAY_MS = 24 * 60 * 60 * 1_000;

const machine = fc.nat(1);
const record = fc.constantFrom(...RECORDS);

const saves: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("save" as const),
  machine,
  record,
  what: fc.constantFrom("value", "value", "value", "value", "empty", "nothing"),
});
const waits: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("wait" as const),
  ms: fc.constantFrom(1, 40, 100, 500, 2_500, 8_000, 70_000, 400_000),
});
const faults: fc.Arbitrary<Step> = fc.record({ do: fc.constant("fault" as const), fault: fc.constantFrom(...FAULTS) });
const machineEvents: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("read", "read", "crash", "restart", "disable", "enable"),
  machine,
});
const serverEvents: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("restart empty", "lose all", "back up", "fail over", "cut"),
});
const serverJumps: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("jump the server's clock" as const),
  byMs: fc.constantFrom(-8 * DAY_MS, -1_000, 60_000, 6 * DAY_MS, 8 * DAY_MS),
});
const evictions: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("evict" as const),
  record,
  part: fc.constantFrom("value", "version"),
});
const switches: fc.Arbitrary<Step> = fc.record({ do: fc.constant("switch user" as const), machine, user: fc.nat(2) });
const wipes: fc.Arbitrary<Step> = fc.record({ do: fc.constant("wipe" as const), machine });
const jumps: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("jump clock" as const),
  machine,
  byMs: fc.integer({ min: -10_000_000, max: 10_000_000 }),
});

const common = [
  { arbitrary: saves, weight: 10 },
  { arbitrary: waits, weight: 8 },
  { arbitrary: faults, weight: 4 },
  { arbitrary: machineEvents, weight: 3 },
  { arbitrary: serverEvents, weight: 2 },
  { arbitrary: evictions, weight: 1 },
  { arbitrary: serverJumps, weight: 1 },
  { arbitrary: switches, weight: 1 },
];

/** One machine whose clock jumps; one that loses its local store; two that know nothing of each other. */
export const histories: fc.Arbitrary<History> = fc.oneof(
  historiesOf(1, [...common, { arbitrary: jumps, weight: 1 }]),
  historiesOf(1, [...common, { arbitrary: wipes, weight: 1 }]),
  historiesOf(2, [...common, { arbitrary: wipes, weight: 1 }]),
);

function historiesOf(machines: number, steps: { arbitrary: fc.Arbitrary<Step>; weight: number }[]) {
  return fc.record({
    seed: fc.nat(),
    machines: fc.constant(machines),
    steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 30, size: "max" }),
  });
}

export interface SimulationResult<Played = History> {
  readonly histories: number;
  /** What to run to see it again, and what was wrong; `undefined`: nothing. */
  readonly failure: { readonly history: Played; readonly problem: string; readonly seed: number } | undefined;
}

/** Plays so many histories; the first that ends wrong is shrunk to what it takes. */
export function simulate(numRuns: number, seed: number): Promise<SimulationResult> {
  return simulateThose(histories, play, numRuns, seed);
}

/** The same of several windows that share one history of tasks. */
export function simulateSharing(numRuns: number, seed: number): Promise<SimulationResult<SharingHistory>> {
  return simulateThose(sharingHistories, playSharing, numRuns, seed);
}

/** The same of windows that have two stores of it each. */
export function simulateTabs(numRuns: number, seed: number): Promise<SimulationResult<SharingHistory>> {
  return simulateThose(tabHistories, playSharing, numRuns, seed);
}

async function simulateThose<Played>(
  those: fc.Arbitrary<Played>,
  play: (history: Played) => Promise<string | undefined>,
  numRuns: number,
  seed: number,
): Promise<SimulationResult<Played>> {
  const property = fc.asyncProperty(those, async (history) => {
    const problem = await play(history);
    if (problem !== undefined) throw new Error(problem);
  });
  const details = await fc.check(property, { numRuns, seed });
  if (!details.failed) return { histories: details.numRuns, failure: undefined };
  const [history] = details.counterexample!;
  return {
    histories: details.numRuns,
    failure: { history, problem: (await play(history)) ?? String(details.errorInstance), seed },
  };
}
