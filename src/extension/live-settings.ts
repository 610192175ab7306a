import type { Logger, Mirror, MirrorOptions } from "../index.js";
import { PASSWORD_SECRET, passwordFrom } from "./password.js";
import type { HostContext } from "./roo-types.js";
import { type LocalStores, settingsOf, showLocalStores, userOf } from "./stores.js";
import type { Disposable, HostWindow } from "./window.js";

/** The host's own options, and behind them what the window has for the mirror: its settings, its secret, its log. */
export function windowOptions(
  { secrets }: Pick<HostContext, "secrets">,
  window: HostWindow | undefined,
  logger: Logger | undefined,
  options: MirrorOptions,
): MirrorOptions {
  if (window === undefined || logger === undefined) return options;
  return { settings: window.settings, logger, ...options, redis: { ...passwordFrom(secrets), ...options.redis } };
}

/**
 * Applies what the user sets, also the password and also what another window does to it, at once. Whenever another engine
 * takes the place of the one before, what is kept here is shown to it: its server may lack it, or have what is missing here.
 * @param redis What the host itself has said, which goes before the settings.
 */
export function followSettings(
  context: HostContext,
  window: HostWindow,
  mirror: Mirror,
  stores: LocalStores,
  redis: MirrorOptions["redis"],
): Disposable[] {
  let shownTo = [settingsOf(mirror), userOf(mirror)];
  const show = () => {
    const [settings, userId] = [settingsOf(mirror), userOf(mirror)];
    if (settings === shownTo[0] && userId === shownTo[1]) return;
    shownTo = [settings, userId];
    if (settings !== undefined && userId !== undefined) void showLocalStores(context, stores);
  };
  const apply = async (changes: MirrorOptions = {}) => {
    await mirror.configure(changes);
    show();
  };
  mirror.on("status", show);
  return [
    { dispose: () => mirror.off("status", show) },
    window.settings.onDidChange(() => void apply()),
    context.secrets.onDidChange(({ key }) => {
      if (key === PASSWORD_SECRET) void apply({ redis: { ...passwordFrom(context.secrets), ...redis } });
    }),
  ];
}
