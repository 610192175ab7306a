import type { MirrorState, MirrorStatus } from "./mirror-events.js";

/** How the engine finds Redis, why, and since when. */
export class Health {
  readonly #onChange: () => void;
  #current: Pick<MirrorStatus, "state" | "reason" | "since"> = { state: "connecting", since: new Date() };

  /** @param onChange The state is another one; a new reason alone is not told. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get current(): Pick<MirrorStatus, "state" | "reason" | "since"> {
    return this.#current;
  }

  get state(): MirrorState {
    return this.#current.state;
  }

  get reason(): string | undefined {
    return this.#current.reason;
  }

  /** @param reason Why, in a sentence. */
  set(state: MirrorState, reason?: string): void {
    const isChange = this.state !== state;
    const since = isChange ? new Date() : this.#current.since;
    this.#current = { state, ...(reason !== undefined && { reason }), since };
    if (isChange) this.#onChange();
  }
}
