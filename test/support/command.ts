import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));

export interface CommandOutcome {
  /** `null`: a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** All commands there are, as `--help` lists them. */
export async function commandNames(): Promise<string[]> {
  const { stdout } = await runCommand({}, "--help");
  return [...stdout.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)].map(([, name]) => name!);
}

/** Runs `redis-mirrored` as a process of its own, with nobody to ask, and with no environment but the given one. */
export async function runCommand(env: Record<string, string>, ...args: string[]): Promise<CommandOutcome> {
  const command = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  command.stdout.on("data", (chunk) => (stdout += String(chunk)));
  command.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const [status] = (await once(command, "close")) as [number | null];
  return { status, stdout, stderr };
}
