import { ContextProxy } from "#dist/extension/context-proxy.js";
import { ProviderSettingsManager } from "#dist/extension/provider-settings-manager.js";
import type { HostContext } from "#dist/extension/roo-types.js";
import { TaskHistoryBridge } from "#dist/extension/task-history-bridge.js";

/** The extension as it would be without the mirror: `scripts/e2e.mjs` bundles it with decorators that do nothing. */
export async function activate(context: HostContext) {
  const contextProxy = new ContextProxy(context);
  await contextProxy.initialize();
  return { contextProxy, providerSettings: new ProviderSettingsManager(context), taskHistory: TaskHistoryBridge };
}
