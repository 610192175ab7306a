import { RedisServer } from "../test/support/redis-server.js";
import { history, MirroredStore } from "./hosts.js";
import { nextTurn, printTable } from "./measure.js";
import { installQuietMirror } from "./save-cost.js";

/** How much the heap grows, bytes, over so many saves of a 50-item history while Redis accepts and never answers. */
export async function measureHeapGrowth(saves: number): Promise<number> {
  if (globalThis.gc === undefined) throw new Error("Expected node to run with --expose-gc");
  const server = await RedisServer.start();
  const mirror = installQuietMirror(server);
  const store = new MirroredStore();
  try {
    const saved = history(0);
    store.update("taskHistory", saved);
    await mirror.flush();
    server.freeze();
    const saveMany = async (count: number) => {
      for (let save = 0; save < count; save++) {
        saved[0]!["ts"] = 1_760_000_000_000 + save;
        store.update("taskHistory", saved);
        if (save % 100 === 0) await nextTurn();
      }
    };
    await saveMany(1_000);
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    await saveMany(saves);
    globalThis.gc();
    return process.memoryUsage().heapUsed - before;
  } finally {
    server.thaw();
    await mirror.close();
    await server.kill();
  }
}

export async function printHeapGrowth(): Promise<void> {
  const saves = 100_000;
  const growth = await measureHeapGrowth(saves);
  printTable(
    "Heap after saving into a black hole",
    ["saves", "growth"],
    [[String(saves), `${(growth / 2 ** 20).toFixed(2)} MiB`]],
  );
}
