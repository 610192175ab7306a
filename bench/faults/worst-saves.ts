import { installMirror, RedisMirrored } from "redis-mirrored";
import { type Fault, FAULTS, HEALTHY } from "../../test/support/faults.js";
import { TestBed } from "../../test/support/test-bed.js";
import { history, smallValue } from "../hosts.js";
import { type Distribution, distribution, formatMicroseconds, nextTurn, printTable } from "../measure.js";

const WARM_UP = 2_000;

/** As a store that writes a file: it makes JSON, and the event loop turns while the disk is at work. */
class BareStore {
  text = "";

  async write(_record: string, value: unknown): Promise<void> {
    this.text = JSON.stringify(value);
    await nextTurn();
  }
}

class MirroredStore {
  text = "";

  @RedisMirrored((record: string, value: unknown) => ({ record, value }))
  async write(_record: string, value: unknown): Promise<void> {
    this.text = JSON.stringify(value);
    await nextTurn();
  }
}

/** Each makes the next value that is saved. */
const CASES = [
  { title: "50 × 530 B", record: "taskHistory", makeValues: sameHistoryChanged },
  { title: "200 B", record: "customInstructions", makeValues: () => smallValue },
] as const;

/** How long saves take, µs. */
interface SaveTimes {
  /** Until the method has returned. */
  readonly returned: Distribution;
  /** The time of the processor in that, of all threads: what is left when the machine gives its cores to others. */
  readonly processor: Distribution;
  /** Until what it returned has settled. */
  readonly settled: Distribution;
}

class Stopwatch {
  readonly #returned: Float64Array;
  readonly #processor: Float64Array;
  readonly #settled: Float64Array;

  constructor(saves: number) {
    this.#returned = new Float64Array(saves);
    this.#processor = new Float64Array(saves);
    this.#settled = new Float64Array(saves);
  }

  /** What comes before number 0 is not written down. */
  async time(save: number, work: () => Promise<void>): Promise<void> {
    const before = process.cpuUsage();
    const begin = performance.now();
    const working = work();
    const returned = performance.now();
    const { user, system } = process.cpuUsage(before);
    await working;
    this.#settled[save] = (performance.now() - begin) * 1_000;
    this.#returned[save] = (returned - begin) * 1_000;
    this.#processor[save] = user + system;
  }

  get times(): SaveTimes {
    return {
      returned: distribution(this.#returned),
      processor: distribution(this.#processor),
      settled: distribution(this.#settled),
    };
  }
}

/** Saves bare and decorated in turn, so that what disturbs the machine disturbs both, while the fault begins and lasts. */
async function measureSaves(
  fault: Fault | undefined,
  { record, makeValues }: (typeof CASES)[number],
  saves: number,
): Promise<{ bare: SaveTimes; decorated: SaveTimes }> {
  const bed = await TestBed.open({ isAbsent: fault?.isAtStart });
  const mirror = installMirror({ ...bed.mirrorOptions, enabled: fault !== undefined });
  const [bareStore, mirroredStore] = [new BareStore(), new MirroredStore()];
  const [bare, decorated] = [new Stopwatch(saves), new Stopwatch(saves)];
  const valueOf = makeValues();
  let orders: Promise<unknown> = Promise.resolve();
  try {
    for (let save = -WARM_UP; save < saves; save++) {
      const value = valueOf(save);
      const turns = [
        () => bare.time(save, () => bareStore.write(record, value)),
        () => decorated.time(save, () => mirroredStore.write(record, value)),
      ];
      for (const turn of save % 2 === 0 ? turns : turns.reverse()) await turn();
      if (fault !== undefined && strikesAt(fault, save, saves)) orders = orders.then(() => fault.begin(bed));
    }
    await orders;
    await fault?.end(bed);
  } finally {
    await mirror.close();
    await bed.close();
  }
  return { bare: bare.times, decorated: decorated.times };
}

/** Among the saves, not before them; what is over in a moment strikes again and again. */
function strikesAt(fault: Fault, save: number, saves: number): boolean {
  const tenth = Math.ceil(saves / 10);
  return fault.isMomentary ? save > 0 && save % tenth === 0 : save === tenth;
}

/** As a host that appends to its history and saves it anew. */
function sameHistoryChanged(): (save: number) => unknown {
  const items = history(0);
  return (save) => {
    items[0]!["ts"] = 1_760_000_000_000 + save;
    return items;
  };
}

export async function printWorstSaves(saves: number): Promise<void> {
  for (const saved of CASES) {
    const rows: string[][] = [];
    for (const fault of [undefined, HEALTHY, ...FAULTS]) {
      const { bare, decorated } = await measureSaves(fault, saved, saves);
      const figures = [
        bare.returned,
        decorated.returned,
        bare.processor,
        decorated.processor,
        bare.settled,
        decorated.settled,
      ].map(({ p999, max }) => `${formatMicroseconds(p999)} / ${formatMicroseconds(max)}`);
      rows.push([fault?.name ?? "the mirror is off", ...figures]);
    }
    printTable(
      `${saves} saves of ${saved.title} by a method that makes JSON and awaits a turn of the event loop, p99.9 / worst`,
      ["Redis", ...["returned", "processor", "settled"].flatMap((until) => [`${until}: bare`, "decorated"])],
      rows,
    );
  }
}
