import { readFileSync } from "node:fs";
import { expect } from "chai";
import { CHECKS } from "#dist/doctor/finding.js";

describe("docs/doctor.md", () => {
  const page = readFileSync(new URL("../../../docs/doctor.md", import.meta.url), "utf8");

  it("has a section for each check, in the order in which they are made", () => {
    expect([...page.matchAll(/^## (.+)$/gm)].map(([, name]) => name)).to.deep.equal([...CHECKS]);
  });
});
