import { Catalogue, type Mirror, TOKENS } from "../index.js";
import type { Settings } from "../settings/settings.js";
import type { ContextProxy } from "./context-proxy.js";
import type { ProviderSettingsManager } from "./provider-settings-manager.js";
import type { HostContext } from "./roo-types.js";
import type { TaskHistoryBridge } from "./task-history-bridge.js";

/** Who saves what locally. */
export interface LocalStores {
  readonly contextProxy: ContextProxy;
  readonly providerSettings: ProviderSettingsManager;
  readonly taskHistory: typeof TaskHistoryBridge;
}

/**
 * Loads all of it once more: what is empty here is restored, and what the mirror lacks is sent. Does not reject.
 */
export async function showLocalStores(context: HostContext, stores: LocalStores): Promise<void> {
  const { contextProxy, providerSettings, taskHistory } = stores;
  await Promise.allSettled([
    contextProxy.initialize(),
    providerSettings.listProfiles(),
    taskHistory.getTaskHistory(context),
  ]);
}

/** Whose state is mirrored; `undefined`: nobody's, or the mirror is off. */
export function userOf(mirror: Mirror | undefined): string | undefined {
  const container = mirror?.container;
  if (container?.isBound(TOKENS.Identity) !== true) return undefined;
  try {
    return container.get(TOKENS.Identity).current;
  } catch {
    // The host's own function, which may do anything.
    return undefined;
  }
}

/** Those in force; `undefined`: the mirror is off, or they cannot be used. */
export function settingsOf(mirror: Mirror | undefined): Settings | undefined {
  const container = mirror?.container;
  return container?.isBound(TOKENS.Settings) === true ? container.get(TOKENS.Settings) : undefined;
}

/** Which records there are and which of them are secret, as the mirror sees it; where that is off, those that are built in. */
export function catalogueOf(mirror: Mirror | undefined): Catalogue {
  const settings = settingsOf(mirror);
  return new Catalogue(settings?.records, settings);
}
