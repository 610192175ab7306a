// What a caller notices of the faults of Redis: `node main.js [--calls N]`. Exit status 1 if it is more than was promised.
import { parseArgs } from "node:util";
import { printDifferential } from "./print-differential.js";

const { values } = parseArgs({ options: { calls: { type: "string" } } });

process.exitCode = (await printDifferential(Number(values.calls ?? 1_000_000))) ? 0 : 1;
