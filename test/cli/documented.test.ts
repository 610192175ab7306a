import { readFileSync } from "node:fs";
import { expect } from "chai";
import { commandNames, runCommand } from "../support/command.js";

const PAGE = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");

/** What `--help` lists under a heading: each with what it is. */
function listed(help: string, heading: string): [term: string, description: string][] {
  const lines = new RegExp(`^${heading}:\n((?: {2}.*\n)+)`, "m").exec(help)?.[1]?.split("\n") ?? [];
  const found: [string, string][] = [];
  for (const line of lines) {
    const [, term, description] = /^ {2}(\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
    if (term !== undefined) found.push([term, description!]);
    else if (line !== "" && found.length > 0) found.at(-1)![1] += ` ${line.trim()}`;
  }
  return found;
}

/** The rows of the table in a command's section of docs/cli.md. */
function documented(name: string): [term: string, description: string][] {
  const section = new RegExp(`^## ${name}\n(.*?)(?=^## |(?![^]))`, "ms").exec(PAGE)?.[1] ?? "";
  return [...section.matchAll(/^\| `([^`]+)` *\| (.*?) *\|$/gm)].map(([, term, description]) => [
    term!,
    description!.replaceAll("\\|", "|"),
  ]);
}

describe("docs/cli.md", function () {
  // Each command is a process of its own.
  this.timeout(30_000);

  const helps = new Map<string, string>();
  before(async () => {
    const names = await commandNames();
    const outcomes = await Promise.all(names.map((name) => runCommand({}, name, "--help")));
    for (const [index, { stdout }] of outcomes.entries()) helps.set(names[index]!, stdout);
  });

  it("has a section for each command, and for no other", () => {
    const sections = [...PAGE.matchAll(/^## ([a-z-]+)$/gm)].map(([, name]) => name);
    expect(sections)
      .to.have.members([...helps.keys()])
      .and.to.include.members(["inspect", "doctor"]);
  });

  it("says of each argument and option what --help says, and of no other", () => {
    for (const [name, help] of helps) {
      const all = [...listed(help, "Arguments"), ...listed(help, "Options")];
      const own = all.filter(([term]) => !/--json|--help/.test(term));
      expect(documented(name), name).to.deep.equal(own);
      expect(all.length - own.length, name).to.equal(2);
    }
  });

  it("has each example of --help, and how each call is written", () => {
    for (const [name, help] of helps) {
      const [usage] = /^redis-mirrored .*$/m.exec(help.replace("Usage: ", ""))!;
      expect(PAGE).to.contain(`\n\`${usage}\`\n`);
      expect(listed(help, "Examples"), name).not.to.deep.equal([]);
      for (const [call, purpose] of listed(help, "Examples"))
        expect(PAGE.replaceAll(/ +#/g, " #"), name).to.contain(`\n${call} # ${purpose}\n`);
    }
  });
});
