import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { findRedisServer } from "#dist/cli/redis-server.js";

/** Those that run. One listener for all: when this process ends, they end. */
const RUNNING = new Set<ChildProcess>();
process.once("exit", () => RUNNING.forEach((child) => child.kill("SIGKILL")));
// By itself that signal would end it without an `exit`.
process.once("SIGTERM", () => process.exit(143));

/** A process of redis-server, which can be killed and frozen. */
export class ServerProcess {
  #process: ChildProcess | undefined;
  #isFrozen = false;

  /** @param readyText What it says once it can be talked to. @throws Error with what it said, if it ends before. */
  async start(args: readonly string[], readyText: string): Promise<void> {
    const started = spawn(findRedisServer() ?? "redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
    RUNNING.add(started);
    started.once("exit", () => RUNNING.delete(started));
    this.#process = started;
    let log = "";
    for await (const chunk of started.stdout) {
      log += String(chunk);
      if (log.includes(readyText)) break;
    }
    started.stdout.destroy();
    if (!log.includes(readyText)) throw new Error(`redis-server ended: ${log}`);
  }

  /** Neither dead nor frozen. */
  get isAnswering(): boolean {
    return this.#process !== undefined && RUNNING.has(this.#process) && !this.#isFrozen;
  }

  /** SIGKILL: what was in it is gone. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    this.#isFrozen = false;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }

  /** SIGSTOP: connections are accepted, and nothing is answered. */
  freeze(): void {
    this.#isFrozen = this.#process?.kill("SIGSTOP") ?? false;
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
    this.#isFrozen = false;
  }
}

/** Loopback ports where nobody listens. Held until all are there, so that no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
