import { strike, type StruckHost } from "../../test/faults/strike.js";
import { type Fault, FAULTS, HEALTHY } from "../../test/support/faults.js";
import { printTable } from "../measure.js";

/** What is promised, and what a busy machine may add before it lets a timer's turn come. */
export const BOUNDS = { getMs: 500, closeMs: 800, schedulingMs: 200 };

/** So many at a time: each is a process, and waits more than it works. */
const HOSTS_AT_ONCE = 3;

/** Lets each fault strike a host of its own, some at the same time. */
export async function strikeAll(
  asked: { gets: number; closes: number },
  hostsAtOnce = HOSTS_AT_ONCE,
): Promise<readonly { fault: Fault; host: StruckHost }[]> {
  const faults = [HEALTHY, ...FAULTS];
  const hosts: StruckHost[] = [];
  let next = 0;
  const work = async () => {
    while (next < faults.length) {
      const index = next++;
      hosts[index] = await strike(faults[index]!, asked);
    }
  };
  await Promise.all(Array.from({ length: hostsAtOnce }, work));
  return faults.map((fault, index) => ({ fault, host: hosts[index]! }));
}

/** The answer is whether all promises were kept. */
export async function printBounds(asked: { gets: number; closes: number }): Promise<boolean> {
  const struck = await strikeAll(asked);
  const worst = (times: readonly number[]) => Math.max(...times);
  const format = (milliseconds: number) => `${milliseconds.toFixed(0)} ms`;
  printTable(
    `Worst of ${asked.gets} get and of ${asked.closes} close, of hosts at work when the fault strikes`,
    ["Redis", "get", "promised", "close", "promised", "flushed", "handles left", "process ends"],
    struck.map(({ fault, host }) => [
      fault.name,
      format(worst(host.getMs)),
      `≤ ${BOUNDS.getMs} ms`,
      format(worst(host.closeMs)),
      `≤ ${BOUNDS.closeMs} ms`,
      `${host.flushed.filter(Boolean).length} of ${asked.closes}`,
      [...host.left, ...Array.from({ length: host.connectionsLeft }, () => "connection")].join(", ") || "none",
      host.exitCode === 0 ? "yes" : `no (${host.exitCode})`,
    ]),
  );
  const first = struck.map(({ host }) => host.firstGetMs).toSorted((a, b) => a - b);
  console.log(
    `\n  The first get of each process, before the fault, which loads the Redis client: median ` +
      `${format(first[first.length >> 1]!)}, worst ${format(first.at(-1)!)}.`,
  );
  console.log(`  What is promised is so but for scheduling; up to ${BOUNDS.schedulingMs} ms count as that.`);
  return struck.every(({ host }) => keepsPromises(host));
}

function keepsPromises({ getMs, closeMs, left, connectionsLeft, exitCode }: StruckHost): boolean {
  const { getMs: get, closeMs: close, schedulingMs } = BOUNDS;
  return (
    Math.max(...getMs) <= get + schedulingMs &&
    Math.max(...closeMs) < close + schedulingMs &&
    left.length + connectionsLeft === 0 &&
    exitCode === 0
  );
}
