import { makeCommand, type ToolCommand } from "./command.js";
import type { PurgeOptions } from "./purge/run.js";

export function purgeCommand(): ToolCommand {
  return makeCommand("purge", {
    summary: "Remove every key of one user, and nothing else",
    description: `Removes every key of one user from Redis, and nothing else: all records of all instances, the mirror's notes on them, what was overwritten and kept, and what else lies under the user's name. Shows what that is, and asks. No value is ever shown. Call it as often as you like.

First stop what still mirrors this user, or set REDIS_ENABLED=false there: it would write all of it again within minutes. Local stores, and the server's backups and append-only file, are not touched.`,
    examples: [
      ["purge alice --dry-run", "what would be removed"],
      ["purge alice --instance laptop", "only what this instance has"],
      ["purge alice --yes --json", "in a script"],
    ],
    statuses: { 1: "failed, or something may be left: what is ambiguous, or what was written meanwhile" },
  })
    .argument("<USER>", "whose")
    .option("--instance <ID>", "only what this instance has; '' is what the user's instances share")
    .option(
      "--ambiguous",
      "also what may be another user's: a fork's own code wrote user `7`, terminal 5 and user `7:5` to the same key roo:7:5:tasks. Left alone otherwise, and named",
      false,
    )
    .option("--dry-run", "show what would be removed, and change nothing", false)
    .option("--yes", "do not ask", false)
    .does<PurgeOptions>(async (options, user) => (await import("./purge/run.js")).purge(options, user));
}
