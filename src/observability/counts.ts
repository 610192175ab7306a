import type { Attributes } from "@opentelemetry/api";
import type { CounterName } from "./instruments.js";

interface Count {
  readonly attributes: Attributes;
  value: number;
}

/**
 * Counts what happens within a save, for somebody who asks later: no foreign code, which may be slow, and may throw, runs
 * in the host's call. As many entries as there are records and reasons.
 */
export class Counts {
  readonly #counts = new Map<CounterName, Map<string, Count>>();

  /** @param key Tells the attributes apart. */
  add(counter: CounterName, key: string, toAttributes: () => Attributes, value = 1): void {
    let counts = this.#counts.get(counter);
    if (counts === undefined) this.#counts.set(counter, (counts = new Map<string, Count>()));
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { attributes: toAttributes(), value });
    else known.value += value;
  }

  /** What was counted since the last time. */
  handOver(take: (counter: CounterName, value: number, attributes: Attributes) => void): void {
    for (const [counter, counts] of this.#counts)
      for (const count of counts.values()) {
        const { value } = count;
        count.value = 0;
        if (value > 0) take(counter, value, count.attributes);
      }
  }
}
