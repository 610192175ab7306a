import { EventEmitter } from "node:events";
import { queryObjects } from "node:v8";
import { liveBytes, nextTurn } from "../measure.js";

/** What the process holds at one moment, after a collection. */
export interface Holdings {
  /** TCP sockets of libuv, those included that do not hold the process, and listening ones. */
  readonly sockets: number;
  /** What holds the process: `process.getActiveResourcesInfo()`. */
  readonly activeResources: number;
  /** Timers, those included that do not hold the process. */
  readonly timers: number;
  /** Everything that can have listeners. */
  readonly emitters: number;
  /** Listeners are functions; so are callbacks, and the methods of what was made anew. */
  readonly functions: number;
  readonly processListeners: number;
  readonly promises: number;
  readonly heapBytes: number;
}

const holder = setTimeout(() => {}, 0);
clearTimeout(holder);
const Timeout = holder.constructor;

/** Counts it. What is about to be let go of gets a few turns for that. */
export async function countHoldings(): Promise<Holdings> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  const heapBytes = liveBytes();
  return {
    sockets: countSockets(),
    activeResources: process.getActiveResourcesInfo().length,
    timers: countObjects(Timeout),
    emitters: countObjects(EventEmitter),
    functions: countObjects(Function),
    processListeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    promises: countObjects(Promise),
    heapBytes,
  };
}

/** All that the heap holds of a class, reachable from wherever. */
function countObjects(constructor: Function): number {
  const { emitWarning } = process;
  // It warns once that it is experimental; that is for whoever ships it.
  process.emitWarning = () => {};
  try {
    return queryObjects(constructor, { format: "count" });
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Active resources leave out what does not hold the process, which all of the mirror's sockets are. */
function countSockets(): number {
  const { libuv } = process.report.getReport() as unknown as { libuv: { type: string }[] };
  return libuv.filter(({ type }) => type === "tcp").length;
}
