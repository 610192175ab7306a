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
 * Applies what the user sets, also the password and also what another window does to it, at once. Then what is kept here is
 * shown to the mirror again: another server may lack it, or have what is missing here.
 */
export function followSettings(
  context: HostContext,
  window: HostWindow,
  mirror: Mirror,
  stores: LocalStores,
  options: MirrorOptions,
): Disposable[] {
  const apply = async (changes: MirrorOptions = {}) => {
    const before = [settingsOf(mirror), userOf(mirror)];
    await mirror.configure(changes);
    const after = [settingsOf(mirror), userOf(mirror)];
    if (after[0] !== undefined && (after[0] !== before[0] || after[1] !== before[1]))
      await showLocalStores(context, stores);
  };
  return [
    window.settings.onDidChange(() => void apply()),
    context.secrets.onDidChange(({ key }) => {
      if (key === PASSWORD_SECRET) void apply({ redis: { ...passwordFrom(context.secrets), ...options.redis } });
    }),
  ];
}
