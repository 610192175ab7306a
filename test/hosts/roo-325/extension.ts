import { installMirror, type MirrorOptions } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";
import { ClineProvider } from "./cline-provider.js";
import { ContextProxy } from "./context-proxy.js";

export async function activate(context: ExtensionContext, options: MirrorOptions = {}) {
  context.subscriptions.push(installMirror({ memento: context.globalState, secrets: context.secrets, ...options }));
  return open(context);
}

/** All of it but the mirror. */
export async function open(context: ExtensionContext) {
  const contextProxy = await ContextProxy.getInstance(context);
  const provider = new ClineProvider(context, contextProxy);
  return { contextProxy, provider };
}

/** A restart, for tests: the process stays. */
export function deactivate() {
  ContextProxy.forgetInstance();
}
