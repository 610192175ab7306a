import { setTimeout as pause } from "node:timers/promises";
import { ContextProxy } from "../../extension/context-proxy.js";
import type { ExtensionApi } from "../../extension/extension.js";
import type { FileContext } from "../../extension/file-context.js";
import { ProviderSettingsManager } from "../../extension/provider-settings-manager.js";
import type { HistoryItem, ProviderProfiles } from "../../extension/roo-types.js";
import { TaskHistoryBridge } from "../../extension/task-history-bridge.js";
import { createMirror, useContainer } from "../../index.js";

type Host = Omit<ExtensionApi, "mirror" | "ready">;

/** What a stretch of the session cost, as the one who saved felt it. */
export interface Stretch {
  /** How long each save took, ms. */
  readonly timesMs: number[];
  /** How long the same saves took without the mirror, each right after its twin. */
  readonly bareTimesMs: number[];
  /** Bytes of JSON that were saved locally. */
  bytes: number;
  /** Saves that threw or rejected. */
  failures: number;
}

/** In its container the no-op is bound. */
const NO_MIRROR = createMirror({ enabled: false, env: {} });
const BURST = 6;
const BURST_PAUSE_MS = 90;

/** A person at work with a coding assistant: a few tasks that grow, now and then a new one, a setting, a profile. */
export class WorkingSession {
  readonly #api: Host;
  readonly #context: FileContext;
  readonly #active: HistoryItem[];
  #saves = 0;

  constructor(api: Host, context: FileContext, history: readonly HistoryItem[]) {
    this.#api = api;
    this.#context = context;
    this.#active = history.slice(-3);
  }

  /** A session of the same work on a store of its own. */
  static bare(context: FileContext, history: readonly HistoryItem[]): WorkingSession {
    const contextProxy = new ContextProxy(context);
    const providerSettings = new ProviderSettingsManager(context);
    return new WorkingSession({ contextProxy, providerSettings, taskHistory: TaskHistoryBridge }, context, history);
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

  /**
   * Saves so many times, in bursts as a model's turn makes them; and beside each save the same one in `bare`, a
   * session without the mirror, so that what else keeps the machine busy disturbs both alike.
   */
  async work(saves: number, bare: WorkingSession, onSave: (done: number) => void): Promise<Stretch> {
    const stretch: Stretch = { timesMs: [], bareTimesMs: [], bytes: 0, failures: 0 };
    for (let done = 1; done <= saves; done++) {
      const saveBare = async () => stretch.bareTimesMs.push(await bare.#timeOneWithoutMirror());
      // Now the one first, now the other: the first after a pause finds the machine asleep.
      if (done % 2 === 0) await saveBare();
      const timeMs = await this.#timeOne().catch(() => undefined);
      if (timeMs === undefined) stretch.failures++;
      else stretch.timesMs.push(timeMs);
      if (done % 2 === 1) await saveBare();
      stretch.bytes += await this.#bytesOfLastSave();
      onSave(done);
      if (done % BURST === 0) await pause(BURST_PAUSE_MS);
    }
    return stretch;
  }

  async #timeOne(): Promise<number> {
    const begin = performance.now();
    await this.#saveOnce();
    return performance.now() - begin;
  }

  async #timeOneWithoutMirror(): Promise<number> {
    using _without = useContainer(NO_MIRROR.container);
    return await this.#timeOne();
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
        number: asCount(task.number) + this.#saves,
        task: `Follow-up ${this.#saves}: ${task.task?.slice(0, 200) ?? ""}`,
      }),
      ts: Date.now(),
      tokensIn: asCount(task.tokensIn) + 1_900,
      tokensOut: asCount(task.tokensOut) + 120,
      totalCost: asCount(task.totalCost) + 0.011,
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

/** A history that somebody brings along need not have all that its type says, and JSON has no NaN. */
function asCount(value: unknown): number {
  return typeof value === "number" ? value : 0;
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
