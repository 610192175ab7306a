import { systemClock } from "../sync/clock.js";
import { publishToChannels } from "./diagnostics-channels.js";
import { Metrics } from "./metrics.js";
import type { ObservedMirror } from "./observed-mirror.js";
import { traceSpans } from "./spans.js";
import { loadTelemetryApi, type TelemetryApi } from "./telemetry-api.js";

/** Passes on what mirrors tell, to whoever the host has for it. */
export class Observer {
  readonly #load: () => Promise<TelemetryApi | undefined>;
  /** None once it is known that OpenTelemetry's API is not there. */
  #metrics: Metrics | undefined = new Metrics();

  constructor(load: () => Promise<TelemetryApi | undefined> = loadTelemetryApi) {
    this.#load = load;
  }

  /** Until the mirror is closed. Returns at once, does not throw, and loads nothing within the call. */
  observe(mirror: ObservedMirror): void {
    const metrics = this.#metrics;
    const ends = new Set([publishToChannels(mirror)]);
    let isClosed = false;
    mirror.on("closed", () => {
      isClosed = true;
      for (const end of ends) end();
      ends.clear();
    });
    if (metrics === undefined) return;
    const stopCounting = metrics.observe(mirror);
    ends.add(stopCounting);
    const takeApi = (api: TelemetryApi | undefined) => {
      if (api === undefined) {
        this.#metrics = undefined;
        if (ends.delete(stopCounting)) stopCounting();
        return;
      }
      metrics.start(api);
      if (!isClosed) ends.add(traceSpans(mirror, api));
    };
    // Whoever makes the first mirror's engine is in the midst of the host's call.
    const begin = () =>
      void this.#load()
        .then(takeApi)
        .catch(() => {
          // An SDK's own affair.
        });
    systemClock.setTimeout(begin, 0).unref?.();
  }
}

const observer = new Observer();

/**
 * Tells `node:diagnostics_channel` and OpenTelemetry, where the host has either, what becomes of a mirror until it is closed.
 */
export function observeMirror(mirror: ObservedMirror): void {
  observer.observe(mirror);
}
