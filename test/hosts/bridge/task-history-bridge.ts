import { RedisMirrored, RedisRestored } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";
import type { HistoryItem } from "../tasks.js";

interface Options {
  userId?: string;
  forceRefresh?: boolean;
}

/** The history of whoever is signed in, under a key of their own and under the one that everybody shares. */
export class TaskHistoryBridge {
  private static currentUserId: string | undefined;
  private static extensionContext: ExtensionContext | undefined;

  static setContext(context: ExtensionContext | undefined) {
    this.extensionContext = context;
  }

  static setCurrentUserId(userId: string | undefined) {
    this.currentUserId = userId;
  }

  static getCurrentUserId() {
    return this.currentUserId;
  }

  static userKey(userId: string | undefined) {
    return userId === undefined ? "taskHistory" : `user_${userId}_taskHistory`;
  }

  /** `(context?, options?)`, `(context?, userId)`, `(context?, forceRefresh)` or `(forceRefresh)`. */
  @RedisRestored("taskHistory", { adopt: (self, all, c) => self.updateTaskHistory(c === true ? undefined : c, all) })
  static async getTaskHistory(
    context?: ExtensionContext | boolean,
    options?: Options | string | boolean,
  ): Promise<HistoryItem[]> {
    const given = typeof context === "object" ? context : undefined;
    const { globalState } = given ?? TaskHistoryBridge.extensionContext ?? {};
    if (globalState === undefined) return [];
    const named = typeof options === "object" ? options.userId : options;
    const userId = typeof named === "string" ? named : TaskHistoryBridge.currentUserId;
    const own = globalState.get<HistoryItem[]>(TaskHistoryBridge.userKey(userId));
    if (own !== undefined && own.length > 0) return own;
    return globalState.get<HistoryItem[]>("taskHistory") ?? [];
  }

  @RedisMirrored((_context, history) => history && { record: "taskHistory", value: history })
  static async updateTaskHistory(context?: ExtensionContext, history?: HistoryItem[]): Promise<void> {
    const { globalState } = context || TaskHistoryBridge.extensionContext || {};
    if (globalState === undefined || history === undefined) return;
    await globalState.update("taskHistory", history);
    const userId = TaskHistoryBridge.currentUserId;
    if (userId !== undefined) await globalState.update(TaskHistoryBridge.userKey(userId), history);
  }
}
