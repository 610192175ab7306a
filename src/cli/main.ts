#!/usr/bin/env node
import { packageVersion } from "./package-version.js";
import { describeUsage, UsageError } from "./usage-error.js";

/** A command's module is loaded when it is called. The answer is the exit status. */
interface Command {
  readonly summary: string;
  run(args: string[]): Promise<number>;
}

const COMMANDS: Record<string, Command> = {
  tour: {
    summary: "Watch it work: a working session, mirrored to a Redis that is killed and comes back",
    run: async (args) => (await import("./tour.js")).tour(args),
  },
  adopt: {
    summary: "Decorate the persistence methods of a Roo-Code checkout, after showing how; or take it all out again",
    run: async (args) => (await import("./adopt.js")).adopt(args),
  },
  inspect: {
    summary: "Show what Redis holds of a user, and what each of the user's instances has of it",
    run: async (args) => (await import("./inspect.js")).inspect(args),
  },
  migrate: {
    summary: "Take over what a fork's own RedisSyncService left in Redis, and encrypt what lies open there",
    run: async (args) => (await import("./migrate.js")).migrate(args),
  },
  purge: {
    summary: "Remove every key of one user, and nothing else",
    run: async (args) => (await import("./purge.js")).purge(args),
  },
  history: {
    summary: "List the versions of a record that Redis holds",
    run: async (args) => (await import("./versions.js")).history(args),
  },
  restore: {
    summary: "Make an overwritten version the current one again",
    run: async (args) => (await import("./versions.js")).restore(args),
  },
  "support-bundle": {
    summary: "Make a document for a bug report: versions, settings, what Redis holds; no key and no value",
    run: async (args) => (await import("./support-bundle.js")).supportBundle(args),
  },
  keygen: {
    summary: "Make a key for encrypted records, or show the ids of those at hand",
    run: async (args) => (await import("./keygen.js")).keygen(args),
  },
  rotate: {
    summary: "Take a new key, and encrypt with it what lies in Redis under the old one",
    run: async (args) => (await import("./rotate.js")).rotate(args),
  },
};

const HELP = `redis-mirrored <command> [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`)
  .join("\n")}

  redis-mirrored <command> --help says more about a command. --version says which version this is.
Exit status: 0 done, 1 something did not hold or failed, 2 the call could not be understood.`;

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(HELP);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    console.log(packageVersion());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined)
    throw new UsageError(`Expected a command (${Object.keys(COMMANDS).join(", ")}), got \`${name}\``);
  return command.run(args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = describeUsage(error);
  console.error(usage ?? error);
  process.exitCode = usage === undefined ? 1 : 2;
}
