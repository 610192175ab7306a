import type { Logger, Mirror } from "redis-mirrored";
import type { Evidence } from "./evidence.js";

/** Checked against what the mirror declares: one that is added there has to be added here. */
const EVENTS: { readonly [Event in Parameters<Mirror["on"]>[0]]: true } = {
  status: true,
  saved: true,
  batchStarted: true,
  batchEnded: true,
  flushed: true,
  failed: true,
  dropped: true,
  held: true,
  restoreStarted: true,
  restoreEnded: true,
  restored: true,
  unreadable: true,
  breaker: true,
  skew: true,
  remoteChange: true,
  unheard: true,
  user: true,
  closed: true,
};

/** All that a mirror tells: lines of its log, events, what its calls throw. */
export class Told {
  readonly #evidence: Evidence;
  readonly #when: string;

  constructor(evidence: Evidence, when: string) {
    this.#evidence = evidence;
    this.#when = when;
  }

  get logger(): Required<Logger> {
    const logging = (level: string) => (message: string) => this.#evidence.add(`${this.#when}: log, ${level}`, message);
    return { info: logging("info"), warn: logging("warn"), debug: logging("debug") };
  }

  listenTo(mirror: Mirror): void {
    for (const event of Object.keys(EVENTS) as (keyof typeof EVENTS)[])
      mirror.on(event, (...args: unknown[]) => {
        for (const arg of args) this.thing(`event ${event}`, arg);
      });
  }

  thing(name: string, thing: unknown): void {
    this.#evidence.addThing(`${this.#when}: ${name}`, thing);
  }

  /** What comes of it is the host's; what it throws is not. */
  async throwing(name: string, work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.thing(`${name} throws`, error);
    }
  }
}
