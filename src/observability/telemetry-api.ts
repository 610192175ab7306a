import type * as telemetryApi from "@opentelemetry/api";

/** OpenTelemetry's API, an optional peer. */
export type TelemetryApi = typeof telemetryApi;

let loading: Promise<TelemetryApi | undefined> | undefined;

/** `undefined` where the host does not have it, or something else under its name. Does not reject. */
export function loadTelemetryApi(): Promise<TelemetryApi | undefined> {
  // Caught in this very expression: by that bundlers see that it may be missing.
  // eslint-disable-next-line no-restricted-imports -- the one place
  loading ??= import("@opentelemetry/api").catch(() => undefined).then((api) => (isUsable(api) ? api : undefined));
  return loading;
}

function isUsable(api: TelemetryApi | undefined): api is TelemetryApi {
  return typeof api?.metrics?.getMeterProvider === "function" && typeof api.trace?.getTracer === "function";
}
