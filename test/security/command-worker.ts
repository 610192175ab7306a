// A thread that runs one command of `redis-mirrored` after the other, as a process of its own would each, without what it
// costs to begin: it is asked with `{ args, env }`, and answers with `{ said }` for each piece of its output and `{ status }`.
import { parentPort } from "node:worker_threads";

const MAIN = import.meta.resolve("#dist/cli/main.js");
// The rule is about windows.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
const answer = (message: { said: string } | { status: unknown }) => parentPort!.postMessage(message);
let calls = 0;

for (const stream of [process.stdout, process.stderr])
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]): boolean => {
    answer({ said: Buffer.from(chunk as string).toString() });
    const done = more.find((each) => typeof each === "function");
    if (done !== undefined) queueMicrotask(done as () => void);
    return true;
  };

parentPort!.on("message", ({ args, env }: { args: string[]; env: Record<string, string> }) => {
  process.argv.splice(2, Infinity, ...args);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.exitCode = undefined;
  // Only the module that begins is another one each time.
  import(`${MAIN}?call=${++calls}`).then(
    () => answer({ status: process.exitCode ?? 0 }),
    // As an error that nobody handles: it ends the thread.
    (error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
  );
});
