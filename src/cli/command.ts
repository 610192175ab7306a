import { Command, Option } from "commander";
import { wrap } from "./wrap.js";

/** What is longer is hard to read. */
const MAX_HELP_WIDTH = 110;

/** What `--help` teaches beside what an argument or an option is. */
export interface Lesson {
  /** A line of the list of commands. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description: string;
  /** Calls, without the name of the program, and what each is for. */
  readonly examples: readonly (readonly [call: string, purpose: string])[];
  /** Of the statuses that are not like every command's. */
  readonly statuses?: Readonly<Record<number, string>>;
  /** What it asks the environment for, a paragraph a line. Default: which Redis and which user. */
  readonly environment?: string;
}

const STATUSES: Readonly<Record<number, string>> = {
  0: "done",
  1: "failed, or does not hold",
  2: "the call could not be understood",
};

export const REDIS_AND_USER =
  "Which Redis and which user, as for the mirror itself: REDIS_URL, or REDIS_HOST, REDIS_PORT and the others; ROO_USER_ID. " +
  "README.md lists them.";

export const REDIS_AND_KEYS =
  "Which Redis, which user and which keys, as for the mirror itself: REDIS_URL, or REDIS_HOST, REDIS_PORT and the others; " +
  "ROO_USER_ID, ROO_INSTANCE_ID, ROO_MIRROR_KEY. README.md lists them.";

export const RECORDS = "taskHistory, provider, customInstructions, customModes, pinnedApiConfigs or mcpSettings";

export const WHOSE = "whose. Default: ROO_USER_ID, else the id of this machine and user";

/** A command of `redis-mirrored`. What it does is loaded when it is called. */
export class ToolCommand extends Command {
  /** Of the call that was made; `undefined`: it was none of this command. */
  status: number | undefined;

  /** @param work The answer is the exit status. Gets the options, then the arguments. */
  does<Options>(work: (options: Options, ...args: (string | undefined)[]) => Promise<number>): this {
    return this.action(async (...given: unknown[]) => {
      const args = given.slice(0, this.registeredArguments.length) as (string | undefined)[];
      this.status = await work(this.opts() as Options, ...args);
    });
  }
}

/** Every command has `--json`; where that says more than the same as JSON, the lesson's description tells. */
export function makeCommand(name: string, lesson: Lesson): ToolCommand {
  const command = new ToolCommand(name).summary(lesson.summary).description(lesson.description);
  command.addOption(new Option("--json", "the same as JSON").default(false));
  return command.helpOption("-h, --help", "show this").addHelpText("after", () => afterHelp(lesson));
}

/** How many columns help may have. */
export function helpWidth(): number {
  return Math.min(process.stdout.columns || MAX_HELP_WIDTH, MAX_HELP_WIDTH);
}

function afterHelp({ examples, statuses = {}, environment = REDIS_AND_USER }: Lesson): string {
  const calls = examples.map(([call, purpose]) => [`redis-mirrored ${call}`, purpose] as const);
  const width = Math.max(...calls.map(([call]) => call.length));
  const ends = Object.entries({ ...STATUSES, ...statuses }).map(
    ([status, meaning]) => `  ${status.padEnd(3)}  ${meaning}`,
  );
  return [
    "",
    "Examples:",
    ...calls.map(([call, purpose]) => `  ${call.padEnd(width)}  ${purpose}`),
    "",
    "Exit status:",
    ...ends,
    "",
    "Environment:",
    ...environment.split("\n").flatMap((paragraph) => wrap(`  ${paragraph}`, helpWidth(), 2)),
  ].join("\n");
}
