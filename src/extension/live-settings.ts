import { ignoringErrors } from "../aspect/intercepted-call.js";
import type { HostSettings, Logger, Mirror, MirrorOptions } from "../index.js";
import { PASSWORD_SECRET, passwordFrom } from "./password.js";
import type { HostContext } from "./roo-types.js";
import { type LocalStores, settingsOf, showLocalStores, userOf } from "./stores.js";
import { unheeded } from "./unheeded.js";
import type { Disposable, HostWindow } from "./window.js";

/** The host's own options, and behind them what the window has for the mirror: its settings, its secret, its log. */
export function windowOptions(
  context: Pick<HostContext, "secrets" | "subscriptions">,
  window: HostWindow | undefined,
  logger: Logger | undefined,
  options: MirrorOptions,
): MirrorOptions {
  if (window === undefined || logger === undefined) return options;
  return { logger, ...options, settings: liveSettings(context, options.settings ?? window.settings) };
}

/** What the user has set, and the password that is kept: another one to the mirror whenever it is changed. */
function liveSettings(
  { secrets, subscriptions }: Pick<HostContext, "secrets" | "subscriptions">,
  settings: HostSettings,
): HostSettings {
  let askPassword = passwordFrom(secrets);
  const renew = ({ key }: { key: string }) => {
    if (key === PASSWORD_SECRET) askPassword = passwordFrom(secrets);
  };
  ignoringErrors(() => void subscriptions.push(secrets.onDidChange(renew)));
  return {
    given: (name) => settings.given(name),
    get askPassword() {
      return settings.askPassword ?? askPassword;
    },
  };
}

/**
 * Applies what the user sets, also the password and also what another window does to it, at once. Whenever another engine
 * takes the place of the one before, what is kept here is shown to it: its server may lack it, or have what is missing here.
 * What the host has said last goes before all of it.
 */
export function followSettings(
  context: HostContext,
  window: HostWindow,
  mirror: Mirror,
  stores: LocalStores,
): Disposable[] {
  let shownTo = [settingsOf(mirror), userOf(mirror)];
  const show = () => {
    const [settings, userId] = [settingsOf(mirror), userOf(mirror)];
    if (settings === shownTo[0] && userId === shownTo[1]) return;
    shownTo = [settings, userId];
    if (settings !== undefined && userId !== undefined) void unheeded(() => showLocalStores(context, stores));
  };
  const apply = async () => {
    await mirror.configure();
    show();
  };
  mirror.on("status", show);
  return [
    { dispose: () => mirror.off("status", show) },
    window.settings.onDidChange(() => void unheeded(apply)),
    context.secrets.onDidChange(({ key }) => {
      if (key === PASSWORD_SECRET) void unheeded(apply);
    }),
  ];
}
