import { existsSync, readFileSync } from "node:fs";
import { expect } from "chai";

/** Each `file` with the titles that follow it, in quotes. */
function pointersOf(markdown: string): { file: string; title: string }[] {
  return [...markdown.matchAll(/`(test\/[^`]+\.test\.ts)`((?:,? "[^"]+")+)/g)].flatMap(([, file, titles]) =>
    [...titles!.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ file: file!, title: title! })),
  );
}

/** The rows of the tables that say what somebody cannot do. */
function claimsOf(markdown: string): string[] {
  const lines = markdown.split("\n");
  return lines.flatMap((line, index) => {
    if (!line.startsWith("| cannot")) return [];
    const rows = lines.slice(index + 2);
    return rows.slice(
      0,
      rows.findIndex((row) => !row.startsWith("|")),
    );
  });
}

describe("the threat model", () => {
  const page = readFileSync("docs/threat-model.md", "utf8");

  it("names for each claim a test, by its file and title, that is there", () => {
    const pointers = pointersOf(page);
    expect(pointers.length).to.be.above(25);
    const missing = pointers.filter(
      ({ file, title }) => !existsSync(file) || !readFileSync(file, "utf8").includes(title),
    );
    expect(missing).to.deep.equal([]);
  });

  it("has no claim without one", () => {
    const claims = claimsOf(page);
    expect(claims.length).to.be.above(20);
    expect(claims.filter((claim) => pointersOf(claim).length === 0)).to.deep.equal([]);
  });
});
