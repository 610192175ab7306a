import type { CommanderError } from "commander";

/** A call that cannot be understood: says what was expected and what was got. Status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * What the parser has to say of a call, in our words. Of what was got only the name of an option: who forgets a space, or
 * a word, may have written a secret there.
 */
export function toUsageError({ code, message }: CommanderError, command: string): UsageError {
  const [, one = "", other = ""] = /'([^']*)'(?:.*'([^']*)')?/s.exec(message) ?? [];
  switch (code) {
    case "commander.unknownOption":
      return new UsageError(
        `Expected an option of \`${command}\`, got ${nameOf(message)}${suggestionOf(message) || ". --help names them"}`,
      );
    case "commander.optionMissingArgument":
      return new UsageError(`Expected \`${one}\` with what stands in its place, got nothing`);
    case "commander.missingMandatoryOptionValue":
      return new UsageError(`Expected \`${one}\`, got none`);
    case "commander.missingArgument":
      return new UsageError(`Expected ${one}, got none`);
    case "commander.conflictingOption":
      return new UsageError(`Expected ${longOf(one)} or ${longOf(other)}, got both`);
    case "commander.excessArguments": {
      const [, expected, got] = /Expected (\d+) arguments? but got (\d+)/.exec(message) ?? [];
      return new UsageError(`Expected \`${command}\` to be given ${inWords(Number(expected))}, got ${got}`);
    }
    default:
      return new UsageError(`Expected another call of \`${command}\`, got ${code}`);
  }
}

/** The one that was meant, if that can be guessed: one of ours. */
export function suggestionOf(message: string): string {
  const [, names] = /\(Did you mean (?:one of )?([a-z-]+(?:, [a-z-]+)*)\?\)$/.exec(message) ?? [];
  return names === undefined
    ? ""
    : `: did you mean ${names.replaceAll(/[a-z-]+/g, "`$&`").replace(/, ([^,]+)$/, " or $1")}?`;
}

function inWords(count: number): string {
  return count === 0 ? "no argument" : `${count} argument${count === 1 ? "" : "s"} at most`;
}

/** Of `-k…` what is behind the letter may be a value. */
function nameOf(message: string): string {
  const [, name] = /unknown option '(--[a-z][a-z-]{0,30}|-[A-Za-z])(?=[='])/.exec(message) ?? [];
  return name === undefined ? "another one" : `\`${name}\``;
}

function longOf(flags: string): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}
