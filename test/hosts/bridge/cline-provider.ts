import type { ExtensionContext } from "../machine.js";
import type { ContextProxy } from "../roo-352/context-proxy.js";
import type { HistoryItem } from "../tasks.js";
import { TaskHistoryBridge } from "./task-history-bridge.js";

/** Keeps the history by the bridge, and a copy of it where the webview looks. */
export class ClineProvider {
  private readonly context: ExtensionContext;
  private readonly contextProxy: ContextProxy;
  /** What other windows were told of the history after a switch. */
  public told: Promise<HistoryItem[]> | undefined;

  constructor(context: ExtensionContext, contextProxy: ContextProxy) {
    this.context = context;
    this.contextProxy = contextProxy;
  }

  public async updateTaskHistory(item: HistoryItem) {
    const history = await TaskHistoryBridge.getTaskHistory();
    const index = history.findIndex(({ id }) => id === item.id);
    if (index === -1) history.push(item);
    else history[index] = item;
    await TaskHistoryBridge.updateTaskHistory(undefined, history);
    await this.contextProxy.setValue("taskHistory", history);
    return history;
  }

  public async deleteTaskFromState(id: string) {
    const remaining = (await TaskHistoryBridge.getTaskHistory()).filter((item) => item.id !== id);
    await TaskHistoryBridge.updateTaskHistory(undefined, remaining);
    await this.contextProxy.setValue("taskHistory", remaining);
  }

  /** Puts away what there is of the one, and gets out what there is of the other: nothing, where that is elsewhere. */
  public async onUserSwitch(userId: string) {
    const { globalState } = this.context;
    const previous = TaskHistoryBridge.getCurrentUserId();
    const current = this.contextProxy.getValue("taskHistory");
    if (previous !== undefined && current) await globalState.update(TaskHistoryBridge.userKey(previous), current);
    await globalState.update("lastUserId", userId);
    TaskHistoryBridge.setCurrentUserId(userId);
    const userHistory = globalState.get<HistoryItem[]>(TaskHistoryBridge.userKey(userId));
    await this.contextProxy.setValue("taskHistory", userHistory || []);
    // Nobody waits for it.
    this.told = TaskHistoryBridge.getTaskHistory(this.context);
  }
}
