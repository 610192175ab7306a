import { RedisMirrored, RedisRestored, type TakeRemote } from "../index.js";
import type { HistoryItem, HostContext } from "./roo-types.js";

const STATE_KEY = "taskHistory";

/** The history of tasks in `globalState`. Static, because hosts call it from everywhere with a context at hand. */
export class TaskHistoryBridge {
  static #lock: Promise<unknown> = Promise.resolve();

  @RedisRestored("taskHistory", {
    adopt: (self: typeof TaskHistoryBridge, value: unknown, context: HostContext) => {
      if (!isHistory(value)) throw new TypeError("Expected an array of history items");
      return self.updateTaskHistory(context, value);
    },
  })
  static async getTaskHistory(context: HostContext): Promise<HistoryItem[]> {
    return context.globalState.get<HistoryItem[]>(STATE_KEY) ?? [];
  }

  @RedisMirrored("taskHistory", { value: (_context: HostContext, history: HistoryItem[]) => history })
  static async updateTaskHistory(context: HostContext, history: HistoryItem[]): Promise<void> {
    await context.globalState.update(STATE_KEY, history);
  }

  /** Adds a task, or replaces what the history holds of it. */
  static async upsertTask(context: HostContext, item: HistoryItem): Promise<void> {
    await this.#modify(context, (history) => {
      const index = history.findIndex(({ id }) => id === item.id);
      return index === -1 ? [...history, item] : history.with(index, { ...history[index], ...item });
    });
  }

  static async deleteTask(context: HostContext, id: string): Promise<void> {
    await this.#modify(context, (history) => history.filter((item) => item.id !== id));
  }

  /** Takes over what comes from the mirror. @throws TypeError if that is no history. */
  static async takeOver(context: HostContext, take: TakeRemote): Promise<void> {
    await this.#exclusively(async () => {
      const taken = take(context.globalState.get(STATE_KEY));
      if (taken === undefined) return;
      if (!isHistory(taken.value)) throw new TypeError("Expected an array of history items");
      await this.updateTaskHistory(context, taken.value);
    });
  }

  static async #modify(context: HostContext, change: (history: HistoryItem[]) => HistoryItem[]): Promise<void> {
    await this.#exclusively(async () => {
      await this.updateTaskHistory(context, change(await this.getTaskHistory(context)));
    });
  }

  static async #exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#lock.then(work);
    this.#lock = done.catch(() => {});
    return done;
  }
}

function isHistory(value: unknown): value is HistoryItem[] {
  return Array.isArray(value) && value.every((item: Partial<HistoryItem> | null) => typeof item?.id === "string");
}
