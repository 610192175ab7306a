import { adoptCommand } from "#dist/cli/adopt.js";
import { TemporaryFolder } from "../../support/temporary-folder.js";
import { type Files, readFiles, writeFiles } from "./miniature-hosts.js";

export interface Answer {
  readonly status: number;
  readonly said: string;
  readonly asked: readonly string[];
}

/** A checkout in a folder of its own, and a person who runs the command on it. */
export class AdoptedCheckout {
  readonly #folder = new TemporaryFolder();

  constructor(files: Files) {
    writeFiles(this.path, files);
  }

  get path(): string {
    return this.#folder.path;
  }

  get files(): Files {
    return readFiles(this.path);
  }

  write(files: Files): void {
    writeFiles(this.path, files);
  }

  /** @param answer What a person answers; `undefined`: nobody is there. */
  async run(args: readonly string[], answer?: boolean | (() => boolean), folder = this.path): Promise<Answer> {
    let said = "";
    const asked: string[] = [];
    const command = adoptCommand({
      isInteractive: answer !== undefined,
      isPlain: true,
      write: (text) => void (said += text),
      ask: (question) => {
        asked.push(question.trim());
        return Promise.resolve(typeof answer === "function" ? answer() : answer === true);
      },
    });
    await command.parseAsync([folder, ...args], { from: "user" });
    return { status: command.status!, said, asked };
  }

  remove(): void {
    this.#folder.remove();
  }
}

/** The lines that one version of a file has and the other has not. */
export function addedLines(before: string, after: string): string[] {
  const known = before.split(/\r?\n/);
  return after.split(/\r?\n/).filter((line) => {
    const index = known.indexOf(line);
    if (index !== -1) known.splice(index, 1);
    return index === -1;
  });
}
