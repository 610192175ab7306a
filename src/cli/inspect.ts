import { makeCommand, type ToolCommand, WHOSE } from "./command.js";
import { numberOf } from "./arguments.js";
import type { InspectOptions } from "./inspect/run.js";

export function inspectCommand(): ToolCommand {
  return makeCommand("inspect", {
    summary: "Show what Redis holds of a user, and what each of the user's instances has of it",
    description: `Shows what Redis holds of a user: of each record its size, how long it still lives, when and by whom it was saved last; of each list its newest items. Where instances have ids, theirs stand side by side. No value is ever shown.

EXPIRES: when Redis forgets it, unless it is saved, or found by a running instance, before. WRITER: which process of which local store. KEPT: overwritten versions; \`redis-mirrored history RECORD\` lists them.`,
    examples: [
      ["inspect", "what there is of you"],
      ["inspect alice --items 0", "of somebody else, without the items of lists"],
      ["inspect --json | jq '.records[].record'", "for a program; with all items"],
    ],
  })
    .argument("[USER]", WHOSE)
    .option("--items <N>", "how many items of a list", numberOf("--items"), 10)
    .does<InspectOptions>(async (options, user) => (await import("./inspect/run.js")).inspect(options, user));
}
