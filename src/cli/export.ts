import { nameOf } from "./arguments.js";
import { makeCommand, REDIS_AND_KEYS, type ToolCommand, WHOSE } from "./command.js";
import type { ExportOptions } from "./export/run.js";

export function exportCommand(): ToolCommand {
  return makeCommand("export", {
    summary: "Write all that Redis holds of a user as one JSON document",
    description: `Writes all that Redis holds of a user as one JSON document, which \`import\` takes: the records of all instances with their values and versions, of lists each item, and the versions that were overwritten and kept. What is encrypted stays so, as it lies in Redis: without the keys nobody can read it, nor put it back under another user id. docs/cli.md says what the document looks like.`,
    examples: [
      ["export --output alice.json", "to a file that only you may read"],
      ["export | jq '.records[].record'", "to another program"],
      ["export --decrypt --output clear.json", "with the secrets in clear text"],
    ],
    statuses: { 1: "failed, or something is not in the document: the error output says what, and why" },
    environment: REDIS_AND_KEYS,
  })
    .argument("[USER]", WHOSE)
    .option(
      "--output <FILE>",
      "write it to a new file that only you may read. Default: the standard output",
      nameOf("--output", "a file"),
    )
    .option("--decrypt", "with the secrets in clear text. Wants --output, or --force", false)
    .option("--force", "secrets in clear text also to the standard output", false)
    .option("--no-kept", "without the versions that were overwritten and kept")
    .does<ExportOptions>(async (options, user) => (await import("./export/run.js")).exportUser(options, user));
}
