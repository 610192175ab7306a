import { ignoringErrors } from "../aspect/intercepted-call.js";
import type { Mirror, MirrorOptions } from "../index.js";
import { MirrorError } from "../sync/errors.js";
import type { MirrorLog } from "./mirror-log.js";
import { describeReason, describeRefusedCall } from "./reasons.js";
import type { RecordTree } from "./record-tree.js";
import type { HostContext } from "./roo-types.js";
import type { LocalStores } from "./stores.js";
import type { HostWindow } from "./window.js";

/** What a command works with. */
export interface CommandParts {
  readonly context: HostContext;
  readonly window: HostWindow;
  /** `undefined`: none is installed. */
  readonly mirror: Mirror | undefined;
  readonly stores: LocalStores;
  readonly log: MirrorLog;
  /** What the mirror was told, by the host and by the window. */
  readonly options: MirrorOptions;
  /** Opened when the window has time for it. */
  readonly tree: () => RecordTree | undefined;
}

type Run = (parts: CommandParts, target: unknown) => Promise<unknown>;

/** What each does is loaded when it is called: activation does not pay for it. */
const COMMANDS: Readonly<Record<string, Run>> = {
  showMenu: async ({ window, mirror }) => (await import("./menu.js")).showMenu(window, mirror),
  showStatus: async ({ window, mirror }) => (await import("./show-status.js")).showStatus(window, mirror),
  syncNow: async (parts) => (await import("./sync-now.js")).syncNow(parts),
  restore: async (parts, target) => (await import("./restore.js")).restore(parts, target),
  preview: async (parts, target) => (await import("./restore.js")).preview(parts, target),
  enable: async (parts) => (await import("./switch.js")).switchMirror(parts, true),
  disable: async (parts) => (await import("./switch.js")).switchMirror(parts, false),
  setPassword: async ({ window, context }) => (await import("./password.js")).setPassword(window, context.secrets),
  testConnection: async (parts) => (await import("./test-connection.js")).testConnection(parts),
  showLog: async ({ log }) => log.show(),
  refreshRecords: async ({ tree }) => tree()?.refresh(),
  openWalkthrough: async ({ window }) => window.execute("workbench.action.openWalkthrough", WALKTHROUGH, false),
};

const WALKTHROUGH = "redis-mirrored.redis-mirrored#redisMirrored.start";

/** Offers all commands but those for keys. */
export function contributeCommands(parts: CommandParts): void {
  const { context, window } = parts;
  for (const [name, run] of Object.entries(COMMANDS)) offer(context, window, name, (target) => run(parts, target));
}

/** One that the window refuses is no reason to do without the others. */
export function offer(
  { subscriptions }: Pick<HostContext, "subscriptions">,
  window: HostWindow,
  name: string,
  run: (target: unknown) => Promise<unknown>,
): void {
  ignoringErrors(() =>
    subscriptions.push(window.register(`redisMirrored.${name}`, (target) => reporting(window, () => run(target)))),
  );
}

/** A command that fails says so, and nothing that should not be seen. */
export async function reporting(window: HostWindow, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const reason = describeFailure(error, window);
    window.warn(window.translate("It could not be finished: {reason}", { reason }));
  }
}

/** What others say when they fail may quote a key. */
export function describeFailure(error: unknown, { translate: t }: Pick<HostWindow, "translate">): string {
  if (error instanceof MirrorError) return describeReason(error.message, t);
  const refused = error instanceof TypeError ? describeRefusedCall(error.message, t) : undefined;
  return refused ?? t("VS Code did not do what it was asked for.");
}
