import { nameOf } from "./arguments.js";
import { makeCommand, REDIS_AND_KEYS, type ToolCommand, WHOSE } from "./command.js";
import type { SupportBundleOptions } from "./support-bundle/run.js";

export function supportBundleCommand(): ToolCommand {
  return makeCommand("support-bundle", {
    summary: "Make a document for a bug report: versions, settings, what Redis holds; no key and no value",
    description: `Makes one JSON document to attach to a bug report: versions; the settings in force, and where each is from; the ids of the keys at hand; what Redis holds of each of the user's records, and what the connection said if it failed. It is made without Redis too.

Never in it: a key, a password, the name of an account, a value, the id of an item. Of a secret it says whether it is set. User ids, instance ids and the names of servers are shown as they are, unless you say --anonymous; then one name has the same hash throughout a bundle, and another in the next. Names of records are always shown. Read it before you attach it.

What a host sets by options a command cannot know: \`mirror.status\` and the log say more.`,
    examples: [
      ["support-bundle --output bundle.json", "as a file that only you may read"],
      ["support-bundle --anonymous | less", "to be read first"],
    ],
    statuses: { 0: "done, also where Redis cannot be used" },
    environment: REDIS_AND_KEYS,
  })
    .argument("[USER]", WHOSE)
    .option(
      "--output <FILE>",
      "write it to a new file that only you may read. Default: the standard output",
      nameOf("--output", "a file"),
    )
    .option("--anonymous", "a short hash in the place of each name of a user, an instance or a server", false)
    .does<SupportBundleOptions>(async (options, user) =>
      (await import("./support-bundle/run.js")).supportBundle(options, user),
    );
}
