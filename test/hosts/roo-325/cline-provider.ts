import type { ExtensionContext } from "../machine.js";
import type { HistoryItem } from "../tasks.js";
import type { ContextProxy } from "./context-proxy.js";
import { CustomModesManager, type ModeConfig } from "./custom-modes-manager.js";
import { ProviderSettingsManager } from "./provider-settings-manager.js";

/** What the user does, and what is shown of it. */
export class ClineProvider {
  public readonly providerSettingsManager: ProviderSettingsManager;
  public readonly customModesManager: CustomModesManager;
  private readonly contextProxy: ContextProxy;
  /** What the webview was shown last. */
  public shown: { customModes: ModeConfig[]; taskHistory: HistoryItem[] } | undefined;

  constructor(context: ExtensionContext, contextProxy: ContextProxy) {
    this.contextProxy = contextProxy;
    this.providerSettingsManager = new ProviderSettingsManager(context);
    this.customModesManager = new CustomModesManager(context, () => this.postStateToWebview());
  }

  public get taskHistory(): HistoryItem[] {
    return (this.contextProxy.getValue("taskHistory") as HistoryItem[] | undefined) ?? [];
  }

  public async webviewDidLaunch() {
    await this.contextProxy.setValue("customModes", await this.customModesManager.getCustomModes());
    await this.postStateToWebview();
  }

  /** Changes the array that it gets, which is the store's own, and leaves it unsorted. */
  public async updateTaskHistory(item: HistoryItem) {
    const history = this.taskHistory;
    const index = history.findIndex(({ id }) => id === item.id);
    if (index === -1) history.push(item);
    else history[index] = item;
    await this.contextProxy.setValue("taskHistory", history);
    return history;
  }

  /** Nobody waits for it. */
  public handleModeSwitch(item: HistoryItem, mode: string) {
    item.mode = mode;
    void this.updateTaskHistory(item);
    void this.contextProxy.setValue("mode", mode);
  }

  public async deleteTaskFromState(id: string) {
    const remaining = this.taskHistory.filter((item) => item.id !== id);
    await this.contextProxy.setValue("taskHistory", remaining);
    await this.postStateToWebview();
  }

  public async saveMode(mode: ModeConfig) {
    await this.customModesManager.updateCustomMode(mode.slug, mode);
    await this.contextProxy.setValue("customModes", await this.customModesManager.getCustomModes());
    await this.postStateToWebview();
  }

  public async deleteMode(slug: string) {
    await this.customModesManager.deleteCustomMode(slug);
    await this.contextProxy.setValue("mode", "code");
    await this.postStateToWebview();
  }

  public async resetState() {
    await this.contextProxy.resetAllState();
    await this.providerSettingsManager.resetAllConfigs();
    await this.customModesManager.resetCustomModes();
    await this.postStateToWebview();
  }

  private async postStateToWebview() {
    const customModes = await this.customModesManager.getCustomModes();
    this.shown = { customModes, taskHistory: this.taskHistory.toSorted((one, other) => other.ts - one.ts) };
  }
}
