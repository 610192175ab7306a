import { makeCommand, REDIS_AND_KEYS, type ToolCommand, WHOSE } from "./command.js";
import type { StatusOptions } from "./status/run.js";

export function statusCommand(): ToolCommand {
  return makeCommand("status", {
    summary: "Say what the mirror would be here: can it connect, by which settings, as whom, with which keys",
    description: `Says what a mirror would be that were started here, now: whether it can connect, and why not; the settings in force, and where each is from; user and instance; the ids of the keys; and what Redis holds of the user, a line a record. No secret is shown: only whether it is set. What a host sets by options a command cannot know. \`redis-mirrored doctor\` says what to do.`,
    examples: [
      ["status", "here, as you"],
      ["status --json | jq -r .state", "`connected`, `degraded`, `disabled` or `misconfigured`"],
    ],
    statuses: { 0: "connected", 1: "not connected, or saves are refused there" },
    environment: REDIS_AND_KEYS,
  })
    .argument("[USER]", WHOSE)
    .does<StatusOptions>(async (options, user) => (await import("./status/run.js")).status(options, user));
}
