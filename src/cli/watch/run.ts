import { Failure } from "../failure.js";
import { settingsInForce, userInForce } from "../in-force.js";
import { InterruptedError } from "../interruption.js";
import { toJson } from "../json.js";
import { noticePlaintext, noticeWarnings } from "../plaintext-notice.js";
import { printable } from "../printable.js";
import { nameOfInstance, shownId } from "../table.js";
import { terminalWidth } from "../terminal.js";
import { describeSpan } from "../times.js";
import { wrap } from "../wrap.js";
import { UserWatch, type WatchEvent } from "./user-watch.js";

/** Columns that a time takes, and what is between it and the rest. */
const TIME_WIDTH = 10;

const MAX_DELAY_MS = 2 ** 31 - 1;

export interface WatchOptions {
  /** Seconds. */
  readonly interval: number;
  /** Seconds; `undefined`: for ever. */
  readonly for?: number;
  readonly json: boolean;
}

/** The answer is the exit status, once somebody ends it. @throws Failure @throws InterruptedError before Redis has answered. */
export async function watch(options: WatchOptions, user: string | undefined): Promise<number> {
  const userId = userInForce(user);
  const settings = settingsInForce();
  const warn = noticePlaintext(settings.address);
  const shown = options.json ? toLine : toText;
  const watching = new UserWatch({
    settings,
    userId,
    intervalMs: options.interval * 1_000,
    onEvent: (event) => {
      if (event.kind === "connected") noticeWarnings(event.warnings, warn);
      console.log(shown(event, userId, new Date()));
    },
  });
  const stop = () => watching.stop();
  let tooEarly: Error | undefined;
  const stopFor = (reason: Error) => () => {
    if (!watching.hasLooked) tooEarly = reason;
    stop();
  };
  const interrupt = stopFor(new InterruptedError("Ended by Ctrl-C, before Redis had answered."));
  const expire = stopFor(new Failure("CONNECTION_LOST", `Redis did not answer within the ${options.for} s of --for.`));
  // Whoever reads it may have read enough.
  process.stdout.once("error", stop);
  process.once("SIGINT", interrupt);
  const end = options.for === undefined ? undefined : setTimeout(expire, Math.min(options.for * 1_000, MAX_DELAY_MS));
  // Nothing else does, while it listens: the sockets of a gateway do not hold a process.
  const holding = setInterval(() => {}, 60_000);
  try {
    await watching.run();
    if (tooEarly !== undefined) throw tooEarly;
    return 0;
  } finally {
    clearTimeout(end);
    clearInterval(holding);
    process.off("SIGINT", interrupt);
    process.stdout.off("error", stop);
  }
}

/** A JSON line. Each member of a record is in each of its events; `null` stands for what is unknown. */
function toLine(event: WatchEvent, userId: string, at: Date): string {
  const { kind } = event;
  if (!("survey" in event)) return toJson({ at, event: kind, ...("reason" in event && { reason: event.reason }) }, 0);
  const { record, instanceId, version, savedAt, writer, bytes, ttlSeconds, isEncrypted, items, kept } = event.survey;
  const found = { userId, record, instanceId, version, savedAt, writer, bytes, ttlSeconds, isEncrypted };
  return toJson({ at, event: kind, ...found, items: items?.length, kept }, 0);
}

function toText(event: WatchEvent, _userId: string, at: Date): string {
  return wrap(describe(event, at), terminalWidth(), TIME_WIDTH).join("\n");
}

function describe(event: WatchEvent, at: Date): string {
  const time = at.toTimeString().slice(0, 8);
  switch (event.kind) {
    case "connected":
      return `${time}  connected`;
    case "disconnected":
      return `${time}  disconnected: ${printable(event.reason)} Trying again.`;
    case "unheard":
      return `${time}  cannot listen: ${printable(event.reason)} Looking from time to time.`;
    default: {
      const { record, instanceId, version, writer, bytes, savedAt } = event.survey;
      const by = writer === undefined ? "by somebody else" : `by ${shownId(writer)}`;
      const age =
        savedAt === undefined ? "age unknown" : `${describeSpan(Math.max(0, at.getTime() - savedAt.getTime()))} ago`;
      const what = event.kind === "there" || event.kind === "saved" ? `${bytes} B` : "no value";
      const where = `${record.padEnd(18)}  ${nameOfInstance(instanceId).padEnd(10)}`;
      return `${time}  ${event.kind.padEnd(7)}  ${where}  ${what.padStart(9)}  ${by}, ${age}  ${version === undefined ? "no version" : shownId(version)}`;
    }
  }
}
