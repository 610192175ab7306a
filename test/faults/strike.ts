import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Fault } from "../support/faults.js";
import { TestBed } from "../support/test-bed.js";

const SCRIPT = fileURLToPath(new URL("./struck-process.js", import.meta.url));
/** How long a connection may take to end, and then the process. */
const END_DEADLINE_MS = 5_000;

/** What a host measures in itself. */
export interface Struck {
  /** How long the very first `get` took, before the fault: the Redis client is loaded with it. */
  firstGetMs: number;
  /** How long each `get` took. */
  readonly getMs: number[];
  readonly closeMs: number[];
  readonly flushed: boolean[];
  /** What keeps its process alive after the last `close`, as Node names it. */
  readonly left: string[];
}

export interface StruckHost extends Struck {
  /** Connections of its that do not end although the process lives on. */
  readonly connectionsLeft: number;
  /** `undefined`: it did not end by itself. */
  readonly exitCode: number | undefined;
}

/** Lets a fault strike a host that is at work, and has it ask for a value so many times, and close so many mirrors. */
export async function strike(fault: Fault, { gets, closes }: { gets: number; closes: number }): Promise<StruckHost> {
  const bed = await TestBed.open({ isAbsent: fault.isAtStart });
  const args = [bed.proxy.port, gets, closes].map(String);
  const host = fork(SCRIPT, fault.isAtStart ? [...args, "down"] : args);
  const exited = once(host, "exit") as Promise<[number | null]>;
  const told = async () => {
    const [message] = (await Promise.race([once(host, "message"), exited])) as [unknown];
    if (typeof message === "number" || message === null) throw new Error(`The host ended with ${message}`);
    return message;
  };
  try {
    await told();
    const report = told();
    await fault.begin(bed);
    host.send("struck");
    const struck = (await report) as Struck;
    const connectionsLeft = await untilNone(() => bed.proxy.connections);
    host.send("heard");
    const deadline = pause(END_DEADLINE_MS, [undefined], { ref: false });
    const [exitCode] = await Promise.race([exited, deadline]);
    return { ...struck, exitCode: exitCode ?? undefined, connectionsLeft };
  } finally {
    host.kill();
    await fault.end(bed);
    await bed.close();
  }
}

async function untilNone(count: () => number): Promise<number> {
  const endMs = performance.now() + END_DEADLINE_MS;
  while (count() > 0 && performance.now() < endMs) await pause(10);
  return count();
}
