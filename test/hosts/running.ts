import type { Mirror, MirrorOptions } from "redis-mirrored";
import { KEY, SHORT_TIMINGS, SILENT } from "../support/mirrors.js";
import * as bridge from "./bridge/extension.js";
import type { ExtensionContext, Machine } from "./machine.js";
import * as roo325 from "./roo-325/extension.js";

interface Extension<Host> {
  activate(context: ExtensionContext, options?: MirrorOptions): Promise<Host>;
}

interface Started {
  readonly context: ExtensionContext;
  readonly mirror: Mirror;
}

/** A mirror's options; who is signed in is `alice`, unless the host says so itself. */
export function optionsFor(port: number, more: MirrorOptions = {}): MirrorOptions {
  const env = { ROO_USER_ID: "alice" };
  return { redis: { host: "127.0.0.1", port }, keys: [KEY], env, logger: SILENT, timings: SHORT_TIMINGS, ...more };
}

/** Starts hosts, one after the other, and ends what is left of them. */
export class HostRunner {
  #running: Started[] = [];

  async start<Host>(extension: Extension<Host>, machine: Machine, options: MirrorOptions): Promise<Host & Started> {
    const context = machine.start();
    const activating = extension.activate(context, options);
    const started = { context, mirror: context.subscriptions[0] as Mirror };
    this.#running.push(started);
    return { ...(await activating), ...started };
  }

  /** As VS Code does: first what was pushed last. */
  async stop(): Promise<void> {
    for (const { context, mirror } of this.#running.splice(0)) {
      for (const subscription of context.subscriptions.splice(1).reverse()) subscription.dispose();
      await mirror.close();
    }
    roo325.deactivate();
    bridge.deactivate();
  }
}
