import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RedisMirrored, RedisRestored } from "redis-mirrored";
import type { ExtensionContext } from "../machine.js";

export interface ModeConfig {
  readonly slug: string;
  readonly name: string;
  readonly source?: "global" | "project";
}

const CACHE_MS = 10_000;

/** The user's modes in a file, merged with those of the project. Both are shown in global state, past the `ContextProxy`. */
export class CustomModesManager {
  private readonly context: ExtensionContext;
  private readonly onUpdate: () => Promise<void>;
  private isWriting = false;
  private readonly writeQueue: (() => Promise<void>)[] = [];
  private cachedModes: ModeConfig[] | undefined;
  private cachedAt = 0;

  constructor(context: ExtensionContext, onUpdate: () => Promise<void>) {
    this.context = context;
    this.onUpdate = onUpdate;
  }

  @RedisRestored("customModes", {
    adopt: (self, modes: ModeConfig[]) => Promise.all(modes.map((mode) => self.updateCustomMode(mode.slug, mode))),
  })
  public async getCustomModes(): Promise<ModeConfig[]> {
    if (this.cachedModes !== undefined && Date.now() - this.cachedAt < CACHE_MS) return this.cachedModes;
    const merged = await this.loadMergedModes();
    await this.context.globalState.update("customModes", merged);
    this.cachedModes = merged;
    this.cachedAt = Date.now();
    return merged;
  }

  public async updateCustomMode(slug: string, config: ModeConfig) {
    const { file, source } = config.source === "project" ? this.projectFile : this.settingsFile;
    await this.queueWrite(async () => {
      const others = (await this.loadFile(file)).filter((mode) => mode.slug !== slug);
      await this.writeFile(file, [...others, { ...config, source }]);
      await this.refreshMergedState();
    });
  }

  public async deleteCustomMode(slug: string) {
    await this.queueWrite(async () => {
      for (const { file } of [this.projectFile, this.settingsFile]) {
        const modes = await this.loadFile(file);
        if (modes.some((mode) => mode.slug === slug))
          await this.writeFile(
            file,
            modes.filter((mode) => mode.slug !== slug),
          );
      }
      await this.refreshMergedState();
    });
  }

  public async resetCustomModes() {
    await this.writeFile(this.settingsFile.file, []);
    await this.context.globalState.update("customModes", []);
    this.cachedModes = undefined;
    await this.onUpdate();
  }

  private get settingsFile() {
    return { file: join(this.context.globalStorageUri.fsPath, "settings", "modes.json"), source: "global" as const };
  }

  private get projectFile() {
    return { file: join(this.context.globalStorageUri.fsPath, "project", ".modes"), source: "project" as const };
  }

  /** Whoever comes while it writes is not kept waiting. */
  private async queueWrite(operation: () => Promise<void>) {
    this.writeQueue.push(operation);
    if (this.isWriting) return;
    this.isWriting = true;
    try {
      for (let next = this.writeQueue.shift(); next !== undefined; next = this.writeQueue.shift()) await next();
    } finally {
      this.isWriting = false;
    }
  }

  @RedisMirrored("customModes", { result: (self) => self.context.globalState.get("customModes") })
  private async refreshMergedState() {
    await this.context.globalState.update("customModes", await this.loadMergedModes());
    this.cachedModes = undefined;
    await this.onUpdate();
  }

  private async loadMergedModes(): Promise<ModeConfig[]> {
    const project = await this.loadFile(this.projectFile.file);
    const settings = await this.loadFile(this.settingsFile.file);
    const own = settings.filter(({ slug }) => project.every((mode) => mode.slug !== slug));
    return [
      ...project.map((mode) => ({ ...mode, source: "project" as const })),
      ...own.map((mode) => ({ ...mode, source: "global" as const })),
    ];
  }

  private async loadFile(file: string): Promise<ModeConfig[]> {
    try {
      return JSON.parse(await readFile(file, "utf8")) as ModeConfig[];
    } catch {
      return [];
    }
  }

  private async writeFile(file: string, modes: readonly ModeConfig[]) {
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, JSON.stringify(modes));
  }
}
