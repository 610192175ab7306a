import { makeCommand, REDIS_AND_KEYS, type ToolCommand } from "./command.js";
import type { MigrateOptions } from "./migrate/run.js";

export function migrateCommand(): ToolCommand {
  return makeCommand("migrate", {
    summary: "Take over what a fork's own RedisSyncService left in Redis, and encrypt what lies open there",
    description: `Takes over what a fork's own RedisSyncService left in Redis: plain JSON under roo:USER:tasks, roo:USER:TERMINAL:tasks, roo:USER:taskHistory, roo:USER:TERMINAL:taskHistory, roo:USER:customInstructions, roo:USER:pinnedApiConfigs, roo:USER:modes and roo:USER:provider. The histories of all terminals become one, provider profiles are encrypted. Nothing that the mirror has already is overwritten. No value is ever shown. Call it as often as you like.`,
    examples: [
      ["migrate --dry-run", "what there is, and what would become of it"],
      ["migrate 7 --yes --delete", "user 7's, and delete the old keys"],
    ],
    statuses: { 1: "failed, or something could not be taken over" },
    environment: `${REDIS_AND_KEYS}
LEGACY_REDIS_URL: where the old keys are, if that is another server.`,
  })
    .argument(
      "[USER]",
      "whose, as the fork wrote it in its keys. Default: ROO_USER_ID, else the id of this machine and user",
    )
    .option(
      "--instance <ID>",
      "under which instance it is to lie. Default: ROO_INSTANCE_ID, else the one that the user's instances share",
    )
    .option(
      "--delete",
      "delete the old keys, each once all of it is known to be there. What has been written since stays",
      false,
    )
    .option("--dry-run", "show what would be done, and change nothing", false)
    .option("--yes", "do not ask", false)
    .does<MigrateOptions>(async (options, user) => (await import("./migrate/run.js")).migrate(options, user));
}
