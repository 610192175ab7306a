import { ignoringErrors } from "../aspect/intercepted-call.js";
import { Attention } from "./attention.js";
import { type CommandParts, contributeCommands } from "./commands.js";
import { contributeKeyCommands } from "./key-commands.js";
import { followSettings } from "./live-settings.js";
import { RecordTree } from "./record-tree.js";
import { StatusBar } from "./status-bar.js";
import { showLocalStores } from "./stores.js";
import type { Disposable } from "./window.js";

/**
 * Puts the mirror into the window. Commands are there when it returns, for they may be what has started the extension; what
 * is only looked at comes when the window has had its turn. A part that the window refuses is no reason to do without the others.
 */
export function contribute({ context, window, mirror, stores, log, options }: Omit<CommandParts, "tree">): void {
  const { subscriptions } = context;
  let tree: RecordTree | undefined;
  subscriptions.push(log, window);
  ignoringErrors(() => contributeCommands({ context, window, mirror, stores, log, options, tree: () => tree }));
  ignoringErrors(() => contributeKeyCommands(context, mirror, window, () => showLocalStores(context, stores)));
  const later = setImmediate(() => {
    const keep = <Part extends Disposable>(open: () => Part): Part | undefined => {
      let part: Part | undefined;
      ignoringErrors(() => void subscriptions.push((part = open())));
      return part;
    };
    keep(() => new StatusBar(window, mirror));
    tree = keep(() => new RecordTree(window, mirror));
    if (mirror === undefined) return;
    ignoringErrors(() => subscriptions.push(...followSettings(context, window, mirror, stores)));
    keep(() => new Attention(window, mirror, context.globalState));
  });
  subscriptions.push({ dispose: () => clearImmediate(later) });
}
