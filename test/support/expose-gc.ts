import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** As `--expose-gc` does, for one test of a process that runs without it. */
export function exposeGc(): void {
  setFlagsFromString("--expose-gc");
  globalThis.gc ??= runInNewContext("gc") as typeof globalThis.gc;
}
