import type { Mirror } from "redis-mirrored";
import type { Fault } from "../../test/support/faults.js";
import type { TestBed } from "../../test/support/test-bed.js";

/** What happens to Redis, and to the mirror, while the calls are made. */
export class Course {
  readonly #steps: (readonly [atShare: number, step: () => unknown])[];
  #orders: Promise<unknown> = Promise.resolve();

  constructor(fault: Fault, bed: TestBed, mirror: Mirror) {
    const begin = () => this.#order(() => fault.begin(bed));
    const again = fault.isMomentary ? [0.3, 0.5, 0.7] : [];
    this.#steps = [
      ...[0.1, ...again].map((share) => [share, begin] as const),
      [0.8, () => mirror.disable()],
      [0.82, () => mirror.enable()],
      [0.9, () => this.#order(() => fault.end(bed))],
    ];
  }

  /** Returns at once: the calls go on while the server does as it is told. */
  advanceTo(share: number): void {
    while (this.#steps[0] !== undefined && this.#steps[0][0] <= share) void this.#steps.shift()![1]();
  }

  /** Until the server has done what it was told so far: on a busy machine that takes longer than all of the calls. */
  async settled(): Promise<void> {
    await this.#orders;
  }

  async end(): Promise<void> {
    this.advanceTo(1);
    await this.settled();
  }

  #order(work: () => unknown): void {
    this.#orders = this.#orders.then(work);
    // `end` tells of it.
    this.#orders.catch(() => {});
  }
}
