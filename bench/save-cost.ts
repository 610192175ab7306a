import { Container } from "inversify";
import { installMirror, type Mirror, type MirrorOptions, noopMirrorModule, useContainer } from "redis-mirrored";
import { RedisServer } from "../test/support/redis-server.js";
import { BareStore, history, MirroredStore, otherHistory, smallValue } from "./hosts.js";
import { type Distribution, distribution, formatMicroseconds, nextTurn, printTable, timeOnce } from "./measure.js";

export interface SaveCost {
  readonly scenario: string;
  readonly bare: Distribution;
  readonly mirrored: Distribution;
  readonly stringify: Distribution;
}

const SCENARIOS = ["no-op", "healthy", "down", "black hole", "killed midway"] as const;
type Scenario = (typeof SCENARIOS)[number];

/** How long one save takes, bare and decorated, whatever Redis does meanwhile. */
export async function measureSaveCost(
  value: (seed: number) => unknown,
  key: string,
  saves: number,
): Promise<SaveCost[]> {
  const costs: SaveCost[] = [];
  for (const scenario of SCENARIOS) costs.push({ scenario, ...(await measureScenario(scenario, value, key, saves)) });
  return costs;
}

export async function measureScenario(
  scenario: Scenario,
  value: (seed: number) => unknown,
  key: string,
  saves: number,
) {
  const server = scenario === "down" ? await RedisServer.absent() : await RedisServer.start();
  const { dispose, ready } = install(scenario, server);
  await ready;
  if (scenario === "black hole") server.freeze();
  const bareStore = new BareStore();
  const mirroredStore = new MirroredStore();
  const bare = new Float64Array(saves);
  const mirrored = new Float64Array(saves);
  const stringify = new Float64Array(saves);
  for (let save = -3_000; save < saves; save++) {
    const saved = value(save);
    if (scenario === "killed midway" && save === saves >> 1) await server.kill();
    // In turn, so that what disturbs the machine disturbs them alike; before 0 they warm up.
    const timings = [
      () => bareStore.update(key, saved),
      () => JSON.stringify(saved),
      () => mirroredStore.update(key, saved),
    ].map(timeOnce);
    if (save >= 0) [bare[save], stringify[save], mirrored[save]] = timings as [number, number, number];
    // Batches go out and answers come in between the saves, never inside one.
    if (save % 10 === 0) await nextTurn();
  }
  server.thaw();
  await dispose();
  await server.kill();
  return { bare: distribution(bare), mirrored: distribution(mirrored), stringify: distribution(stringify) };
}

function install(
  scenario: Scenario,
  server: RedisServer,
): { dispose: () => Promise<unknown>; ready: Promise<unknown> } {
  if (scenario === "no-op") {
    const container = new Container();
    container.load(noopMirrorModule);
    const installed = useContainer(container);
    return { dispose: async () => installed[Symbol.dispose](), ready: Promise.resolve() };
  }
  const mirror = installQuietMirror(server);
  // Connected before the measurement, unless there is nobody to connect to.
  new MirroredStore().update("customInstructions", "warm");
  return { dispose: () => mirror.close(), ready: scenario === "down" ? Promise.resolve() : mirror.flush() };
}

export function installQuietMirror(server: RedisServer, options: MirrorOptions = {}): Mirror {
  const logger = { info: () => {}, warn: () => {} };
  return installMirror({
    redis: { host: "127.0.0.1", port: server.port },
    userId: "bench",
    keys: ["A".repeat(43)],
    env: {},
    logger,
    ...options,
  });
}

export async function printSaveCost(saves: number): Promise<void> {
  const cases = [
    { title: `One save of 200 B, ${saves} saves`, value: smallValue, key: "customInstructions" },
    { title: `One save of 50 × 530 B, one of which has changed, ${saves} saves`, value: history, key: "taskHistory" },
    {
      title: `One save of 50 × 530 B, all of which have changed, ${saves} saves`,
      value: otherHistory,
      key: "taskHistory",
    },
  ];
  for (const { title, value, key } of cases) {
    const costs = await measureSaveCost(value, key, saves);
    printTable(
      title,
      ["Redis", "bare", "decorated", "p99", "worst", "added (median)", "JSON.stringify", "added ÷ stringify"],
      costs.map(({ scenario, bare, mirrored, stringify }) => [
        scenario,
        ...[
          bare.median,
          mirrored.median,
          mirrored.p99,
          mirrored.max,
          mirrored.median - bare.median,
          stringify.median,
        ].map(formatMicroseconds),
        ((mirrored.median - bare.median) / stringify.median).toFixed(2),
      ]),
    );
  }
}
