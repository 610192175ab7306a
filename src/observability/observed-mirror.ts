import type { MirrorEvents, MirrorListener, MirrorStatus } from "../sync/mirror-events.js";

/** What is observed: a mirror, or an engine that stands alone. */
export interface ObservedMirror {
  readonly status: MirrorStatus;
  on<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): unknown;
  off<Event extends keyof MirrorEvents>(event: Event, listener: MirrorListener<Event>): unknown;
}

export type Listeners = { readonly [Event in keyof MirrorEvents]?: MirrorListener<Event> };

/** The answer takes all of them back. */
export function listenTo(mirror: ObservedMirror, listeners: Listeners): () => void {
  // Each listener is that of its own event, which the pairs no longer say.
  const entries = Object.entries(listeners) as [keyof MirrorEvents, (...args: unknown[]) => void][];
  for (const [event, listener] of entries) mirror.on(event, listener);
  return () => {
    for (const [event, listener] of entries) mirror.off(event, listener);
  };
}
