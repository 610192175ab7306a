import { printHeapGrowth } from "./heap.js";
import { printInstallTime } from "./install.js";
import { printSaveCost } from "./save-cost.js";
import { printWireCost } from "./wire-cost.js";

console.log(
  `redis-mirrored, Node ${process.versions.node}. Medians of calls made in turn; a loaded machine shows in p99 and worst.`,
);
printInstallTime(21);
await printSaveCost(5_000);
await printWireCost();
await printHeapGrowth();
