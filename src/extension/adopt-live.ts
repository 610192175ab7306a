import type { AdoptRemote, Mirror } from "../index.js";
import type { HostContext } from "./roo-types.js";
import type { LocalStores } from "./stores.js";

/** Where sharing is live: what another instance changes is taken over into the local store, by whoever saves it there. */
export function adoptLive(
  context: HostContext,
  { contextProxy, providerSettings, taskHistory }: LocalStores,
  mirror: Mirror | undefined,
): void {
  const adopts: Readonly<Record<string, AdoptRemote>> = {
    taskHistory: (take) => taskHistory.takeOver(context, take),
    provider: (take) => providerSettings.takeOver(take),
    customInstructions: (take) => contextProxy.takeOver("customInstructions", take),
    customModes: (take) => contextProxy.takeOver("customModes", take),
    pinnedApiConfigs: (take) => contextProxy.takeOver("pinnedApiConfigs", take),
  };
  mirror?.on("remoteChange", ({ record }) => {
    const adopt = adopts[record];
    if (adopt === undefined) return;
    // Of the user of the moment, whoever's the change is: that is who saves here. Where the local store refuses it, that
    // stays as it was.
    mirror.adoptRemote({ record }, adopt).catch(() => {});
  });
}
