import type { SpanOptions } from "@opentelemetry/api";
import { systemClock } from "../sync/clock.js";
import { ATTRIBUTES, codeOfRestore, failureOf, SCOPE } from "./attributes.js";
import { listenTo, type ObservedMirror } from "./observed-mirror.js";
import type { TelemetryApi } from "./telemetry-api.js";

/** A span for each batch and each restore, made when it is over: nothing waits for it. The answer ends that. */
export function traceSpans(mirror: ObservedMirror, api: TelemetryApi): () => void {
  const { SpanKind, SpanStatusCode } = api;
  // Learns of an SDK that comes later.
  const tracer = api.trace.getTracer(SCOPE);

  function add(name: string, durationMs: number, code: string | undefined, options: SpanOptions): void {
    const endTime = systemClock.wallNow();
    const span = tracer.startSpan(name, {
      ...options,
      startTime: endTime - durationMs,
      attributes: { ...options.attributes, ...failureOf(code) },
    });
    if (code !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(endTime);
  }

  return listenTo(mirror, {
    batchEnded: ({ keys }, { durationMs, bytes, code }) =>
      add("redis_mirrored.batch", durationMs, code, {
        kind: SpanKind.CLIENT,
        // It carries saves of many calls: the one that happened to set the timer is not its cause.
        root: true,
        attributes: {
          [ATTRIBUTES.system]: "redis",
          [ATTRIBUTES.operation]: "PIPELINE",
          // By the conventions one alone is no batch.
          ...(keys > 1 && { [ATTRIBUTES.batchSize]: keys }),
          [ATTRIBUTES.bytes]: bytes,
        },
      }),
    // Within the call that restores: a child of what that is part of.
    restoreEnded: ({ record }, { outcome, durationMs }) =>
      add("redis_mirrored.restore", durationMs, codeOfRestore(outcome), {
        attributes: { [ATTRIBUTES.system]: "redis", [ATTRIBUTES.record]: record, [ATTRIBUTES.outcome]: outcome },
      }),
  });
}
