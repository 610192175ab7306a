import { makeCommand, REDIS_AND_KEYS, type ToolCommand, WHOSE } from "./command.js";
import type { RotateOptions } from "./rotate/run.js";

export function rotateCommand(): ToolCommand {
  return makeCommand("rotate", {
    summary: "Take a new key, and encrypt with it what lies in Redis under the old one",
    description: `Takes a new key, and encrypts with it what lies in Redis under the old one: values and kept versions, of all of the user's instances. The key file gets the new key first, and keeps the old one behind it. Where ROO_MIRROR_KEY is set, its first key is the new one, and none is made. Each value is replaced for itself, if it is still what was read; so it may be stopped at any time, and goes on where it was when it is called again.

What is under a key that is not at hand is left alone, and listed by its id. No key is ever shown, and no value. Whoever else reads these records needs the new key too: docs/keys.md says in which order.`,
    examples: [
      ["rotate --dry-run", "what is under which key"],
      ["rotate --all-users --yes", "everybody's on this server, without asking"],
      ["rotate --forget", "once nobody needs the old keys any more"],
    ],
    statuses: { 1: "failed, or something is not under the first key at the end" },
    environment: REDIS_AND_KEYS,
  })
    .argument("[USER]", WHOSE)
    .option("--all-users", "everybody's on this server", false)
    .option(
      "--forget",
      "take no new key: remove the old ones from the key file, once nothing in Redis is under them any more, whoever's it is",
      false,
    )
    .option("--dry-run", "show what would be done, and change nothing", false)
    .option("--yes", "do not ask", false)
    .does<RotateOptions>(async (options, user) => (await import("./rotate/run.js")).rotate(options, user));
}
