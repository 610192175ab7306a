import { installMirror, type MirrorOptions } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";
import { ContextProxy } from "../roo-352/context-proxy.js";
import { ClineProvider } from "./cline-provider.js";
import { TaskHistoryBridge } from "./task-history-bridge.js";

const userId = () => TaskHistoryBridge.getCurrentUserId();

export async function activate(context: ExtensionContext, options: MirrorOptions = {}) {
  const { globalState: memento, secrets } = context;
  context.subscriptions.push(installMirror({ userId, memento, secrets, ...options }));
  return open(context);
}

/** All of it but the mirror. */
export async function open(context: ExtensionContext) {
  TaskHistoryBridge.setContext(context);
  TaskHistoryBridge.setCurrentUserId(context.globalState.get("lastUserId"));
  const contextProxy = new ContextProxy(context);
  await contextProxy.initialize();
  return { contextProxy, provider: new ClineProvider(context, contextProxy), bridge: TaskHistoryBridge };
}

/** A restart, for tests: the process stays. */
export function deactivate() {
  TaskHistoryBridge.setContext(undefined);
  TaskHistoryBridge.setCurrentUserId(undefined);
}
