import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RedisRestored } from "redis-mirrored";
import type { HistoryItem } from "../tasks.js";

type OnWrite = (items: HistoryItem[]) => Promise<void>;
type PartialItem = Partial<HistoryItem> & { id: string };

/** One file for each task. What changes goes through a lock, which whoever holds it must not ask for again. */
export class TaskHistoryStore {
  public readonly initialized: Promise<void>;
  private readonly globalStoragePath: string;
  private readonly onWrite: OnWrite | undefined;
  private resolveInitialized!: () => void;
  private readonly cache = new Map<string, HistoryItem>();
  private writeLock: Promise<unknown> = Promise.resolve();

  constructor(globalStoragePath: string, onWrite?: OnWrite) {
    this.globalStoragePath = globalStoragePath;
    this.onWrite = onWrite;
    this.initialized = new Promise((resolve) => (this.resolveInitialized = resolve));
  }

  @RedisRestored("taskHistory", {
    read: "getAll",
    adopt: (self, all: HistoryItem[]) => Promise.all(all.map((item) => self.upsert(item))),
  })
  async initialize(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true });
      await this.reconcile();
    } finally {
      this.resolveInitialized();
    }
  }

  get(id: string): HistoryItem | undefined {
    return this.cache.get(id);
  }

  getAll(): HistoryItem[] {
    return [...this.cache.values()].sort((one, other) => other.ts - one.ts);
  }

  /** What a partial item does not name stays as it is. */
  async upsert(item: PartialItem): Promise<HistoryItem[]> {
    return this.withLock(async () => {
      const merged = { ...this.cache.get(item.id), ...item } as HistoryItem;
      await mkdir(join(this.folder, item.id), { recursive: true });
      await writeFile(this.fileOf(item.id), JSON.stringify(merged));
      this.cache.set(item.id, merged);
      const all = this.getAll();
      await this.onWrite?.(all);
      return all;
    });
  }

  async delete(id: string): Promise<void> {
    return this.deleteMany([id]);
  }

  async deleteMany(ids: readonly string[]): Promise<void> {
    return this.withLock(async () => {
      for (const id of ids) {
        this.cache.delete(id);
        await rm(join(this.folder, id), { recursive: true, force: true });
      }
      await this.onWrite?.(this.getAll());
    });
  }

  /** Takes over what other windows have written and deleted; tells nobody. */
  async reconcile(): Promise<void> {
    return this.withLock(async () => {
      const ids = await readdir(this.folder).catch((): string[] => []);
      for (const id of ids) if (!this.cache.has(id)) await this.readTask(id);
      for (const id of this.cache.keys()) if (!ids.includes(id)) this.cache.delete(id);
    });
  }

  private async readTask(id: string) {
    try {
      this.cache.set(id, JSON.parse(await readFile(this.fileOf(id), "utf8")) as HistoryItem);
    } catch {
      // Half written, or gone.
    }
  }

  private withLock<T>(work: () => Promise<T>): Promise<T> {
    const result = this.writeLock.then(work, work);
    this.writeLock = result.catch(() => {});
    return result;
  }

  private get folder() {
    return join(this.globalStoragePath, "tasks");
  }

  private fileOf(id: string) {
    return join(this.folder, id, "item.json");
  }
}
