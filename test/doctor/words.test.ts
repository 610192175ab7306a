import { expect } from "chai";
import { count, list, listSome } from "#dist/doctor/naming.js";
import { type Language, Saying, words } from "#dist/doctor/words.js";

/** Says each form by its translation, and shouts what others say. */
function languageOf(translations: Readonly<Record<string, string>>): Language {
  return {
    say: (form, values) => translations[form]!.replace(/\{(\d)\}/g, (_place, name: string) => String(values[name])),
    repeat: (saying) => saying.toUpperCase(),
  };
}

describe("the doctor's words", () => {
  it("are English where nobody asks for another language, and for JSON", () => {
    const said = words`${"a.example"} has ${3} of them.`;
    expect(String(said)).to.equal("a.example has 3 of them.");
    expect(JSON.stringify({ said })).to.equal('{"said":"a.example has 3 of them."}');
    expect(said.form).to.equal("{0} has {1} of them.");
  });

  it("are said in another language by their form, and words that are within them too", () => {
    const said = words`${words`the file ${"a"}`} is in ${"b"}: ${new Saying("gone.")}`;
    const language = languageOf({ "the file {0}": "la carte {0}", "{0} is in {1}: {2}": "{2} {1} / {0}" });
    expect(said.in(language)).to.equal("GONE. b / la carte a");
    expect(String(said)).to.equal("the file a is in b: gone.");
  });

  it("take a value for what it is, whatever is in it", () => {
    expect(String(words`\`${"{1}"}\`, ${"$&{0}"}`)).to.equal("`{1}`, $&{0}");
  });

  it("list as a sentence does", () => {
    expect(["", "a", "a and b", "a, b, c and d"]).to.deep.equal(
      [[], ["a"], ["a", "b"], ["a", "b", "c", "d"]].map((names) => String(list(names))),
    );
    expect(String(listSome(["a", "b", "c", "d"], 2))).to.equal("a, b and 2 more");
    expect(String(listSome(["a", "b"], 2))).to.equal("a and b");
    const language = languageOf({
      "{0}!": "{0}?",
      "{0}, {1}": "{0}+{1}",
      "{0} and {1}": "{0}&{1}",
      "{0} more": "…{0}",
    });
    expect(words`${listSome(["a", "b", "c", "d"], 2)}!`.in(language)).to.equal("a+b&…2?");
  });

  it("count one thing, and several", () => {
    expect([0, 1, 2].map((number) => String(count(number, "primary")))).to.deep.equal([
      "0 primaries",
      "1 primary",
      "2 primaries",
    ]);
  });
});
