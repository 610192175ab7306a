import { nameOf } from "./arguments.js";
import { makeCommand, RECORDS, REDIS_AND_KEYS, type ToolCommand, WHOSE } from "./command.js";
import type { RestoreOptions } from "./versions/run.js";

export function restoreCommand(): ToolCommand {
  return makeCommand("restore", {
    summary: "Make an overwritten version the current one again",
    description: `Makes a kept version the mirror's current one again; what it replaces is kept in turn. An instance whose local store has none of the record adopts it at its next start. Where there is one, it stays: --output gives you the value as a file.`,
    examples: [
      ["restore provider --version 1764018000123", "as `history` shows it"],
      ["restore provider --version 17640 --output old.json", "as a file, and leave the mirror as it is"],
    ],
    environment: REDIS_AND_KEYS,
  })
    .argument("<RECORD>", RECORDS)
    .requiredOption(
      "--version <VERSION>",
      "as `history` shows it, or its beginning where that is enough",
      nameOf("--version", "a version: `redis-mirrored history` lists them"),
    )
    .option("--user <ID>", WHOSE)
    .option(
      "--output <FILE>",
      "write the value to a new file that only you may read, and leave the mirror as it is",
      nameOf("--output", "a file"),
    )
    .does<RestoreOptions>(async (options, record) => (await import("./versions/run.js")).restore(options, record!));
}
