#!/usr/bin/env node
import { run } from "./program.js";

// Whoever reads it may have read enough (`| head`), and what is being done goes on.
for (const stream of [process.stdout, process.stderr])
  if (stream.listenerCount("error") === 0) stream.on("error", () => {});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
