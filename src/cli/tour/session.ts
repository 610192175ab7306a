import { setTimeout as pause } from "node:timers/promises";
import type { ExtensionApi } from "../../extension/extension.js";
import type { FileContext } from "../../extension/file-context.js";
import type { HistoryItem, ProviderProfiles } from "../../extension/roo-types.js";

/** What a stretch of the session cost, as the one who saved felt it. */
export interface Stretch {
  /** How long each save took, ms. */
  readonly timesMs: readonly number[];
  /** Bytes of JSON that were saved locally. */
  readonly bytes: number;
  /** Saves that threw or rejected. */
  readonly failures: number;
}

const BURST = 6;
const BURST_PAUSE_MS = 90;

/** A person at work with a coding assistant: a few tasks that grow, now and then a new one, a setting, a profile. */
export class WorkingSession {
  readonly #api: ExtensionApi;
  readonly #context: FileContext;
  readonly #active: HistoryItem[];
  #saves = 0;

  constructor(api: ExtensionApi, context: FileContext, history: readonly HistoryItem[]) {
    this.#api = api;
    this.#context = context;
    this.#active = history.slice(-3);
  }

  /** Takes over what the user has had before. */
  async begin(history: HistoryItem[], profiles: ProviderProfiles): Promise<void> {
    await this.#api.taskHistory.updateTaskHistory(this.#context, history);
    for (const [name, profile] of Object.entries(profiles.apiConfigs))
      await this.#api.providerSettings.saveProfile(name, profile);
    if (profiles.apiConfigs["default"] === undefined) {
      await this.#api.providerSettings.activateProfile(profiles.currentApiConfigName);
      await this.#api.providerSettings.deleteProfile("default");
    }
  }

  /** Saves so many times, in bursts as a model's turn makes them. */
  async work(saves: number, onSave: (done: number) => void = () => {}): Promise<Stretch> {
    const timesMs: number[] = [];
    let bytes = 0;
    let failures = 0;
    for (let done = 1; done <= saves; done++) {
      const begin = performance.now();
      try {
        await this.#saveOnce();
      } catch {
        failures++;
      }
      timesMs.push(performance.now() - begin);
      bytes += await this.#bytesOfLastSave();
      onSave(done);
      if (done % BURST === 0) await pause(BURST_PAUSE_MS);
    }
    return { timesMs, bytes, failures };
  }

  #kindOfSave(): "instructions" | "profile" | "task" {
    if (this.#saves % 24 === 11) return "instructions";
    return this.#saves % 18 === 7 ? "profile" : "task";
  }

  async #saveOnce(): Promise<void> {
    this.#saves++;
    switch (this.#kindOfSave()) {
      case "instructions":
        return this.#api.contextProxy.update(
          "customInstructions",
          `Prefer small commits. Explain before you edit. (revision ${this.#saves})`,
        );
      case "profile":
        await this.#api.providerSettings.saveProfile("tour", {
          apiProvider: "openrouter",
          openRouterApiKey: "sk-or-v1-sample-tour",
          rateLimitSeconds: this.#saves,
        });
        return;
      case "task":
        return this.#api.taskHistory.upsertTask(this.#context, this.#nextTask());
    }
  }

  /** One of the active tasks has gone on; every 40th save a new one begins. */
  #nextTask(): HistoryItem {
    const index = this.#saves % this.#active.length;
    const task = this.#active[index]!;
    const isNew = this.#saves % 40 === 0;
    const next: HistoryItem = {
      ...task,
      ...(isNew && {
        id: `tour-${this.#saves}`,
        number: task.number + this.#saves,
        task: `Follow-up ${this.#saves}: ${task.task.slice(0, 200)}`,
      }),
      ts: Date.now(),
      tokensIn: task.tokensIn + 1_900,
      tokensOut: task.tokensOut + 120,
      totalCost: task.totalCost + 0.011,
    };
    this.#active[index] = next;
    return next;
  }

  /** What the local store was given: it writes a record whole. */
  async #bytesOfLastSave(): Promise<number> {
    const saved = await readLocal(this.#context);
    const kind = this.#kindOfSave();
    const record = kind === "task" ? "taskHistory" : kind === "profile" ? "provider" : "customInstructions";
    return Buffer.byteLength(JSON.stringify(saved[record]) ?? "");
  }
}

/** The three mirrored records as the local store holds them. */
export interface LocalState {
  readonly taskHistory: HistoryItem[] | undefined;
  readonly provider: ProviderProfiles | undefined;
  readonly customInstructions: string | undefined;
}

export async function readLocal({ globalState, secrets }: FileContext): Promise<LocalState> {
  const profiles = await secrets.get("roo_cline_config_api_config");
  return {
    taskHistory: globalState.get("taskHistory"),
    provider: profiles === undefined ? undefined : (JSON.parse(profiles) as ProviderProfiles),
    customInstructions: globalState.get("customInstructions"),
  };
}
