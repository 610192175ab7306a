import { installMirror, type Mirror, type MirrorOptions } from "../index.js";
import { adoptLive } from "./adopt-live.js";
import { contribute } from "./contributions.js";
import { contributeKeyCommands } from "./key-commands.js";
import { windowOptions } from "./live-settings.js";
import { MirrorLog } from "./mirror-log.js";
import type { HostContext } from "./roo-types.js";
import { type LocalStores, showLocalStores } from "./stores.js";
import type { HostWindow } from "./window.js";

export interface StartParts {
  readonly context: HostContext;
  readonly stores: LocalStores;
  /** `undefined`: plain Node. */
  readonly window: HostWindow | undefined;
  readonly options: MirrorOptions;
}

/**
 * Installs the mirror and puts it into the window: all that activation does not wait for in VS Code, in a file of its own.
 * @param onInstalled Called before anything is waited for. Settles when what is empty here has been restored.
 */
export async function startMirror(
  { context, stores, window, options }: StartParts,
  onInstalled: (mirror: Mirror) => void,
): Promise<void> {
  const log = window && new MirrorLog(window);
  const all = {
    secrets: context.secrets,
    memento: context.globalState,
    ...windowOptions(context, window, log, options),
  };
  const mirror = installMirror(all);
  onInstalled(mirror);
  adoptLive(context, stores, mirror);
  if (window === undefined || log === undefined) {
    contributeKeyCommands(context, mirror, undefined);
    await stores.contextProxy.initialize();
    return;
  }
  contribute({ context, window, mirror, stores, log, options: all });
  // What was saved meanwhile is shown too, and sent.
  await showLocalStores(context, stores);
}
