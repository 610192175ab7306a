import { expect } from "chai";
import { printable, quoted } from "#dist/cli/printable.js";
import { align, displayWidth, shorten, shownKey } from "#dist/cli/table.js";

describe("a table on the terminal", () => {
  it("counts two columns for a wide character and none for a combining one", () => {
    expect(["abc", "笔记本", "ノート", "노트북", "e\u0301", "🚀"].map(displayWidth)).to.deep.equal([3, 6, 6, 6, 1, 2]);
  });

  it("lines up its columns, figures to the right, and ends no line in spaces", () => {
    const rows = [
      ["NAME", "ITEMS", "NOTE"],
      ["笔记本", "5"],
      ["a", "120", "x"],
    ];
    expect(align(rows, new Set([1]))).to.deep.equal([
      "NAME     ITEMS   NOTE", //
      "笔记本       5",
      "a          120   x",
    ]);
  });

  it("shortens by columns, not by characters", () => {
    expect([shorten("abcdef", 6), shorten("abcdef", 5), shorten("笔记本", 5)]).to.deep.equal([
      "abcdef",
      "abcd…",
      "笔记…",
    ]);
  });

  it("keeps of a key the record, whatever the ids before it are", () => {
    expect(shownKey("roo:alice:laptop:taskHistory")).to.equal("roo:alice:laptop:taskHistory");
    expect(shownKey(`roo:${"a".repeat(500)}:taskHistory`)).to.equal(`roo:${"a".repeat(35)}…:taskHistory`);
    expect(displayWidth(shownKey("a:".repeat(500)))).to.equal(100);
  });

  it("quotes of what was typed the beginning", () => {
    expect([quoted("a\n"), quoted("🚀".repeat(41))]).to.deep.equal(["`a\\u{a}`", `\`${"🚀".repeat(40)}…\``]);
  });

  it("lets nothing through that the terminal would obey", () => {
    expect(printable("a\u001b[31m\nb\u202ec\u0000 笔 é")).to.equal("a\\u{1b}[31m\\u{a}b\\u{202e}c\\u{0} 笔 é");
  });
});
