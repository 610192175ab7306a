import type { Clock } from "./clock.js";
import type { RecordId } from "./keys.js";
import type { MirrorEmitter, RestoreOutcome } from "./mirror-events.js";
import type { FoundValue } from "./record-reader.js";

interface Ongoing {
  readonly id: RecordId;
  readonly startedMs: number;
}

/** Tells of each restore when it starts and when it is over, whoever ends it: the engine, or the one who adopts. */
export class Restores {
  readonly #events: MirrorEmitter;
  readonly #clock: Clock;
  /** By what was found: that is what is handed on until somebody adopts it. */
  readonly #ongoing = new WeakMap<FoundValue, Ongoing>();

  constructor(events: MirrorEmitter, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  start({ userId, record }: RecordId): Ongoing {
    // Of its own, so that two of one record can be told apart.
    const ongoing = { id: { userId, record }, startedMs: this.#clock.now() };
    this.#events.emit("restoreStarted", ongoing.id);
    return ongoing;
  }

  found(ongoing: Ongoing, found: FoundValue): void {
    this.#ongoing.set(found, ongoing);
  }

  end({ id, startedMs }: Ongoing, outcome: RestoreOutcome): void {
    this.#events.emit("restoreEnded", id, { outcome, durationMs: this.#clock.now() - startedMs });
  }

  /** Of what was found; the first end of it counts, and what nobody started has none. */
  endOf(found: FoundValue, outcome: RestoreOutcome): void {
    const ongoing = this.#ongoing.get(found);
    this.#ongoing.delete(found);
    if (ongoing !== undefined) this.end(ongoing, outcome);
  }
}
