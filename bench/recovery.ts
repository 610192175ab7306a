import { setTimeout as pause } from "node:timers/promises";
import type { Mirror } from "redis-mirrored";
import { createMirror, TOKENS } from "redis-mirrored";
import { RedisServer } from "../test/support/redis-server.js";
import { TcpProxy } from "../test/support/tcp-proxy.js";
import { printTable } from "./measure.js";

interface Fault {
  readonly name: string;
  /** What the promise allows, seconds from the end of the fault. */
  readonly allowedSeconds: number;
  readonly password?: string;
  readonly isDownAtStart?: boolean;
  begin(server: RedisServer, proxy: TcpProxy): unknown;
  readonly lastsSeconds: number;
  end(server: RedisServer, proxy: TcpProxy): unknown;
}

const setConfig = async (server: RedisServer, name: string, value: string) =>
  (await server.client()).configSet(name, value);

const FAULTS: readonly Fault[] = [
  {
    name: "down at start for 10 s",
    allowedSeconds: 10,
    isDownAtStart: true,
    begin: () => {},
    lastsSeconds: 10,
    end: (server) => server.restart(),
  },
  {
    name: "killed, restarted empty after 10 s",
    allowedSeconds: 10,
    begin: (server) => server.kill(),
    lastsSeconds: 10,
    end: (server) => server.restart(),
  },
  {
    name: "killed, restarted empty at once",
    allowedSeconds: 10,
    begin: (server) => server.kill(),
    lastsSeconds: 0,
    end: (server) => server.restart(),
  },
  {
    name: "SIGSTOP for 10 s",
    allowedSeconds: 10,
    begin: (server) => server.freeze(),
    lastsSeconds: 10,
    end: (server) => server.thaw(),
  },
  {
    name: "connection dead, new ones work",
    allowedSeconds: 10,
    begin: (_server, proxy) => proxy.killSilently(),
    lastsSeconds: 0,
    end: () => {},
  },
  {
    name: "out of memory for 5 s",
    allowedSeconds: 65,
    begin: (server) => setConfig(server, "maxmemory", "1"),
    lastsSeconds: 5,
    end: (server) => setConfig(server, "maxmemory", "0"),
  },
  {
    name: "wrong password for 5 s",
    allowedSeconds: 65,
    begin: async (server) => {
      await setConfig(server, "requirepass", "another");
      // Those who are in stay in; this is about who comes new.
      await (await server.client()).sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    },
    lastsSeconds: 5,
    end: (server) => setConfig(server, "requirepass", "ours"),
    password: "ours",
  },
];

/** Seconds from the end of a fault until all is there that was saved during it, and before it, with no save since. */
async function measureRecovery(fault: Fault): Promise<number> {
  const server = fault.isDownAtStart ? await RedisServer.absent() : await RedisServer.start();
  const proxy = await TcpProxy.start(server.port);
  const mirror = createMirror({
    redis: { host: "127.0.0.1", port: proxy.port, ...(fault.password !== undefined && { password: fault.password }) },
    userId: "bench",
    keys: ["A".repeat(43)],
    env: {},
    logger: { info: () => {}, warn: () => {} },
  });
  const expected = new Map<string, string>();
  const save = (record: string, value: unknown) => {
    mirror.container.get(TOKENS.RedisSyncService).set({ userId: "bench", record }, value);
    expected.set(`roo:bench:${record}`, JSON.stringify(value));
  };
  try {
    if (!fault.isDownAtStart && fault.password !== undefined) await setConfig(server, "requirepass", fault.password);
    if (!fault.isDownAtStart) await saveBefore(mirror, save);
    await fault.begin(server, proxy);
    save("customInstructions", "saved during the fault");
    await pause(fault.lastsSeconds * 1_000);
    await fault.end(server, proxy);
    const begin = performance.now();
    while (!(await isAllThere(server, expected))) {
      if (performance.now() - begin > 120_000) return Infinity;
      await pause(20);
    }
    return (performance.now() - begin) / 1_000;
  } finally {
    await mirror.close();
    await proxy.stop();
    await server.kill();
  }
}

async function saveBefore(mirror: Mirror, save: (record: string, value: unknown) => void): Promise<void> {
  save("taskHistory", [{ id: "before", ts: 1 }]);
  await mirror.flush();
}

async function isAllThere(server: RedisServer, expected: ReadonlyMap<string, string>): Promise<boolean> {
  const client = await server.client();
  const values = await client.mGet([...expected.keys()]);
  return [...expected.values()].every((value, index) => value === values[index]);
}

console.log(
  "Each fault on a server of its own, all at the same time, with the default timings. This takes about 70 s.",
);
const seconds = await Promise.all(FAULTS.map(measureRecovery));
printTable(
  "From the end of the fault until all is in Redis, without a new save",
  ["fault", "seconds", "promised"],
  FAULTS.map(({ name, allowedSeconds }, index) => [name, seconds[index]!.toFixed(2), `≤ ${allowedSeconds}`]),
);
process.exitCode = FAULTS.every(({ allowedSeconds }, index) => seconds[index]! <= allowedSeconds) ? 0 : 1;
