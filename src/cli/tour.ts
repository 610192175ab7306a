import { makeCommand, type ToolCommand } from "./command.js";
import { numberOf } from "./arguments.js";
import type { TourOptions } from "./tour/run.js";

export function tourCommand(): ToolCommand {
  return makeCommand("tour", {
    summary: "Watch it work: a working session, mirrored to a Redis that is killed and comes back",
    description: `Runs the extension without VS Code and replays a working session on it: saves while Redis is well, while it is dead and when it is back; then deletes the local store and restores it. Ends with what was promised and what was measured; --json is that alone.

If REDIS_URL or REDIS_HOST names a server, that one is used and not stopped, and what the tour wrote is removed at the end. Otherwise a private redis-server is started on a free port of the loopback interface.`,
    examples: [
      ["tour", "on a private server, with samples"],
      ["tour --history tasks.json --profiles profiles.json", "with your own data"],
    ],
    statuses: { 1: "failed, or one of the promises did not hold" },
    environment: "REDIS_URL, or REDIS_HOST, REDIS_PORT and the others: a server of your own. NO_COLOR: as --plain.",
  })
    .option("--history <FILE>", "tasks to begin with: JSON as Roo-Code keeps it. Default: a sample")
    .option("--profiles <FILE>", "provider profiles to begin with: JSON as Roo-Code exports it. Default: a sample")
    .option("--saves <N>", "how many saves to replay", numberOf("--saves", 10), 360)
    .option("--plain", "no colours, no line that redraws itself", false)
    .does<TourOptions>(async (options) => (await import("./tour/run.js")).tour(options));
}
