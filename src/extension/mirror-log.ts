import type { Logger } from "../index.js";
import type { Disposable, HostWindow, WindowLog } from "./window.js";

const LEVELS = ["off", "error", "warn", "info", "debug"] as const;

export type LogLevel = (typeof LEVELS)[number];

const DEFAULT_LEVEL: LogLevel = "info";

/** The mirror's lines in the channel "Redis Mirror", as far as the setting `logLevel` lets them through. */
export class MirrorLog implements Logger, Disposable {
  readonly #window: HostWindow;
  #channel: WindowLog | undefined;

  constructor(window: HostWindow) {
    this.#window = window;
  }

  debug(message: string): void {
    if (this.#shows("debug")) this.#open().debug(plain(message));
  }

  info(message: string): void {
    if (this.#shows("info")) this.#open().info(plain(message));
  }

  warn(message: string): void {
    if (this.#shows("warn")) this.#open().warn(plain(message));
  }

  error(message: string): void {
    if (this.#shows("error")) this.#open().error(plain(message));
  }

  /** Lines that somebody has asked for just now, whatever the level is. */
  answer(lines: readonly string[]): void {
    for (const line of lines) this.#open().info(line);
  }

  show(): void {
    this.#open().show();
  }

  dispose(): void {
    this.#channel?.dispose();
  }

  #open(): WindowLog {
    this.#channel ??= this.#window.openLog();
    return this.#channel;
  }

  /** Asked for each line: the setting applies at once. */
  #shows(level: LogLevel): boolean {
    const given = this.#window.settings.given("logLevel");
    const wanted = LEVELS.find((each) => each === given) ?? DEFAULT_LEVEL;
    return LEVELS.indexOf(level) <= LEVELS.indexOf(wanted);
  }
}

/** The channel says whose lines they are. */
function plain(message: string): string {
  return message.replace(/^redis-mirrored(?:: | )/, "");
}
