import { Option } from "commander";
import { makeCommand, type ToolCommand } from "./command.js";
import type { KeygenOptions } from "./keygen/run.js";

export function keygenCommand(): ToolCommand {
  return makeCommand("keygen", {
    summary: "Make a key for encrypted records, or show the ids of those at hand",
    description: `Makes a key for encrypted records, 32 random bytes in base64url, and prints it: the only line of the output.

An id is a part of a hash of its key: it says which key it is, and is no secret.`,
    examples: [
      ["keygen", "print one: export ROO_MIRROR_KEY=$(redis-mirrored keygen), the same on each machine that shares"],
      ["keygen --store", "keep one where the mirror finds it"],
      ["keygen --id", "which keys are at hand"],
    ],
    environment:
      "ROO_MIRROR_KEY: the keys at hand. Goes before the key file, redis-mirrored/key below $XDG_CONFIG_HOME, else $APPDATA, else ~/.config.",
  })
    .addOption(
      new Option(
        "--store",
        "keep it in the key file instead, where the mirror finds it, and print its id; one that is there stays",
      ).conflicts("id"),
    )
    .option("--id", "make none: show the ids of the keys at hand, the encrypting one first. Never a key")
    .does<KeygenOptions>(async (options) => (await import("./keygen/run.js")).keygen(options));
}
