import type * as VsCode from "vscode";
import type { WindowLog } from "../window.js";

/** The channel "Redis Mirror". What it shows of this is VS Code's to say too: `Developer: Set Log Level…`. */
export function openVsCodeLog({ window, LogLevel }: typeof VsCode): WindowLog {
  const channel = window.createOutputChannel("Redis Mirror", { log: true });
  return {
    // Whoever has asked for these lines by our setting need not ask VS Code for them once more.
    debug: (line) => (channel.logLevel > LogLevel.Debug ? channel.info(`[debug] ${line}`) : channel.debug(line)),
    info: (line) => channel.info(line),
    warn: (line) => channel.warn(line),
    error: (line) => channel.error(line),
    show: () => channel.show(true),
    dispose: () => channel.dispose(),
  };
}
