import { type Channel, channel, type TracingChannel, tracingChannel } from "node:diagnostics_channel";
import type { BatchOutcome, MirrorEvents, RestoreOutcome } from "../sync/mirror-events.js";
import { codeOfRestore } from "./attributes.js";
import { type Listeners, listenTo, type ObservedMirror } from "./observed-mirror.js";

/**
 * The messages of the tracing channels `tracing:redis-mirrored.batch:*` and `tracing:redis-mirrored.restore:*`. One object
 * goes from `start` to `asyncEnd`, and gets its `result` on the way.
 */
interface BatchMessage {
  readonly keys: number;
  result?: BatchOutcome;
}

interface RestoreMessage {
  readonly record: string;
  result?: { outcome: RestoreOutcome; durationMs: number };
}

/** What a failed batch or restore rejects with there: what it is called, and no more. */
class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: string;

  constructor(code: string) {
    super(`Expected it to succeed, got ${code}`);
    this.code = code;
  }
}

const batches = tracingChannel<unknown, BatchMessage>("redis-mirrored.batch");
const restores = tracingChannel<unknown, RestoreMessage>("redis-mirrored.restore");

/** The events that are messages of `redis-mirrored:<event>`, and what of them: whose records they are is nobody's business there. */
const MESSAGES: { readonly [Event in keyof MirrorEvents]?: (...args: MirrorEvents[Event]) => object } = {
  saved: ({ record }) => ({ record }),
  status: ({ state, reason, pending, pendingBytes, breaker }) => ({ state, reason, pending, pendingBytes, breaker }),
  failed: ({ code, reason, keys }) => ({ code, reason, keys }),
  dropped: ({ record, reason, detail }) => ({ record, reason, detail }),
  held: ({ record, reason }) => ({ record, reason }),
  unreadable: ({ record, detail, items }) => ({ record, detail, items }),
  breaker: ({ from, to, reason }) => ({ from, to, reason }),
  skew: ({ writer, aheadMs }) => ({ writer, aheadMs }),
  remoteChange: ({ record }) => ({ record }),
  unheard: ({ reason }) => ({ reason }),
};

const CHANNELS = new Map(Object.keys(MESSAGES).map((event) => [event, channel(`redis-mirrored:${event}`)]));

/** Publishes what the mirror tells to `node:diagnostics_channel`, where somebody has subscribed. The answer ends that. */
export function publishToChannels(mirror: ObservedMirror): () => void {
  const listeners = Object.fromEntries(
    Object.entries(MESSAGES).map(([event, toMessage]) => [
      event,
      publisher(CHANNELS.get(event)!, toMessage as (...args: unknown[]) => object),
    ]),
  ) as Listeners;
  return listenTo(mirror, { ...listeners, ...traceBatches(), ...traceRestores() });
}

function publisher(to: Channel, toMessage: (...args: unknown[]) => object) {
  return (...args: unknown[]): void => {
    if (to.hasSubscribers) to.publish(toMessage(...args));
  };
}

function traceBatches(): Listeners {
  const ends = new WeakMap<object, (outcome: BatchOutcome) => void>();
  return {
    batchStarted: (batch) => {
      if (!hasSubscribers(batches)) return;
      trace(batches, { keys: batch.keys }, (end) => ends.set(batch, (outcome) => end(outcome, outcome.code)));
    },
    batchEnded: (batch, outcome) => ends.get(batch)?.(outcome),
  };
}

function traceRestores(): Listeners {
  const ends = new WeakMap<object, (end: NonNullable<RestoreMessage["result"]>) => void>();
  return {
    restoreStarted: (restore) => {
      if (!hasSubscribers(restores)) return;
      trace(restores, { record: restore.record }, (end) =>
        ends.set(restore, (result) => end(result, codeOfRestore(result.outcome))),
      );
    },
    restoreEnded: (restore, end) => ends.get(restore)?.(end),
  };
}

/** Not every Node that this runs on says that of the five together. */
function hasSubscribers<Message extends object>(tracing: TracingChannel<unknown, Message>): boolean {
  const { start, end, asyncStart, asyncEnd, error } = tracing;
  return [start, end, asyncStart, asyncEnd, error].some((each) => each.hasSubscribers);
}

/** Node's own course of a promise: `start`, `end`, then, when it is over, `error` if it failed, `asyncStart` and `asyncEnd`. */
function trace<Result, Message extends { result?: Result }>(
  tracing: TracingChannel<unknown, Message>,
  message: Message,
  takeEnd: (end: (result: Result, code: string | undefined) => void) => void,
): void {
  const work = () =>
    new Promise<Result>((resolve, reject) =>
      takeEnd((result, code) => {
        if (code === undefined) return resolve(result);
        message.result = result;
        reject(new OperationError(code));
      }),
    );
  tracing.tracePromise(work, message).catch(() => {});
}
