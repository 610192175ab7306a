import type { Mirror, MirrorOptions } from "../index.js";
import { COMMAND_NAMES } from "./command-names.js";
import { ContextProxy } from "./context-proxy.js";
import { ProviderSettingsManager } from "./provider-settings-manager.js";
import type { HostContext } from "./roo-types.js";
import type { StartParts } from "./start-mirror.js";
import type { LocalStores } from "./stores.js";
import { TaskHistoryBridge } from "./task-history-bridge.js";
import { openVsCodeWindow } from "./vscode-window.js";

/** What other extensions, and the tour, get to work with. */
export interface ExtensionApi extends LocalStores {
  /** `undefined` where none is installed, or not yet: see `ready`. */
  readonly mirror: Mirror | undefined;
  /**
   * Settles when the mirror is installed, and what is empty here has been restored. Whoever saves defaults waits for it: over
   * what was saved before nothing is restored. Does not reject.
   */
  readonly ready: Promise<void>;
}

let mirror: Mirror | undefined;
let starting: Promise<void> = Promise.resolve();

/**
 * VS Code calls it with the context alone; the options are for a host that is not VS Code. In VS Code it does not wait for
 * the mirror, which is loaded when the window has had its turn: a save that comes before is found, and sent, then.
 */
export async function activate(context: HostContext, options: MirrorOptions = {}): Promise<ExtensionApi> {
  const stores: LocalStores = {
    contextProxy: new ContextProxy(context),
    providerSettings: new ProviderSettingsManager(context),
    taskHistory: TaskHistoryBridge,
  };
  const window = await openVsCodeWindow();
  // Fills the caches: there is no mirror yet.
  await stores.contextProxy.initialize();
  starting = start({ context, stores, window, options }).catch(() => {});
  if (window === undefined) await starting;
  return {
    ...stores,
    ready: starting,
    get mirror() {
      return mirror;
    },
  };
}

/** VS Code waits for it, for a few seconds at most: enough for the last save to arrive. */
export async function deactivate(): Promise<void> {
  // Once it is installed there is nothing to wait for: what is still loaded then may never come.
  if (mirror === undefined) await starting;
  await mirror?.close();
  mirror = undefined;
}

async function start(parts: StartParts): Promise<void> {
  if (parts.window !== undefined) {
    parts.window.announce(COMMAND_NAMES.map((name) => `redisMirrored.${name}`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { startMirror } = await import("./start-mirror.js");
  await startMirror(parts, (started) => (mirror = started));
}
