import { Command, CommanderError } from "commander";
import { MirrorError } from "../sync/errors.js";
import { adoptCommand } from "./adopt.js";
import { helpWidth, type ToolCommand } from "./command.js";
import { doctorCommand } from "./doctor.js";
import { exportCommand } from "./export.js";
import { Failure } from "./failure.js";
import { historyCommand } from "./history.js";
import { importCommand } from "./import.js";
import { inspectCommand } from "./inspect.js";
import { toJson } from "./json.js";
import { endingAtOnce, INTERRUPTED_STATUS, InterruptedError } from "./interruption.js";
import { keygenCommand } from "./keygen.js";
import { migrateCommand } from "./migrate.js";
import { packageVersion } from "./package-version.js";
import { purgeCommand } from "./purge.js";
import { restoreCommand } from "./restore.js";
import { rotateCommand } from "./rotate.js";
import { statusCommand } from "./status.js";
import { supportBundleCommand } from "./support-bundle.js";
import { printableLines, quoted } from "./printable.js";
import { tourCommand } from "./tour.js";
import { watchCommand } from "./watch.js";
import { suggestionOf, toUsageError, UsageError } from "./usage-error.js";

/** In the order in which `--help` lists them. */
const GROUPS: Readonly<Record<string, readonly (() => ToolCommand)[]>> = {
  "Begin:": [tourCommand, adoptCommand],
  "See what is there:": [
    statusCommand,
    doctorCommand,
    inspectCommand,
    watchCommand,
    historyCommand,
    supportBundleCommand,
  ],
  "Change what is there:": [restoreCommand, exportCommand, importCommand, migrateCommand, purgeCommand],
  "Keys:": [keygenCommand, rotateCommand],
};

/**
 * Runs what was typed. The answer is the exit status; what went wrong has been said.
 * @throws what nobody foresaw
 */
export async function run(args: readonly string[]): Promise<number> {
  const commands = makeCommands();
  const program = makeProgram(commands);
  using _ = endingAtOnce(() => report(new InterruptedError("Ended by Ctrl-C."), args, commands));
  try {
    await program.parseAsync(args, { from: "user" });
    return commands.find(({ status }) => status !== undefined)?.status ?? 0;
  } catch (error) {
    return report(error, args, commands);
  }
}

function makeCommands(): ToolCommand[] {
  return Object.entries(GROUPS).flatMap(([group, makers]) => makers.map((make) => make().helpGroup(group)));
}

function makeProgram(commands: readonly ToolCommand[]): Command {
  const program = new Command("redis-mirrored")
    .description("Mirrors what is saved locally to Redis: a save never waits for it and never fails because of it.")
    .usage("<command> [options]")
    .version(packageVersion(), "-V, --version", "say which version this is")
    .helpOption("-h, --help", "show this, or of a command what it is called with")
    // What stands before the command is the program's, what stands behind it the command's.
    .enablePositionalOptions()
    .addHelpText(
      "after",
      "\nExit status: 0 done; 1 failed, or does not hold; 2 the call could not be understood; 130 ended by Ctrl-C.\n" +
        "docs/cli.md says more of each command.",
    );
  for (const each of [program, ...commands])
    each
      .exitOverride()
      .configureOutput({
        writeOut: (text) => void process.stdout.write(text),
        writeErr: (text) => void process.stderr.write(text),
        // What went wrong is said in our words, and once.
        outputError: () => {},
        getOutHelpWidth: helpWidth,
        getErrHelpWidth: helpWidth,
      })
      .configureHelp({
        subcommandTerm: (command) => command.name(),
        visibleCommands: ({ commands: own }) => [...own],
        optionDescription: ({ description, defaultValue }) =>
          typeof defaultValue === "number" ? `${description}. Default: ${defaultValue}` : description,
      });
  for (const command of commands) program.addCommand(command);
  return program;
}

/** Says on the error output what went wrong. The answer is the exit status. @throws what nobody foresaw */
function report(error: unknown, args: readonly string[], commands: readonly ToolCommand[]): number {
  // Help was asked for, or the version, and was given; `commander.help`: there is nothing else to say.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof CommanderError && error.code === "commander.help") return 2;
  const failure = error instanceof CommanderError ? toOurs(error, args, commands) : error;
  const code = codeOf(failure);
  if (code === undefined) throw failure;
  const { message } = failure as Error;
  const isJson = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined).includes("--json");
  console.error(isJson ? toJson({ error: { code, message } }, 0) : printableLines(message));
  if (failure instanceof InterruptedError) return INTERRUPTED_STATUS;
  return failure instanceof UsageError ? 2 : 1;
}

function toOurs(error: CommanderError, args: readonly string[], commands: readonly ToolCommand[]): UsageError {
  const names = commands.map((command) => command.name());
  if (error.code !== "commander.unknownCommand")
    return toUsageError(error, args.find((arg) => names.includes(arg)) ?? "redis-mirrored");
  const [, got = ""] = /unknown command '(.*)'(?:\n\(Did|$)/s.exec(error.message) ?? [];
  return new UsageError(`Expected a command (${names.join(", ")}), got ${quoted(got)}${suggestionOf(error.message)}`);
}

/** Stays the same from version to version. `undefined`: nobody foresaw it. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof UsageError) return "USAGE";
  if (error instanceof Failure || error instanceof MirrorError || error instanceof InterruptedError) return error.code;
  // A file that is not there, or that somebody may not read.
  const { path, code } = error as NodeJS.ErrnoException;
  return typeof path === "string" && typeof code === "string" ? code : undefined;
}
