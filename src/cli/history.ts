import { makeCommand, RECORDS, REDIS_AND_KEYS, type ToolCommand, WHOSE } from "./command.js";
import type { HistoryOptions } from "./versions/run.js";

export function historyCommand(): ToolCommand {
  return makeCommand("history", {
    summary: "List the versions of a record that Redis holds",
    description: `Lists the versions of a record that Redis holds, newest first: the current one, and those that were overwritten by an instance that had not seen them, or by an empty value.`,
    examples: [
      ["history provider", "the versions of your provider profiles"],
      ["history taskHistory --user alice --json", "somebody else's, for a program"],
    ],
    environment: REDIS_AND_KEYS,
  })
    .argument("<RECORD>", RECORDS)
    .option("--user <ID>", WHOSE)
    .does<HistoryOptions>(async (options, record) => (await import("./versions/run.js")).history(options, record!));
}
