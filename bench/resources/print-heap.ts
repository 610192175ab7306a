import { FIFTY_KEYS, measureHeapGrowth } from "../heap.js";
import { formatMebibytes, printTable } from "../measure.js";

const MAX_GROWTH_BYTES = 5_000_000;

export async function printHeap(saves: number): Promise<string[]> {
  const begin = performance.now();
  const growth = await measureHeapGrowth({ saves, ...FIFTY_KEYS });
  const seconds = (performance.now() - begin) / 1_000;
  printTable(
    "Heap after saving into a black hole, 25 users with a history and instructions each",
    ["saves", "keys", "growth", "promised", "seconds"],
    [[String(saves), "50", formatMebibytes(growth), "< 5 MB", seconds.toFixed(0)]],
  );
  return growth < MAX_GROWTH_BYTES
    ? []
    : [`${saves} saves into a black hole: the heap grew by ${formatMebibytes(growth)}`];
}
