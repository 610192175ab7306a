import { nameOf } from "./arguments.js";
import { makeCommand, REDIS_AND_KEYS, type ToolCommand } from "./command.js";
import type { ImportOptions } from "./import/run.js";

export function importCommand(): ToolCommand {
  return makeCommand("import", {
    summary: "Put back into Redis what `export` has written",
    description: `Puts back into Redis what \`export\` has written, each record under the version that it had: so nothing newer is overwritten, and what is overwritten is kept. Lists are merged item by item. Shows what it will do, and asks. No value is ever shown. Call it as often as you like.

What is encrypted is put back as it is where it lay under the same name. Under another user id, or on a cluster where it was on none, it is encrypted anew: that wants the key. Kept versions come back where the record was one value, as far as there is room: Redis keeps 16 of a record, those that are there stay, and which of the file's are left out is said. A list's kept versions are not put back: they are in the document for you to read.`,
    examples: [
      ["import alice.json --dry-run", "what would be done"],
      ["import alice.json --yes", "without asking"],
      ["import alice.json --user bob", "as somebody else's"],
    ],
    statuses: { 1: "failed, or something could not be put back" },
    environment: REDIS_AND_KEYS,
  })
    .argument("<FILE>", "what `export` has written")
    .option("--user <ID>", "whose it becomes. Default: as the file says", nameOf("--user", "a user"))
    .option("--dry-run", "show what would be done, and change nothing", false)
    .option("--yes", "do not ask", false)
    .does<ImportOptions>(async (options, file) => (await import("./import/run.js")).importUser(options, file!));
}
