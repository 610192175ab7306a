import { makeCommand, REDIS_AND_KEYS, type ToolCommand } from "./command.js";
import type { DoctorOptions } from "./doctor/run.js";

export function doctorCommand(): ToolCommand {
  return makeCommand("doctor", {
    summary: "Find out why the mirror does not work, or not well; each finding with what to do",
    description: `Looks at everything between this machine and the records in Redis, one thing after the other: settings, user, keys, names, connection, TLS, login, version, rights by command, eviction, memory, clocks, and whether what is there can be read. Each finding says what to do. Changes nothing in Redis, and ends within some ten seconds whatever does not answer. docs/doctor.md has a section for each check.

✓ as it should be · good to know ! it works, but not as it should ✗ it does not work`,
    examples: [
      ["doctor", "why does it not work?"],
      ["doctor --json | jq '.findings[] | select(.severity==\"error\")'", "for a program"],
    ],
    statuses: { 0: "all is well, or good to know", 1: "something does not work", 3: "it works, with warnings" },
    environment: REDIS_AND_KEYS,
  }).does<DoctorOptions>(async (options) => (await import("./doctor/run.js")).doctor(options));
}
