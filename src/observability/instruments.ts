import type { Attributes, BatchObservableCallback, Meter, MetricOptions } from "@opentelemetry/api";

/** Milliseconds to minutes, as the semantic conventions advise for clients of databases, and further. */
const SECONDS_BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** From the batch window to a night without Redis. */
const LAG_BOUNDARIES = [0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 28_800];

const KEYS_BOUNDARIES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];
const BYTES_BOUNDARIES = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

const buckets = (explicitBucketBoundaries: number[]): MetricOptions => ({ advice: { explicitBucketBoundaries } });

/** Name, unit and meaning of each counter. What is counted may be counted within a save: see `Counts`. */
const COUNTERS = {
  saves: ["redis_mirrored.saves", "{save}", "Saves taken by the mirror."],
  drops: ["redis_mirrored.drops", "{save}", "Saves that will not reach Redis."],
  conflicts: ["redis_mirrored.conflicts", "{conflict}", "Saves, or items, of two instances that met."],
  failures: ["redis_mirrored.failures", "{failure}", "Attempts to connect or to write that failed as a whole."],
  held: ["redis_mirrored.held", "{save}", "Refusals of a record by a Redis that takes others."],
  unreadable: ["redis_mirrored.unreadable", "{value}", "Mirrored values, or items, that count as absent."],
  transitions: ["redis_mirrored.breaker.transitions", "{transition}", "Transitions of the circuit breaker."],
} as const;

const HISTOGRAMS = {
  operation: ["db.client.operation.duration", "s", "Duration of database client operations.", SECONDS_BOUNDARIES],
  batch: ["redis_mirrored.batch.duration", "s", "Round trips that carry writes.", SECONDS_BOUNDARIES],
  batchKeys: ["redis_mirrored.batch.keys", "{key}", "Records that arrived with a batch.", KEYS_BOUNDARIES],
  batchBytes: [
    "redis_mirrored.batch.size",
    "By",
    "What arrived with a batch, as it went over the wire.",
    BYTES_BOUNDARIES,
  ],
  lag: ["redis_mirrored.lag", "s", "From a local save to its arrival in Redis.", LAG_BOUNDARIES],
  restore: [
    "redis_mirrored.restore.duration",
    "s",
    "Restores, from asking the mirror to the end of adopting.",
    SECONDS_BOUNDARIES,
  ],
} as const;

const GAUGES = {
  mirrors: ["redis_mirrored.mirror.count", "{mirror}", "Mirrors of this process, by state."],
  breakers: ["redis_mirrored.breaker.count", "{breaker}", "Circuit breakers of this process, by state."],
  pendingKeys: ["redis_mirrored.pending.keys", "{key}", "Records that wait to be written."],
  pendingBytes: ["redis_mirrored.pending.size", "By", "What waits to be written."],
} as const;

export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;
export type GaugeName = keyof typeof GAUGES;

/** What is read when metrics are collected. */
export interface Reading {
  readonly gauge: GaugeName;
  readonly value: number;
  readonly attributes?: Attributes;
}

/** The instruments of one meter. */
export class Instruments {
  readonly #meter: Meter;
  readonly #counters;
  readonly #histograms;
  readonly #gauges;
  readonly #collect: BatchObservableCallback;

  /** @param read Called at each collection, until `close`. */
  constructor(meter: Meter, read: () => readonly Reading[]) {
    this.#meter = meter;
    this.#counters = mapValues(COUNTERS, ([name, unit, description]) =>
      meter.createCounter(name, { unit, description }),
    );
    this.#histograms = mapValues(HISTOGRAMS, ([name, unit, description, boundaries]) =>
      meter.createHistogram(name, { unit, description, ...buckets([...boundaries]) }),
    );
    this.#gauges = mapValues(GAUGES, ([name, unit, description]) =>
      meter.createObservableUpDownCounter(name, { unit, description }),
    );
    this.#collect = (result) => {
      for (const { gauge, value, attributes } of read()) result.observe(this.#gauges[gauge], value, attributes);
    };
    meter.addBatchObservableCallback(this.#collect, Object.values(this.#gauges));
  }

  add(counter: CounterName, count: number, attributes: Attributes): void {
    this.#counters[counter].add(count, attributes);
  }

  record(histogram: HistogramName, value: number, attributes: Attributes = {}): void {
    this.#histograms[histogram].record(value, attributes);
  }

  close(): void {
    this.#meter.removeBatchObservableCallback(this.#collect, Object.values(this.#gauges));
  }
}

function mapValues<Name extends string, From, To>(
  from: { readonly [Each in Name]: From },
  map: (value: From) => To,
): { readonly [Each in Name]: To } {
  const entries = Object.entries<From>(from).map(([name, value]) => [name, map(value)]);
  return Object.fromEntries(entries) as { readonly [Each in Name]: To };
}
