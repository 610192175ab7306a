import { Option } from "commander";
import type { AdoptOptions } from "./adopt/run.js";
import { makeCommand, type ToolCommand } from "./command.js";
import type { Terminal } from "./terminal.js";

/** @param terminal Where it says and asks. Default: this process's. */
export function adoptCommand(terminal?: Terminal): ToolCommand {
  return makeCommand("adopt", {
    summary: "Decorate the persistence methods of a Roo-Code checkout, after showing how; or take it all out again",
    description: `Finds in the sources of Roo-Code, or of a fork, the methods that save and load; shows the decorators, the imports, the line in \`activate()\` and the dependency that they need; asks, and inserts them. What is there already stays as it is, so after an update of the host only what is missing is added. Nothing else in a file changes. docs/integration.md explains every line. With --json and without --yes it only says it.`,
    examples: [
      ["adopt path/to/Roo-Code", "show what is missing, ask, insert it"],
      ["adopt --check", "in CI: is everything there?"],
      ["adopt --undo", "take it all out again, to the byte"],
    ],
    statuses: {
      0: "everything is there (with --undo: everything is out)",
      1: "something is missing",
      2: "the call could not be understood, no such host, or a file cannot be written: none is changed then",
    },
    environment: "None. NO_COLOR: no colours.",
  })
    .argument("[DIR]", "the checkout, or a part of it. Default: here")
    .option("-y, --yes", "do not ask", false)
    .addOption(
      new Option("--check", "change nothing, and end with status 1 if something is missing: for CI")
        .default(false)
        .conflicts("undo"),
    )
    .option(
      "--undo",
      "take out again what was inserted, to the byte. Decorators and the line in `activate()` are known by where they stand and go also if their arguments were edited; what was decorated elsewhere by hand stays",
      false,
    )
    .does<AdoptOptions>(async (options, folder) => (await import("./adopt/run.js")).adopt(options, folder, terminal));
}
