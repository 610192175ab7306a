import { ignoringErrors } from "../aspect/intercepted-call.js";
import { installMirror, type Mirror, type MirrorOptions } from "../index.js";
import { adoptLive } from "./adopt-live.js";
import { ContextProxy } from "./context-proxy.js";
import { contributeKeyCommands } from "./key-commands.js";
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
  mirror = installMirror({ secrets: context.secrets, memento: context.globalState, ...options });
  // Meanwhile the caches are filled: nobody waits for it.
  const opening = openVsCodeWindow();
  const contextProxy = new ContextProxy(context);
  await contextProxy.initialize();
  const api = {
    contextProxy,
    providerSettings: new ProviderSettingsManager(context),
    taskHistory: TaskHistoryBridge,
    mirror,
  };
  adoptLive(context, api, mirror);
  const window = await opening;
  // A window that refuses the commands is no reason not to start.
  ignoringErrors(() => contributeKeyCommands(context, mirror, window));
  return api;
}

/** VS Code waits for it, for a few seconds at most: enough for the last save to arrive. */
export async function deactivate(): Promise<void> {
  await mirror?.close();
  mirror = undefined;
}
