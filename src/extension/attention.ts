import type { Mirror, MirrorEvents } from "../index.js";
import { type Cause, causeOf, describeReason, needsSomebody, remedyOf } from "./reasons.js";
import type { HostContext } from "./roo-types.js";
import { unheeded } from "./unheeded.js";
import type { Disposable, HostWindow } from "./window.js";

/** The causes of which nobody wants to hear in a message again. */
const SILENCED = "redisMirrored.silenced";

type AskingCause = Exclude<Cause, "lost">;

/** One message when something needs the user: once for each cause and window, never one for each failure. */
export class Attention implements Disposable {
  readonly #window: HostWindow;
  readonly #mirror: Mirror;
  readonly #state: HostContext["globalState"];
  readonly #told = new Set<Cause>();
  readonly #onStatus = () => this.#look(this.#mirror.status);
  readonly #onFailed = ({ reason }: { reason: string }) => this.#look({ state: "degraded", reason });

  constructor(window: HostWindow, mirror: Mirror, state: HostContext["globalState"]) {
    this.#window = window;
    this.#mirror = mirror;
    this.#state = state;
    mirror.on("status", this.#onStatus);
    mirror.on("failed", this.#onFailed);
    mirror.on("held", this.#onFailed);
    this.#onStatus();
  }

  dispose(): void {
    this.#mirror.off("status", this.#onStatus);
    this.#mirror.off("failed", this.#onFailed);
    this.#mirror.off("held", this.#onFailed);
  }

  #look(status: Pick<MirrorEvents["status"][0], "state" | "reason">): void {
    const cause = causeOf(status);
    if (!needsSomebody(cause) || this.#told.has(cause!) || this.#isSilenced(cause!)) return;
    this.#told.add(cause!);
    void unheeded(() => this.#tell(cause as AskingCause, status.reason ?? ""));
  }

  async #tell(cause: AskingCause, reason: string): Promise<void> {
    const t = this.#window.translate;
    const remedies: Readonly<Record<AskingCause, readonly [label: string, act: () => unknown]>> = {
      misconfigured: [t("Open Settings"), () => this.#window.settings.open("redisMirrored")],
      login: [t("Set Password"), () => this.#window.execute("redisMirrored.setPassword")],
      "unknown-key": [t("Import Key"), () => this.#window.execute("redisMirrored.importKey")],
      refused: [t("Test Connection"), () => this.#window.execute("redisMirrored.testConnection")],
      certificate: [t("Test Connection"), () => this.#window.execute("redisMirrored.testConnection")],
    };
    const [remedy, act] = remedies[cause];
    const [showLog, silence] = [t("Show Log"), t("Don't Show Again")];
    const message = t("Redis Mirror: {reason} {remedy} Your work is saved on this machine as ever.", {
      reason: describeReason(reason, t),
      remedy: remedyOf(cause, t)!,
    });
    const severity = cause === "misconfigured" ? "error" : "warning";
    const chosen = await this.#window.offer(message, severity, [remedy, showLog, silence]);
    if (chosen === remedy) await act();
    else if (chosen === showLog) await this.#window.execute("redisMirrored.showLog");
    else if (chosen === silence) await this.#state.update(SILENCED, [...this.#silenced, cause]);
  }

  #isSilenced(cause: Cause): boolean {
    return this.#silenced.includes(cause);
  }

  get #silenced(): readonly unknown[] {
    const silenced: unknown = this.#state.get(SILENCED);
    return Array.isArray(silenced) ? silenced : [];
  }
}
