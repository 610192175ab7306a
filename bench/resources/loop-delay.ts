import { type Distribution, distribution } from "../measure.js";

/** How often it looks, ms; Node's timers know no shorter one. */
const INTERVAL_MS = 1;

interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  /** How late a timer was that was due meanwhile. */
  readonly delayMs: number;
  /** Of that, what this process was computing. The rest went to others on the machine. */
  readonly busyMs: number;
}

/** How long the event loop keeps a due timer waiting. */
export class LoopDelayProbe {
  readonly #stretches: Stretch[] = [];
  readonly #marks: { readonly label: string; readonly atMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Looks until `stop`; may be started again, and goes on with the same samples. */
  start(): void {
    let lastMs = performance.now();
    let lastCpu = process.cpuUsage();
    const look = () => {
      const nowMs = performance.now();
      const { user, system } = process.cpuUsage(lastCpu);
      const delayMs = Math.max(0, nowMs - lastMs - INTERVAL_MS);
      this.#stretches.push({
        fromMs: lastMs,
        toMs: nowMs,
        delayMs,
        busyMs: Math.min(delayMs, (user + system) / 1_000),
      });
      lastMs = nowMs;
      lastCpu = process.cpuUsage();
      this.#timer = setTimeout(look, INTERVAL_MS);
    };
    this.#timer = setTimeout(look, INTERVAL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Says what is happening, to be found again in the longest stretch. */
  mark(label: string): void {
    this.#marks.push({ label, atMs: performance.now() });
  }

  get samples(): number {
    return this.#stretches.length;
  }

  get delays(): Distribution {
    return distribution(this.#stretches.map(({ delayMs }) => delayMs));
  }

  /** The same, and what others on the machine took is left out. */
  get busyDelays(): Distribution {
    return distribution(this.#stretches.map(({ busyMs }) => busyMs));
  }

  /** The stretches in which this process was computing longest, and what was marked in them. */
  longest(count: number): { readonly busyMs: number; readonly marks: readonly string[] }[] {
    const sorted = this.#stretches.toSorted((a, b) => b.busyMs - a.busyMs);
    return sorted.slice(0, count).map(({ fromMs, toMs, busyMs }) => {
      const inside = this.#marks.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
      return { busyMs, marks: [...new Set(inside.map(({ label }) => label))] };
    });
  }
}
