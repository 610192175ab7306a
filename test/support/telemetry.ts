import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  DataPointType,
  type MetricData,
  MetricReader,
  MeterProvider,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** Collects when it is asked, as Prometheus does. */
class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** One figure, as it was collected. */
export interface Point {
  readonly name: string;
  readonly type: "counter" | "up-down counter" | "histogram" | "gauge";
  readonly unit: string;
  readonly attributes: Record<string, unknown>;
  /** Of a histogram, how often something was recorded. */
  readonly value: number;
  /** Of a histogram, of all that was recorded. */
  readonly sum: number | undefined;
  readonly boundaries: readonly number[] | undefined;
}

/** An SDK, as a host would set it up, registered with the API until it is disposed of. */
export class Telemetry implements AsyncDisposable {
  readonly #reader = new OnDemandReader();
  readonly #spans = new InMemorySpanExporter();
  readonly meterProvider = new MeterProvider({ readers: [this.#reader] });
  readonly #tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#spans)] });

  /** `isMetering`: default true; otherwise `register` makes up for it. */
  constructor({ isMetering = true } = {}) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(this.#tracerProvider);
    if (isMetering) this.register();
  }

  register(): void {
    metrics.setGlobalMeterProvider(this.meterProvider);
  }

  get spans(): ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  async points(name?: string): Promise<Point[]> {
    const points = (await this.#collect()).scopeMetrics.flatMap((scope) => scope.metrics.flatMap(toPoints));
    return name === undefined ? points : points.filter((point) => point.name === name);
  }

  /** The value of the one point that has these attributes, among others; 0: there is none. */
  async value(name: string, attributes: Record<string, unknown> = {}): Promise<number> {
    const points = (await this.points(name)).filter((point) =>
      Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
    );
    return points.reduce((sum, { value }) => sum + value, 0);
  }

  /** As Prometheus is shown it. */
  async exposition(): Promise<string> {
    return new PrometheusSerializer().serialize(await this.#collect());
  }

  async #collect(): Promise<ResourceMetrics> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors);
    return resourceMetrics;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const api of [metrics, trace, context]) api.disable();
    await Promise.all([this.meterProvider.shutdown(), this.#tracerProvider.shutdown()]);
  }
}

function toPoints(metric: MetricData): Point[] {
  const { name, unit } = metric.descriptor;
  const type = typeOf(metric);
  return metric.dataPoints.map(({ attributes, value }) => {
    const common = { name, type, unit, attributes };
    if (typeof value === "number") return { ...common, value, sum: undefined, boundaries: undefined };
    const boundaries = "buckets" in value ? value.buckets.boundaries : undefined;
    return { ...common, value: value.count, sum: value.sum, boundaries };
  });
}

function typeOf(metric: MetricData): Point["type"] {
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? "counter" : "up-down counter";
  return metric.dataPointType === DataPointType.GAUGE ? "gauge" : "histogram";
}
