import { installMirror, type Mirror, type MirrorOptions } from "../index.js";
import { adoptLive } from "./adopt-live.js";
import { ContextProxy } from "./context-proxy.js";
import { contribute } from "./contributions.js";
import { contributeKeyCommands } from "./key-commands.js";
import { windowOptions } from "./live-settings.js";
import { MirrorLog } from "./mirror-log.js";
import { ProviderSettingsManager } from "./provider-settings-manager.js";
import type { HostContext } from "./roo-types.js";
import { TaskHistoryBridge } from "./task-history-bridge.js";
import { openVsCodeWindow } from "./vscode-window.js";

/** What other extensions, and the tour, get to work with. */
export interface ExtensionApi {
  readonly contextProxy: ContextProxy;
  readonly providerSettings: ProviderSettingsManager;
  readonly taskHistory: typeof TaskHistoryBridge;
  /** `undefined` where none is installed. */
  readonly mirror: Mirror | undefined;
}

let mirror: Mirror | undefined;

/** VS Code calls it with the context alone; the options are for a host that is not VS Code. */
export async function activate(context: HostContext, options: MirrorOptions = {}): Promise<ExtensionApi> {
  const window = await openVsCodeWindow();
  const log = window && new MirrorLog(window);
  const all = {
    secrets: context.secrets,
    memento: context.globalState,
    ...windowOptions(context, window, log, options),
  };
  mirror = installMirror(all);
  const contextProxy = new ContextProxy(context);
  await contextProxy.initialize();
  const stores = {
    contextProxy,
    providerSettings: new ProviderSettingsManager(context),
    taskHistory: TaskHistoryBridge,
  };
  adoptLive(context, stores, mirror);
  if (window !== undefined && log !== undefined) {
    const { redis } = options;
    contribute({ context, window, mirror, stores, log, options: all, redis });
  } else contributeKeyCommands(context, mirror, undefined);
  return { ...stores, mirror };
}

/** VS Code waits for it, for a few seconds at most: enough for the last save to arrive. */
export async function deactivate(): Promise<void> {
  await mirror?.close();
  mirror = undefined;
}
