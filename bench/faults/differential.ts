import { setTimeout as pause } from "node:timers/promises";
import type { Mirror } from "redis-mirrored";
import { DIALECTS } from "../../test/aspect/dialects.js";
import { areIndistinguishable, callMethod, type MethodName, observe } from "../../test/aspect/observation.js";
import { type Fault, FAULTS, HEALTHY } from "../../test/support/faults.js";
import { TestBed } from "../../test/support/test-bed.js";
import { until } from "../../test/support/until.js";
import { nextTurn } from "../measure.js";
import { CallPool, scriptOf, type TwinCall } from "./calls.js";
import { Course } from "./course.js";
import { UnhandledRejections } from "./unhandled-rejections.js";

/** What came of the calls that were made to both twins under one fault. */
export interface Counts {
  calls: number;
  /** Calls that a caller could tell apart. */
  differences: number;
  /** Calls of either twin whose body did not run exactly once. */
  notOnce: number;
  /** Calls whose rejection was ignored, of both twins alike. */
  ignored: number;
  /** Of these, those that did not surface exactly once from each twin; and whatever else surfaced. */
  surfacedWrongly: number;
  /** What the mirror did meanwhile: a fault that makes nothing fail would prove nothing. */
  batches: number;
  failedAttempts: number;
}

export interface Tally {
  readonly fault: Fault;
  readonly counts: Counts;
  /** The first few that went wrong. */
  readonly examples: readonly string[];
}

export interface DifferentialOptions {
  /** Over all faults. */
  readonly calls: number;
  /** How long each fault is at least played for, healthy time before and after it included, ms. */
  readonly phaseMs: number;
  /** Makes and installs the mirror of one phase. */
  readonly installMirror: (bed: TestBed) => Mirror;
}

const USERS = ["alice", "bob", undefined, "carol", "dave", "alice"];
/** So many calls in a turn of the event loop; batches go out and answers come in between. */
const CALLS_A_TURN = 50;
/** One in so many calls is made once more to each twin, and its rejection ignored. */
const CALLS_AN_IGNORED = 20;
const REJECTING: readonly MethodName[] = [
  "sync",
  "async",
  "generic",
  "inherited",
  "callHidden",
  "callSymbol",
  "static",
];

export interface Differential {
  readonly tallies: readonly Tally[];
  /** Values that are no longer what they were: nobody but the host may touch them. */
  readonly changedValues: number;
}

/** Makes each call to a bare method and to its decorated twin, while Redis goes through all faults in turn. */
export async function playDifferential(options: DifferentialOptions): Promise<Differential> {
  const pool = new CallPool();
  using unhandled = new UnhandledRejections();
  const faults = [HEALTHY, ...FAULTS];
  const tallies: Tally[] = [];
  for (const [index, fault] of faults.entries()) {
    const from = Math.floor((options.calls * index) / faults.length);
    const to = Math.floor((options.calls * (index + 1)) / faults.length);
    tallies.push(await new Phase(fault, pool, unhandled).play(from, to, options));
  }
  return { tallies, changedValues: pool.countChanged() };
}

/** The calls under one fault, with a server and a mirror of their own. */
class Phase {
  readonly #fault: Fault;
  readonly #pool: CallPool;
  readonly #unhandled: UnhandledRejections;
  readonly #examples: string[] = [];
  readonly #counts: Counts = {
    calls: 0,
    differences: 0,
    notOnce: 0,
    ignored: 0,
    surfacedWrongly: 0,
    batches: 0,
    failedAttempts: 0,
  };
  #wasFelt = false;
  #ignored: { readonly bare: Error; readonly decorated: Error }[] = [];

  constructor(fault: Fault, pool: CallPool, unhandled: UnhandledRejections) {
    this.#fault = fault;
    this.#pool = pool;
    this.#unhandled = unhandled;
  }

  async play(from: number, to: number, { phaseMs, installMirror }: DifferentialOptions): Promise<Tally> {
    const bed = await TestBed.open({ isAbsent: this.#fault.isAtStart });
    const mirror = installMirror(bed);
    mirror.on("flushed", () => this.#counts.batches++);
    mirror.on("failed", () => this.#counts.failedAttempts++);
    const course = new Course(this.#fault, bed, mirror);
    try {
      const begin = performance.now();
      for (let index = from; index < to;) {
        mirror.setUser(USERS[Math.floor(index / CALLS_A_TURN) % USERS.length]);
        const turnEnd = Math.min(to, index + CALLS_A_TURN);
        for (; index < turnEnd; index++) await this.#callTwins(index);
        await this.#settleIgnored();
        const share = (index - from) / (to - from);
        course.advanceTo(share);
        if (share >= 0.4) await course.settled();
        if (share >= 0.75) await this.#felt();
        const aheadMs = share * phaseMs - (performance.now() - begin);
        if (aheadMs >= 1) await pause(aheadMs);
      }
      await course.end();
    } finally {
      await mirror.close();
      await bed.close();
    }
    await this.#settleIgnored();
    for (const reason of this.#unhandled.takeRest()) this.#note("surfacedWrongly", `surfaced: ${String(reason)}`);
    return { fault: this.#fault, counts: this.#counts, examples: this.#examples };
  }

  /** Until the mirror has met with the fault, where it is one to meet with; what waits is being sent. */
  async #felt(): Promise<void> {
    const { kind, isMomentary } = this.#fault;
    if (kind === "none" || isMomentary || this.#wasFelt) return;
    this.#wasFelt = true;
    await until("an attempt fails", async () => this.#counts.failedAttempts > 0).catch(() => {});
  }

  async #callTwins(index: number): Promise<void> {
    const call = this.#pool.callAt(index);
    const { bare, decorated } = ownersOf(call);
    const expected = await observe(bare, call.method, scriptOf(call), call.args);
    const observed = await observe(decorated, call.method, scriptOf(call), call.args);
    this.#counts.calls++;
    if (!areIndistinguishable(expected, observed)) this.#note("differences", describe(call));
    if (expected.seen.length !== 1 || observed.seen.length !== 1) this.#note("notOnce", describe(call));
    if (index % CALLS_AN_IGNORED === 0) this.#ignoreRejections(index);
  }

  #ignoreRejections(index: number): void {
    const number = index / CALLS_AN_IGNORED;
    const method = REJECTING[number % REJECTING.length]!;
    const { args } = this.#pool.callAt(index);
    const owners = ownersOf({ dialect: number % DIALECTS.length, method });
    const errors = { bare: new Error("of the bare twin"), decorated: new Error("of the decorated twin") };
    for (const twin of ["bare", "decorated"] as const)
      callMethod(owners[twin], method, scriptOf({ ending: "rejects", value: errors[twin] }), args);
    this.#ignored.push(errors);
    this.#counts.ignored++;
  }

  /** An ignored rejection surfaces when the turn ends in which it happened. */
  async #settleIgnored(): Promise<void> {
    await nextTurn();
    for (const { bare, decorated } of this.#ignored) {
      const times = [this.#unhandled.take(bare), this.#unhandled.take(decorated)];
      if (times.join() !== "1,1") this.#note("surfacedWrongly", `surfaced ${times.join(" and ")} times, not once each`);
    }
    this.#ignored = [];
  }

  #note(count: "differences" | "notOnce" | "surfacedWrongly", example: string): void {
    this.#counts[count]++;
    if (this.#examples.length < 5) this.#examples.push(example);
  }
}

function ownersOf({ dialect, method }: Pick<TwinCall, "dialect" | "method">): { bare: object; decorated: object } {
  const { Bare, Decorated } = DIALECTS[dialect]![1];
  return method === "static" ? { bare: Bare, decorated: Decorated } : { bare: new Bare(), decorated: new Decorated() };
}

function describe({ dialect, method, ending }: TwinCall): string {
  return `${method}, ${ending}, ${DIALECTS[dialect]![0]}`;
}
