import { execFileSync } from "node:child_process";
import { printTable } from "./measure.js";

// The library as it is installed, and the extension as VS Code loads it; each in a process of its own, as it happens once.
const SCRIPT = `
const { installMirror } = await import("redis-mirrored");
const begin = performance.now();
const mirror = installMirror({ userId: "bench", env: {} });
const elapsedMs = performance.now() - begin;
const { createRequire } = await import("node:module");
const isClientLoaded = Object.keys(createRequire(process.cwd() + "/package.json").cache).some((file) => file.includes("@redis"));
console.log(JSON.stringify({ elapsedMs, isClientLoaded, state: mirror.status.state }));
`;

export function printInstallTime(processes: number): void {
  const runs = Array.from({ length: processes }, () => {
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", SCRIPT], { encoding: "utf8" });
    return JSON.parse(output) as { elapsedMs: number; isClientLoaded: boolean };
  });
  const times = runs.map(({ elapsedMs }) => elapsedMs).toSorted((a, b) => a - b);
  const format = (milliseconds: number) => `${milliseconds.toFixed(2)} ms`;
  printTable(
    `installMirror(), the first call of each of ${processes} processes`,
    ["median", "worst", "Redis client loaded"],
    [
      [
        format(times[times.length >> 1]!),
        format(times.at(-1)!),
        runs.some(({ isClientLoaded }) => isClientLoaded) ? "yes" : "no",
      ],
    ],
  );
}
