import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Telemetry } from "../support/telemetry.js";
import type { Evidence } from "./evidence.js";

const EVENTS = [
  "saved",
  "status",
  "failed",
  "dropped",
  "held",
  "unreadable",
  "breaker",
  "skew",
  "remoteChange",
  "unheard",
];
const COURSE = ["start", "end", "asyncStart", "asyncEnd", "error"];
const CHANNELS = [
  ...EVENTS.map((event) => `redis-mirrored:${event}`),
  ...["batch", "restore"].flatMap((work) => COURSE.map((event) => `tracing:redis-mirrored.${work}:${event}`)),
];

/** All that leaves a process by OpenTelemetry and by `node:diagnostics_channel`. */
export class Emitted implements AsyncDisposable {
  readonly #telemetry = new Telemetry();
  readonly #messages: [name: string, message: unknown][] = [];
  readonly #onMessage = (message: unknown, name: string | symbol) => void this.#messages.push([String(name), message]);

  constructor() {
    for (const name of CHANNELS) subscribe(name, this.#onMessage);
  }

  async addTo(evidence: Evidence): Promise<void> {
    for (const [name, message] of this.#messages) evidence.addThing(`channel ${name}`, message);
    for (const point of await this.#telemetry.points()) evidence.addThing(`metric ${point.name}`, point);
    evidence.add("metrics, as Prometheus sees them", await this.#telemetry.exposition());
    for (const { name, attributes, status, events, links } of this.#telemetry.spans)
      evidence.addThing(`span ${name}`, { attributes, status, events, links });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of CHANNELS) unsubscribe(name, this.#onMessage);
    await this.#telemetry[Symbol.asyncDispose]();
  }
}
