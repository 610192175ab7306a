import { RedisMirrored } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";
import type { HistoryItem } from "../tasks.js";
import type { ContextProxy } from "./context-proxy.js";
import { TaskHistoryStore } from "./task-history-store.js";

const WRITE_THROUGH_DELAY_MS = 5_000;

/** Keeps a late copy of the history in global state, for versions that look for it there. */
export class ClineProvider {
  public readonly taskHistoryStore: TaskHistoryStore;
  /** Settles when the store has been read, and restored. */
  public readonly ready: Promise<void>;
  private readonly contextProxy: ContextProxy;
  private writeThroughTimer: NodeJS.Timeout | undefined;

  constructor(context: ExtensionContext, contextProxy: ContextProxy) {
    this.contextProxy = contextProxy;
    this.taskHistoryStore = new TaskHistoryStore(context.globalStorageUri.fsPath, async () => {
      this.scheduleGlobalStateWriteThrough();
    });
    this.ready = this.taskHistoryStore.initialize().catch(() => {});
  }

  public async updateTaskHistory(item: Partial<HistoryItem> & { id: string }) {
    return this.taskHistoryStore.upsert(item);
  }

  public async deleteTasks(...ids: string[]) {
    await this.taskHistoryStore.deleteMany(ids);
  }

  /** Also where the store was never read: an empty history is written then. */
  public dispose() {
    this.flushGlobalStateWriteThrough();
  }

  @RedisMirrored("taskHistory", {
    value() {
      return this.taskHistoryStore.getAll();
    },
  })
  private scheduleGlobalStateWriteThrough() {
    clearTimeout(this.writeThroughTimer);
    this.writeThroughTimer = setTimeout(() => {
      void this.contextProxy.setValue("taskHistory", this.taskHistoryStore.getAll());
    }, WRITE_THROUGH_DELAY_MS);
  }

  private flushGlobalStateWriteThrough() {
    clearTimeout(this.writeThroughTimer);
    void this.contextProxy.setValue("taskHistory", this.taskHistoryStore.getAll());
  }
}
