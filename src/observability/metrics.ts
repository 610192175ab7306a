import type { MeterProvider } from "@opentelemetry/api";
import type { BatchOutcome, MirrorStatus, RestoreOutcome } from "../sync/mirror-events.js";
import { ATTRIBUTES, failureOf, SCOPE } from "./attributes.js";
import { Counts } from "./counts.js";
import { Instruments, type Reading } from "./instruments.js";
import { type Listeners, listenTo, type ObservedMirror } from "./observed-mirror.js";
import type { TelemetryApi } from "./telemetry-api.js";

const STATES: readonly MirrorStatus["state"][] = ["connected", "connecting", "degraded", "disabled", "misconfigured"];
const BREAKER_STATES: readonly MirrorStatus["breaker"][] = ["closed", "open", "half-open"];

/** The figures of all mirrors of this process, which add up: instruments of one name are one to whoever reads them. */
export class Metrics {
  readonly #mirrors = new Set<ObservedMirror>();
  readonly #counts = new Counts();
  #api: TelemetryApi | undefined;
  #provider: MeterProvider | undefined;
  #instruments: Instruments | undefined;

  /** Counts from here on; what is counted before `start` is told after it. The answer ends it. */
  observe(mirror: ObservedMirror): () => void {
    this.#mirrors.add(mirror);
    const stopListening = listenTo(mirror, this.#listeners);
    return () => {
      stopListening();
      this.#report();
      // What reads the others stays, also without any: an SDK repeats what it was last told until it is told otherwise.
      this.#mirrors.delete(mirror);
    };
  }

  start(api: TelemetryApi): void {
    this.#api = api;
    this.#report();
  }

  /** Within a save nothing but counting. */
  readonly #listeners: Listeners = {
    saved: ({ record }) => this.#counts.add("saves", record, () => ({ [ATTRIBUTES.record]: record })),
    dropped: ({ record, reason }) =>
      this.#counts.add("drops", `${record} ${reason}`, () => ({
        // Of a selector that threw nobody knows the record, only the host's method.
        ...(reason !== "selector" && { [ATTRIBUTES.record]: record }),
        [ATTRIBUTES.reason]: reason,
      })),
    held: ({ record }) => this.#counts.add("held", record, () => ({ [ATTRIBUTES.record]: record })),
    unreadable: ({ record, items = 1 }) =>
      this.#counts.add("unreadable", record, () => ({ [ATTRIBUTES.record]: record }), items),
    failed: ({ code }) => this.#counts.add("failures", code, () => ({ [ATTRIBUTES.error]: code })),
    breaker: ({ to }) => this.#counts.add("transitions", to, () => ({ [ATTRIBUTES.breakerState]: to })),
    status: () => this.#report(),
    batchEnded: (_batch, outcome) => this.#report((instruments) => recordBatch(instruments, this.#counts, outcome)),
    restoreEnded: ({ record }, { outcome, durationMs }) =>
      this.#report((instruments) => recordRestore(instruments, record, outcome, durationMs)),
  };

  /** Never within a save: what an SDK does there takes the mirror's time, not the host's. */
  #report(record?: (instruments: Instruments) => void): void {
    try {
      const instruments = this.#current();
      if (instruments === undefined) return;
      record?.(instruments);
      this.#handOver(instruments);
    } catch {
      // An SDK's own affair.
    }
  }

  /** Unlike tracers, meters of the API do not learn of an SDK that comes later: it is looked for again. */
  #current(): Instruments | undefined {
    const provider = this.#api?.metrics.getMeterProvider();
    if (provider === undefined) return undefined;
    if (provider !== this.#provider) {
      const outdated = this.#instruments;
      this.#instruments = undefined;
      // One that throws is not asked again.
      this.#provider = provider;
      outdated?.close();
      this.#instruments = new Instruments(provider.getMeter(SCOPE), () => this.#read());
    }
    return this.#instruments;
  }

  #handOver(instruments: Instruments): void {
    this.#counts.handOver((counter, value, attributes) => instruments.add(counter, value, attributes));
  }

  /** At each collection, before the counters are read. */
  #read(): Reading[] {
    if (this.#instruments !== undefined) this.#handOver(this.#instruments);
    const statuses = [...this.#mirrors].map(({ status }) => status);
    const count = (isMeant: (status: MirrorStatus) => boolean) => statuses.filter(isMeant).length;
    const sum = (figure: "pending" | "pendingBytes") => statuses.reduce((total, status) => total + status[figure], 0);
    return [
      ...STATES.map((state) => ({
        gauge: "mirrors" as const,
        value: count((status) => status.state === state),
        attributes: { [ATTRIBUTES.state]: state },
      })),
      ...BREAKER_STATES.map((breaker) => ({
        gauge: "breakers" as const,
        value: count((status) => status.breaker === breaker),
        attributes: { [ATTRIBUTES.breakerState]: breaker },
      })),
      { gauge: "pendingKeys", value: sum("pending") },
      { gauge: "pendingBytes", value: sum("pendingBytes") },
    ];
  }
}

function recordBatch(
  instruments: Instruments,
  counts: Counts,
  { durationMs, arrived, bytes, conflicts, code }: BatchOutcome,
): void {
  const failure = failureOf(code);
  instruments.record("operation", durationMs / 1_000, {
    [ATTRIBUTES.system]: "redis",
    [ATTRIBUTES.operation]: "PIPELINE",
    ...failure,
  });
  instruments.record("batch", durationMs / 1_000, failure);
  for (const { record, outcome, items } of conflicts)
    counts.add(
      "conflicts",
      `${record} ${outcome}`,
      () => ({ [ATTRIBUTES.record]: record, [ATTRIBUTES.outcome]: outcome }),
      items,
    );
  if (arrived.length === 0) return;
  instruments.record("batchKeys", arrived.length);
  instruments.record("batchBytes", bytes);
  for (const { record, lagMs } of arrived) instruments.record("lag", lagMs / 1_000, { [ATTRIBUTES.record]: record });
}

function recordRestore(instruments: Instruments, record: string, outcome: RestoreOutcome, durationMs: number): void {
  instruments.record("restore", durationMs / 1_000, {
    [ATTRIBUTES.record]: record,
    [ATTRIBUTES.outcome]: outcome,
  });
}
