import { expect } from "chai";
import { BUILT_IN_RECORDS, Catalogue, defineRecord, isMerged } from "#dist/sync/records.js";

describe("records", () => {
  it("of a collection have an id, a recency, a limit of 50 and no encryption unless told otherwise", () => {
    const record = defineRecord({ name: "bookmarks", kind: "collection" });
    expect(record).to.include({
      name: "bookmarks",
      kind: "collection",
      limit: 50,
      ttlSeconds: undefined,
      encrypted: false,
    });
    expect([record.id({ id: "a" }), record.recency({ ts: 5 })]).to.deep.equal(["a", 5]);
    expect([record.id(null), record.recency(undefined)]).to.deep.equal([undefined, undefined]);
  });

  it("take the properties' names, or functions", () => {
    const record = defineRecord({
      name: "b",
      kind: "collection",
      id: "key",
      recency: (item) => (item as { at: number }).at,
    });
    expect([record.id({ key: "a" }), record.recency({ at: 5 })]).to.deep.equal(["a", 5]);
  });

  it("may be kept for as little as a second, and hold as little as an item", () => {
    expect(defineRecord({ name: "b", kind: "collection", limit: 1, ttlSeconds: 1 })).to.include({
      limit: 1,
      ttlSeconds: 1,
    });
  });

  it("of custom modes leave out what belongs to a project, and nothing else", () => {
    const { select } = new Catalogue().find("customModes")!;
    const modes = [{ slug: "a", source: "project" }, { slug: "b", source: "global" }, { slug: "c" }, null, "text"];
    expect(select(modes)).to.deep.equal(modes.slice(1));
    expect([select("no list"), select(undefined)]).to.deep.equal(["no list", undefined]);
  });

  for (const [options, message] of [
    [
      { name: "a", kind: "document", select: "project" },
      "Expected `select` of a record to be a function, got `project` (string)",
    ],
    [
      { name: "a:b", kind: "document" },
      "Expected `name` of a record to be a letter followed by letters, digits, `.`, `_` or `-`, got `a:b` (string)",
    ],
    [
      { name: "~versions", kind: "document" },
      "Expected `name` of a record to be a letter followed by letters, digits, `.`, `_` or `-`, got `~versions` (string)",
    ],
    [
      { name: 5, kind: "document" },
      "Expected `name` of a record to be a letter followed by letters, digits, `.`, `_` or `-`, got `5` (number)",
    ],
    [
      { name: ["a"], kind: "document" },
      "Expected `name` of a record to be a letter followed by letters, digits, `.`, `_` or `-`, got `a` (object)",
    ],
    [{ name: "a", kind: "list" }, 'Expected `kind` of a record to be "document" or "collection", got `list` (string)'],
    [
      { name: "a", kind: "collection", limit: 0 },
      "Expected `limit` of a record to be an integer of at least 1, got `0` (number)",
    ],
    [
      { name: "a", kind: "document", ttlSeconds: 1.5 },
      "Expected `ttlSeconds` of a record to be an integer of at least 1, got `1.5` (number)",
    ],
    [
      { name: "a", kind: "document", ttlSeconds: 0 },
      "Expected `ttlSeconds` of a record to be an integer of at least 1, got `0` (number)",
    ],
  ] as const) {
    it(`are refused with what was expected and what was got: ${message}`, () => {
      expect(() => defineRecord(options as never)).to.throw(TypeError, message);
    });
  }
});

describe("the catalogue", () => {
  it("knows the built-in records, and that those which bear secrets are encrypted", () => {
    const catalogue = new Catalogue();
    expect(catalogue.find("taskHistory")).to.include({ kind: "collection", encrypted: false });
    expect(catalogue.find("provider")).to.include({ kind: "document", encrypted: true });
    for (const name of ["customInstructions", "customModes", "pinnedApiConfigs"])
      expect(catalogue.find(name), name).to.include({ kind: "document", encrypted: false });
    expect(catalogue.find("mcpSettings")).to.include({ kind: "document", encrypted: true });
    for (const name of ["apiKey", "__proto__", "constructor", ""]) expect(catalogue.find(name)).to.equal(undefined);
  });

  it("takes the host's own, also in place of a built-in one", () => {
    const record = defineRecord({ name: "customInstructions", kind: "document", encrypted: true });
    expect(new Catalogue([record]).find("customInstructions")).to.equal(record);
  });

  it("has nothing that is not encrypted where everything is to be", () => {
    const own = defineRecord({ name: "bookmarks", kind: "collection", limit: 3 });
    const catalogue = new Catalogue([own], { isEncryptingAll: true });
    for (const { name } of [...BUILT_IN_RECORDS, own])
      expect(catalogue.find(name), name).to.include({ name, encrypted: true });
    expect(catalogue.find("bookmarks")).to.deep.equal({ ...own, encrypted: true, isReadInPlain: true });
    expect(catalogue.find("provider")).to.include({ isReadInPlain: false });
    expect(isMerged(catalogue.find("taskHistory")!)).to.equal(false);
  });
});
