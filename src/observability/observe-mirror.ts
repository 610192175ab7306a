import { systemClock } from "../sync/clock.js";
import { publishToChannels } from "./diagnostics-channels.js";
import { Metrics } from "./metrics.js";
import type { ObservedMirror } from "./observed-mirror.js";
import { traceSpans } from "./spans.js";
import { loadTelemetryApi } from "./telemetry-api.js";

/** Of this process; none where OpenTelemetry's API is not there. */
let metrics: Metrics | undefined = new Metrics();

/**
 * Tells `node:diagnostics_channel` and OpenTelemetry, where the host has either, what becomes of a mirror, until that is
 * closed. Returns at once, does not throw, and loads nothing within the call.
 */
export function observeMirror(mirror: ObservedMirror): void {
  let isClosed = false;
  const ends = [publishToChannels(mirror)];
  const observed = metrics;
  if (observed !== undefined) {
    const stopCounting = observed.observe(mirror);
    ends.push(stopCounting);
    // Whoever observes the first mirror may be in the midst of the host's first save.
    systemClock
      .setTimeout(() => {
        void loadTelemetryApi().then((api) => {
          if (api === undefined) {
            metrics = undefined;
            return stopCounting();
          }
          observed.start(api);
          if (!isClosed) ends.push(traceSpans(mirror, api));
        });
      }, 0)
      .unref?.();
  }
  mirror.on("closed", () => {
    isClosed = true;
    for (const end of ends.splice(0)) end();
  });
}
