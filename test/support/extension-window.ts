import { installMirror, type Mirror, type MirrorOptions } from "redis-mirrored";
import { ContextProxy } from "#dist/extension/context-proxy.js";
import { contribute } from "#dist/extension/contributions.js";
import { windowOptions } from "#dist/extension/live-settings.js";
import { MirrorLog } from "#dist/extension/mirror-log.js";
import { ProviderSettingsManager } from "#dist/extension/provider-settings-manager.js";
import type { HistoryItem, HostContext } from "#dist/extension/roo-types.js";
import type { LocalStores } from "#dist/extension/stores.js";
import { TaskHistoryBridge } from "#dist/extension/task-history-bridge.js";
import { FakeSecrets } from "./fake-secrets.js";
import { FakeWindow } from "./fake-window.js";
import { SHORT_TIMINGS } from "./mirrors.js";

/** A window in which the extension runs, on a state and secrets that are in memory. */
export interface ExtensionWindow {
  readonly window: FakeWindow;
  readonly secrets: FakeSecrets;
  readonly context: HostContext;
  readonly mirror: Mirror;
  readonly stores: LocalStores;
  /** As `deactivate`, and the end of the window. */
  close(): Promise<void>;
}

export interface ExtensionWindowOptions extends MirrorOptions {
  /** What the user has set before. */
  set?: Record<string, unknown>;
  window?: FakeWindow;
  secrets?: FakeSecrets;
  state?: Map<string, unknown>;
}

/** Opens one as `activate` does, and waits until all is contributed. */
export async function openExtensionWindow({
  set = {},
  window = new FakeWindow(),
  secrets = new FakeSecrets(),
  state = new Map<string, unknown>(),
  ...options
}: ExtensionWindowOptions = {}): Promise<ExtensionWindow> {
  window.settings.set(set);
  const context = {
    secrets,
    subscriptions: [] as { dispose(): unknown }[],
    globalState: {
      get: (key: string) => state.get(key),
      update: async (key: string, value: unknown) => void state.set(key, structuredClone(value)),
    },
  } as unknown as HostContext;
  const log = new MirrorLog(window);
  const own = { env: {}, timings: SHORT_TIMINGS, ...options };
  const all = { secrets, memento: context.globalState, ...windowOptions(context, window, log, own) };
  const mirror = installMirror(all);
  const contextProxy = new ContextProxy(context);
  await contextProxy.initialize();
  const stores = {
    contextProxy,
    providerSettings: new ProviderSettingsManager(context),
    taskHistory: TaskHistoryBridge,
  };
  contribute({ context, window, mirror, stores, log, options: all });
  await new Promise((resolve) => setImmediate(resolve));
  const close = async () => {
    await mirror.close();
    for (const subscription of context.subscriptions.splice(0)) subscription.dispose();
  };
  return { window, secrets, context, mirror, stores, close };
}

/** The times of tasks: a minute ago, and each a second later. */
const BEGINNING_MS = Date.now() - 60_000;

/** A task as hosts keep them. @param second When it was worked on. */
export function taskOf(id: string, second: number): HistoryItem {
  return {
    id,
    number: second,
    ts: BEGINNING_MS + 1_000 * second,
    task: `Task ${id}`,
    tokensIn: 1,
    tokensOut: 2,
    totalCost: 0.1,
  };
}

/** The windows that a suite opens, `alice`'s unless it says whose. */
export class ExtensionWindows {
  readonly #opened: ExtensionWindow[] = [];

  async open(options: ExtensionWindowOptions = {}): Promise<ExtensionWindow> {
    const window = await openExtensionWindow({ userId: "alice", ...options });
    this.#opened.push(window);
    return window;
  }

  /** The answer: those that were open. */
  async closeAll(): Promise<readonly ExtensionWindow[]> {
    const closed = this.#opened.splice(0);
    for (const each of closed) await each.close();
    return closed;
  }
}
