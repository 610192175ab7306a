import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { activate, deactivate, type ExtensionApi } from "../../extension/extension.js";
import { type FileContext, openFileContext } from "../../extension/file-context.js";
import type { HistoryItem, ProviderProfiles } from "../../extension/roo-types.js";
import { Catalogue, generateKey, type MirrorOptions, TOKENS } from "../../index.js";
import type { PrivateRedisServer } from "../redis-server.js";
import { mirroredPart, RedisView } from "./redis-view.js";
import { formatBytes, formatMs, type Screen } from "../screen.js";
import { type LocalState, readLocal, type Stretch, WorkingSession } from "./session.js";
import { judge, medianOf, type Verdict } from "./verdict.js";

/** `given`: the user's own, named by the environment. `none`: there is no server to be had, and nobody listens on the port. */
export type RedisPlace =
  | { readonly kind: "private"; readonly server: PrivateRedisServer }
  | { readonly kind: "given" }
  | { readonly kind: "none"; readonly port: number };

export interface TourOptions {
  readonly screen: Screen;
  readonly place: RedisPlace;
  /** For the local stores; empty. */
  readonly folder: string;
  readonly history: HistoryItem[];
  readonly profiles: ProviderProfiles;
  readonly saves: number;
}

/** Leads through the tour, measures as it goes, and judges at the end. */
export class TourGuide {
  readonly #options: TourOptions;
  readonly #screen: Screen;
  readonly #userId = `tour-${randomBytes(4).toString("hex")}`;
  readonly #key = generateKey();
  readonly #contexts: FileContext[] = [];
  #view: RedisView | undefined;
  #bare: WorkingSession | undefined;
  /** Why something was not mirrored, if that is known. */
  #dropped: string | undefined;

  constructor(options: TourOptions) {
    this.#options = options;
    this.#screen = options.screen;
  }

  /** The answer: of each promise what was measured. */
  async show(): Promise<Verdict[]> {
    const { place, history, profiles, saves } = this.#options;
    const hasRedis = place.kind !== "none";
    this.#welcome();
    await this.#beginBare();
    const context = await this.#open("first");
    const api = await activate(context, this.#mirrorOptions());
    api.mirror!.on("dropped", ({ record, detail }) => (this.#dropped ??= `\`${record}\`: ${detail}`));
    const view = this.#lookAt(api);
    const session = new WorkingSession(api, context, history);
    await session.begin(structuredClone(history), profiles);
    // What is loaded once, the Redis client above all, is not what a save costs.
    await api.mirror!.flush({ timeoutMs: 1_000 });
    const healthy = hasRedis
      ? await this.#work(session, "Saving, with Redis there", Math.ceil(saves * 0.5))
      : undefined;
    const syncedMs = hasRedis ? await view.untilEqual(await readLocal(context), 3_000) : undefined;
    if (healthy !== undefined) await this.#showMirror(api, view, healthy, syncedMs);

    const down = await this.#showDown(api, session, Math.ceil(saves * 0.4));
    const recoveredMs = await this.#showRecovery(view, context);
    if (hasRedis) await this.#showSecrets(view, profiles);
    const restoredMs = hasRedis ? await this.#showRestore(await readLocal(context)) : undefined;

    return this.#conclude({ syncedMs, healthy, down, recoveredMs, restoredMs, hasRedis });
  }

  /** Stops what is running, and removes what the tour has written to a server that is not its own. */
  async end(): Promise<void> {
    await deactivate();
    const { place } = this.#options;
    if (place.kind === "given") await this.#view?.clear().catch(() => {});
    this.#view?.close();
    if (place.kind === "private") await place.server.stop();
    for (const context of this.#contexts.splice(0)) await context.dispose();
  }

  #welcome(): void {
    const { place, history, profiles } = this.#options;
    const where = {
      private: place.kind === "private" ? `a private Redis on 127.0.0.1:${place.server.port}` : "",
      given: "your own Redis, which is not stopped",
      none: "no Redis at all",
    }[place.kind];
    this.#screen.title(
      "redis-mirrored",
      `${history.length} tasks and ${Object.keys(profiles.apiConfigs).length} provider profiles, on ${where}`,
    );
  }

  /** The same work on a store of its own. Before the mirror is there: it would fill the empty store. */
  async #beginBare(): Promise<void> {
    const { history, profiles } = this.#options;
    this.#bare = WorkingSession.bare(await this.#open("bare"), history);
    await this.#bare.begin(structuredClone(history), profiles);
  }

  async #work(session: WorkingSession, title: string, saves: number): Promise<Stretch> {
    this.#screen.step(title);
    const onSave = (done: number) => this.#screen.progress(done, saves, `${done} of ${saves} saves`);
    const stretch = await session.work(saves, this.#bare!, onSave);
    const { timesMs, bareTimesMs, bytes, failures } = stretch;
    const failed = failures === 0 ? "none failed" : this.#screen.paint("red", `${failures} failed`);
    this.#screen.note(`${saves} saves, ${formatBytes(bytes)} of JSON, ${failed}.`);
    const [median, worst] = [medianOf(timesMs), Math.max(...timesMs)].map(formatMs);
    const [bareMedian, bareWorst] = [medianOf(bareTimesMs), Math.max(...bareTimesMs)].map(formatMs);
    this.#screen.note(
      `A save took ${median} in the median, ${worst} at worst; without the mirror ${bareMedian}, ${bareWorst}.`,
    );
    return stretch;
  }

  async #showMirror(
    api: ExtensionApi,
    view: RedisView,
    { timesMs, bytes }: Stretch,
    syncedMs: number | undefined,
  ): Promise<void> {
    const keys = await view.keys();
    this.#screen.table(
      ["in Redis", "bytes", "expires in", "last written"],
      keys.map(({ redisKey, bytes: size, ttlSeconds }) => [
        this.#screen.paint("cyan", redisKey),
        formatBytes(size),
        `${(ttlSeconds / 86_400).toFixed(2)} days`,
        writtenAgo(api, ttlSeconds),
      ]),
    );
    this.#screen.line();
    const { batches, sentBytes } = api.mirror!.status;
    const share = ((sentBytes / bytes) * 100).toFixed(0);
    this.#screen.note(
      `${timesMs.length} saves of ${formatBytes(bytes)} went out in ${batches} round trips with ${formatBytes(sentBytes)} (${share} %).`,
    );
    this.#screen.note(
      syncedMs === undefined
        ? this.#screen.paint("red", `Redis does not hold what was saved${this.#why()}.`)
        : `${formatMs(syncedMs)} after the last save Redis held all of it.`,
    );
  }

  /** `undefined`: the server is the user's own. */
  async #showDown(api: ExtensionApi, session: WorkingSession, saves: number): Promise<Stretch | undefined> {
    const { place } = this.#options;
    if (place.kind === "given") return undefined;
    if (place.kind === "private") await place.server.stop();
    const stretch = await this.#work(
      session,
      place.kind === "private" ? "Redis is killed, and the work goes on" : "Saving, with nobody there to mirror to",
      saves,
    );
    const { state, reason, pending } = api.mirror!.status;
    this.#screen.note(
      `The mirror is ${this.#screen.paint("yellow", state)}${reason === undefined ? "." : `: ${reason}`} ${pending} ${pending === 1 ? "record waits" : "records wait"}.`,
    );
    return stretch;
  }

  async #showRecovery(view: RedisView, context: FileContext): Promise<number | "skipped" | undefined> {
    const { place } = this.#options;
    if (place.kind !== "private") return place.kind === "given" ? "skipped" : undefined;
    this.#screen.step("Redis is back, and empty. Nothing is saved");
    await place.server.start();
    // What was dropped does not come.
    const recoveredMs = await view.untilEqual(await readLocal(context), this.#dropped === undefined ? 30_000 : 1_000);
    this.#screen.note(
      recoveredMs === undefined
        ? this.#screen.paint("red", `Redis did not get it back${this.#why()}.`)
        : `${formatMs(recoveredMs)} later it held everything again.`,
    );
    return recoveredMs;
  }

  async #showSecrets(view: RedisView, profiles: ProviderProfiles): Promise<void> {
    const keys = await view.keys();
    const provider = keys.find(({ redisKey }) => redisKey.endsWith(":provider"));
    const secrets = Object.values(profiles.apiConfigs).flatMap((config) =>
      Object.entries(config).filter(
        ([name, value]) => /key|token|secret/i.test(name) && typeof value === "string" && value !== "",
      ),
    );
    const found = secrets.filter(([, secret]) => keys.some(({ stored }) => stored.includes(String(secret))));
    this.#screen.step("The profiles in Redis are encrypted");
    this.#screen.note(this.#screen.paint("dim", `${(provider?.stored ?? "").slice(0, 72)}…`));
    this.#screen.note(
      found.length === 0
        ? `None of the ${secrets.length} API keys can be found there.`
        : this.#screen.paint("red", `${found.length} API keys can be found there.`),
    );
  }

  async #showRestore(before: LocalState): Promise<number | undefined> {
    this.#screen.step("The local store is deleted");
    await deactivate();
    const context = await this.#open("second");
    const begin = performance.now();
    const api = await activate(context, this.#mirrorOptions());
    await api.providerSettings.listProfiles();
    const elapsedMs = performance.now() - begin;
    const after = await readLocal(context);
    const catalogue = new Catalogue();
    const isRestored = (["taskHistory", "provider", "customInstructions"] as const).every((record) =>
      isDeepStrictEqual(after[record], mirroredPart(catalogue, record, before)),
    );
    const tasks = after.taskHistory?.length ?? 0;
    const profiles = Object.keys(after.provider?.apiConfigs ?? {}).length;
    const restored = `the newest ${tasks} of ${before.taskHistory?.length ?? 0} tasks, ${profiles} profiles and the instructions`;
    this.#screen.note(
      isRestored
        ? `${formatMs(elapsedMs)} later it holds ${restored} again, as before.`
        : this.#screen.paint("red", "It was not restored."),
    );
    return isRestored ? elapsedMs : undefined;
  }

  #why(): string {
    return this.#dropped === undefined ? "" : `; not mirrored: ${this.#dropped}`;
  }

  #conclude(measurements: Parameters<typeof judge>[0]): Verdict[] {
    const verdicts = judge(measurements);
    const mark = (isKept: boolean | undefined) =>
      isKept === undefined
        ? this.#screen.paint("dim", "–")
        : isKept
          ? this.#screen.paint("green", "✔")
          : this.#screen.paint("red", "✘");
    this.#screen.line();
    for (const { name, promised, measured, isKept } of verdicts) {
      this.#screen.line(`${mark(isKept)}  ${this.#screen.paint("bold", name.padEnd(12))}${promised}`);
      this.#screen.line(`   ${" ".repeat(12)}${this.#screen.paint("dim", measured)}`);
    }
    this.#screen.line();
    return verdicts;
  }

  async #open(name: string): Promise<FileContext> {
    const context = await openFileContext(join(this.#options.folder, name));
    this.#contexts.push(context);
    return context;
  }

  #lookAt(api: ExtensionApi): RedisView {
    this.#view = new RedisView(api.mirror!.container.get(TOKENS.Settings), this.#userId, this.#key);
    return this.#view;
  }

  #mirrorOptions(): MirrorOptions {
    const { place } = this.#options;
    const own = { enabled: true, userId: this.#userId, keys: [this.#key], logger: { info: () => {}, warn: () => {} } };
    if (place.kind === "given") return own;
    return {
      ...own,
      env: {},
      redis: { host: "127.0.0.1", port: place.kind === "private" ? place.server.port : place.port },
    };
  }
}

/** From what is left of the time to live. Redis counts it in whole seconds. */
function writtenAgo(api: ExtensionApi, ttlSeconds: number): string {
  const { timings } = api.mirror!.container.get(TOKENS.Settings);
  const seconds = timings.ttlSeconds - ttlSeconds;
  return seconds <= 0 ? "just now" : `${seconds} s ago`;
}
