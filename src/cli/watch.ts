import { numberOf } from "./arguments.js";
import { makeCommand, type ToolCommand, WHOSE } from "./command.js";
import type { WatchOptions } from "./watch/run.js";

export function watchCommand(): ToolCommand {
  return makeCommand("watch", {
    summary: "Watch live what changes for a user: which record, by whom, in which version",
    description: `Watches what changes for a user, and says each change on a line of its own as it happens: first what is there, then what is saved, deleted or gone. No value is ever shown. It hears of changes by Redis's own messages; where the account may not listen, it looks every few seconds. Goes on where Redis goes away and comes back, and says so. Ends by Ctrl-C.`,
    examples: [
      ["watch", "yours, until Ctrl-C"],
      ["watch alice --json | jq .record", "a JSON line a change"],
      ["watch --for 60 --interval 2", "for a minute; looks every 2 s where it cannot listen"],
    ],
    statuses: {
      0: "ended by Ctrl-C, or as --for says, after it was connected",
      1: "Redis could not be asked at the start, or did not answer in the time of --for",
    },
  })
    .argument("[USER]", WHOSE)
    .option("--interval <SECONDS>", "how often it looks where it cannot listen", numberOf("--interval", 1), 5)
    .option("--for <SECONDS>", "end by itself. Default: never", numberOf("--for", 1))
    .does<WatchOptions>(async (options, user) => (await import("./watch/run.js")).watch(options, user));
}
