import type { Mirror, MirrorEvents } from "../index.js";
import { reportHealth, toStatusView } from "./status-view.js";
import { userOf } from "./stores.js";
import type { Disposable, HostWindow } from "./window.js";

/** How often it is drawn at most: a busy host saves several times a second. */
const DRAWN_EVERY_MS = 250;

/** How often it is drawn without an event, while something waits: saves that wait are none. When all is well, never. */
const LOOKED_AT_EVERY_MS = 5_000;

const EVENTS = ["status", "user", "flushed", "failed", "held", "dropped", "breaker"] as const;

/** Shows how the mirror is, for as long as the window lives. The condition `redisMirrored.state` says it to the manifest. */
export class StatusBar implements Disposable {
  readonly #window: HostWindow;
  readonly #mirror: Mirror | undefined;
  readonly #item;
  #drawn: string | undefined;
  #state: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPressing = false;
  #isDisposed = false;
  readonly #onEvent = () => this.#soon();

  constructor(window: HostWindow, mirror: Mirror | undefined) {
    this.#window = window;
    this.#mirror = mirror;
    this.#item = window.openStatusItem("redisMirrored.showMenu");
    for (const event of EVENTS) mirror?.on<keyof MirrorEvents>(event, this.#onEvent);
    this.#draw();
  }

  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    for (const event of EVENTS) this.#mirror?.off<keyof MirrorEvents>(event, this.#onEvent);
    this.#item.dispose();
  }

  #soon(): void {
    if (this.#isDisposed || this.#isPressing) return;
    this.#setTimer(DRAWN_EVERY_MS);
    this.#isPressing = true;
  }

  #setTimer(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(), delayMs);
    this.#timer.unref();
  }

  #draw(): void {
    this.#isPressing = false;
    const report = reportHealth(this.#mirror?.status, userOf(this.#mirror));
    const view = toStatusView(report, this.#window.translate);
    const drawn = JSON.stringify(view);
    if (drawn !== this.#drawn) this.#item.show(view);
    this.#drawn = drawn;
    // A condition of the manifest has no room for a blank.
    const state = report.health === "in sync" ? "inSync" : report.health;
    if (report.health !== this.#state) this.#window.setContext("redisMirrored.state", state);
    this.#state = report.health;
    const isAtRest = report.health !== "syncing" && report.health !== "degraded";
    if (!isAtRest) this.#setTimer(LOOKED_AT_EVERY_MS);
  }
}
