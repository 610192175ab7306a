import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { installRedisServer } from "./package-manager.js";

/** The path of a `redis-server` or `valkey-server` on the PATH. */
export function findRedisServer(path = process.env["PATH"] ?? ""): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const candidates = folders.flatMap((folder) => [join(folder, "redis-server"), join(folder, "valkey-server")]);
  return candidates.find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Finds a server or gets one. Where it can't, it says what to install, and the answer is `undefined`. Never throws. */
export async function ensureRedisServer(): Promise<string | undefined> {
  const found = findRedisServer();
  if (found !== undefined) return found;
  await installRedisServer();
  return findRedisServer();
}

/** A server of our own on a free loopback port, without persistence. It ends with this process at the latest. */
export class PrivateRedisServer {
  readonly port: number;
  readonly #executable: string;
  #process: ChildProcess | undefined;

  private constructor(executable: string, port: number) {
    this.#executable = executable;
    this.port = port;
    // By the child's own id, and whatever ends this process.
    process.once("exit", () => this.#process?.kill("SIGKILL"));
  }

  static async start(executable: string): Promise<PrivateRedisServer> {
    const server = new PrivateRedisServer(executable, await freePort());
    await server.start();
    return server;
  }

  /** Starts it, empty, on the same port as before. @throws Error with what the server said, if it does not start. */
  async start(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    // Nothing is ever written to it; a server reads the `dump.rdb` of the folder it is started in, which is somebody's.
    options.push("--dbfilename", `redis-mirrored-${process.pid}-${this.port}.rdb`);
    const started = spawn(this.#executable, options, { stdio: ["ignore", "pipe", "ignore"] });
    this.#process = started;
    let said = "";
    for await (const chunk of started.stdout) {
      said += String(chunk);
      if (said.includes("Ready to accept connections")) break;
    }
    started.stdout.destroy();
    if (!said.includes("Ready to accept connections"))
      throw new Error(`${this.#executable} did not start: ${said.trim()}`);
  }

  /** SIGKILL: what was in it is gone. */
  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }
}

/** A loopback port where nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("Expected a TCP address");
  return address.port;
}
