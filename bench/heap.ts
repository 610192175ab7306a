import { RedisServer } from "../test/support/redis-server.js";
import { history, MirroredUsers, smallValue } from "./hosts.js";
import { formatMebibytes, liveBytes, nextTurn, printTable } from "./measure.js";
import { installQuietMirror } from "./save-cost.js";

export interface BlackHoleLoad {
  readonly saves: number;
  readonly users: number;
  /** What each of them saves, in turn. */
  readonly records: readonly ("taskHistory" | "customInstructions")[];
}

/** As many keys as a busy host has. */
export const ONE_HISTORY = { users: 1, records: ["taskHistory"] } as const;
export const FIFTY_KEYS = { users: 25, records: ["taskHistory", "customInstructions"] } as const;

/** How much the heap grows, bytes, over so many saves while Redis accepts and never answers. */
export async function measureHeapGrowth({ saves, users, records }: BlackHoleLoad): Promise<number> {
  const server = await RedisServer.start();
  const mirror = installQuietMirror(server);
  const host = new MirroredUsers();
  // Made once, and changed for each save: what is measured is what the mirror keeps of them.
  const saved = history(0);
  const saveMany = async (count: number) => {
    for (let save = 0; save < count; save++) {
      const record = records[Math.floor(save / users) % records.length]!;
      saved[0]!["ts"] = 1_760_000_000_000 + save;
      host.update(`user-${save % users}`, record, record === "taskHistory" ? saved : smallValue(save));
      if (save % 100 === 0) await nextTurn();
    }
  };
  try {
    await saveMany(users * records.length);
    await mirror.flush({ timeoutMs: 5_000 });
    server.freeze();
    await saveMany(1_000);
    const before = liveBytes();
    await saveMany(saves);
    return liveBytes() - before;
  } finally {
    server.thaw();
    await mirror.close();
    await server.kill();
  }
}

export async function printHeapGrowth(): Promise<void> {
  const saves = 100_000;
  const growth = await measureHeapGrowth({ saves, ...ONE_HISTORY });
  printTable("Heap after saving into a black hole", ["saves", "growth"], [[String(saves), formatMebibytes(growth)]]);
}
