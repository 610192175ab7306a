import { Worker } from "node:worker_threads";

export interface Outcome {
  readonly status: number;
  readonly said: string;
}

interface Message {
  readonly said?: string;
  readonly status?: number;
}

/** Runs commands in threads that are kept for the next: of what a command costs, beginning is most. */
export class CommandThreads {
  readonly #idle: Worker[] = [];

  /** The command as it is, with an environment, arguments and an output of its own. */
  run(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
    const worker = this.#idle.pop() ?? new Worker(new URL("command-worker.js", import.meta.url), { env: {} });
    return new Promise((resolve) => {
      let said = "";
      const end = (status: number) => {
        // Not all there are: by some of its own it hears.
        for (const event of ["message", "error", "exit"]) worker.removeAllListeners(event);
        resolve({ status, said });
      };
      worker.on("message", ({ said: piece = "", status }: Message) => {
        said += piece;
        if (status === undefined) return;
        end(status);
        this.#idle.push(worker);
      });
      worker.on("error", (error: Error) => {
        said += error.stack;
        end(70);
      });
      worker.on("exit", end);
      // The rule is about windows.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      worker.postMessage({ args, env });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }
}
