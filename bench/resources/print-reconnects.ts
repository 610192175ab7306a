import { formatMebibytes, printTable } from "../measure.js";
import { type HoldingsOnServer, measureReconnects, type Reconnects } from "./reconnects.js";

/** Code that is compiled meanwhile takes up to 1 MiB, after 2,000 cuts as after 25,000. A client that is kept takes 8 KiB. */
export const FLAT_BYTES = 2 * 2 ** 20;

export const COUNTS = {
  sockets: "sockets, listening ones included",
  connectionsOnServer: "connections on the server",
  activeResources: "active resources",
  timers: "timers",
  emitters: "event emitters",
  processListeners: "listeners of the process",
  functions: "functions, listeners among them",
  promises: "promises",
} as const satisfies Partial<Record<keyof HoldingsOnServer, string>>;

const COUNT_NAMES = Object.keys(COUNTS) as (keyof typeof COUNTS)[];

/** What there is more of than before. */
export function leftBehind({ before, after, connectionsAfterClose }: Reconnects): string[] {
  const more = COUNT_NAMES.filter((name) => after[name] > before[name]);
  return [
    ...more.map((name) => `${COUNTS[name]}: ${before[name]} before, ${after[name]} after`),
    ...(after.heapBytes - before.heapBytes > FLAT_BYTES
      ? [`heap: ${formatMebibytes(after.heapBytes - before.heapBytes)} more than before`]
      : []),
    ...(connectionsAfterClose > 0 ? [`connections on the server: ${connectionsAfterClose} after close`] : []),
  ];
}

export async function printReconnects(cuts: number): Promise<string[]> {
  const broken: string[] = [];
  for (const name of ["mirror", "gateway alone"] as const) {
    const result = await measureReconnects(name, cuts);
    const { before, after, connections, connectionsAfterClose, seconds } = result;
    printTable(
      `The ${name}: ${cuts} cuts, ${connections} new connections, in ${seconds.toFixed(0)} s`,
      ["", "before", "after", "promised"],
      [
        ...COUNT_NAMES.map((count) => [COUNTS[count], String(before[count]), String(after[count]), "no more"]),
        ["heap", formatMebibytes(before.heapBytes), formatMebibytes(after.heapBytes), "+ 2 MiB at most"],
        ["connections on the server after close", "", String(connectionsAfterClose), "0"],
      ],
    );
    broken.push(...leftBehind(result).map((problem) => `${cuts} reconnects of the ${name}: ${problem}`));
  }
  return broken;
}
