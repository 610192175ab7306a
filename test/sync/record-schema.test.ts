import { expect } from "chai";
import { acceptValue } from "#dist/sync/record-schema.js";
import { Catalogue, defineRecord, type RecordSchema } from "#dist/sync/records.js";

const isEven = (value: unknown) => (value as number) % 2 === 0;

/** As the libraries make them: an object with one member, or a function that has it. */
function standardSchema(validate: (value: unknown) => unknown, base: object = {}): RecordSchema {
  return Object.assign(base, { "~standard": { version: 1, vendor: "test", validate } });
}

const document = (schema: RecordSchema) => defineRecord({ name: "a", kind: "document", schema });
const collection = (schema: RecordSchema) => defineRecord({ name: "a", kind: "collection", schema });

describe("a record's schema", () => {
  for (const [title, schema] of [
    ["a predicate", isEven],
    ["a Standard Schema", standardSchema((value) => (isEven(value) ? { value } : { issues: [{ message: "odd" }] }))],
    [
      "a Standard Schema that is a function",
      standardSchema(
        (value) => (isEven(value) ? { value: "another" } : { issues: [] }),
        () => true,
      ),
    ],
  ] as const) {
    it(`decides, as ${title}, whether a document is given to the host, as it is`, () => {
      expect(acceptValue(document(schema), 2)).to.deep.equal({ value: 2, leftOut: 0 });
      expect(() => acceptValue(document(schema), 3))
        .to.throw("It does not pass the record's schema.")
        .with.property("code", "UNREADABLE_VALUE");
    });

    it(`leaves out of a collection, as ${title}, the items that do not pass`, () => {
      expect(acceptValue(collection(schema), [1, 2, 3, 4])).to.deep.equal({ value: [2, 4], leftOut: 2 });
      expect(acceptValue(collection(schema), [])).to.deep.equal({ value: [], leftOut: 0 });
    });
  }

  it("says no where it throws, answers later, or answers with anything but yes", async () => {
    const answers: (() => unknown)[] = [() => raise(), () => "yes", () => 1, () => undefined, async () => true];
    for (const answer of answers)
      expect(() => acceptValue(document(answer as () => boolean), 1), String(answer)).to.throw("pass");
    for (const result of [
      () => raise(),
      () => undefined,
      () => Promise.resolve({ value: 1 }),
      () => Promise.reject(raise),
    ])
      expect(() => acceptValue(document(standardSchema(result)), 1), String(result)).to.throw("pass");
    // A rejection that nobody had handled would have surfaced by then.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("lets everything pass where there is none", () => {
    for (const value of [null, 1, [], { a: 1 }])
      expect(acceptValue(defineRecord({ name: "a", kind: "document" }), value).value).to.equal(value);
  });

  it("is refused unless it is one", () => {
    for (const schema of [1, "text", null, {}, { "~standard": {} }, { "~standard": { validate: 1 } }])
      expect(() => document(schema as unknown as RecordSchema)).to.throw(
        "Expected `schema` of a record to be a function, or a Standard Schema, got",
      );
  });

  for (const [record, good, bad] of [
    [
      "taskHistory",
      [
        { id: "a", ts: 1 },
        { id: "b", ts: 1.5, task: "Do it", number: 1, tokensIn: 0, childIds: ["a"], status: "active", later: {} },
      ],
      [
        null,
        1,
        "a",
        [],
        {},
        { id: "a" },
        { ts: 1 },
        { id: "", ts: 1 },
        { id: 1, ts: 1 },
        { id: "a", ts: "1" },
        { id: "a", ts: null },
        { id: "a", ts: 1, task: {} },
      ],
    ],
    [
      "provider",
      [
        { apiConfigs: {} },
        { apiKey: "of a host with one profile" },
        {
          currentApiConfigName: "default",
          apiConfigs: { default: { id: "x", apiKey: "sk" } },
          modeApiConfigs: { code: "x" },
          migrations: { a: true },
          cloudProfileIds: [],
        },
      ],
      [
        null,
        [],
        "a",
        { apiConfigs: [] },
        { apiConfigs: { a: "sk" } },
        { apiConfigs: {}, currentApiConfigName: 1 },
        { apiConfigs: {}, modeApiConfigs: { code: {} } },
      ],
    ],
    ["customInstructions", ["", "Be brief."], [null, 1, {}, []]],
    [
      "customModes",
      [[], [{ slug: "a", name: "A", roleDefinition: "You", groups: ["read"] }, { slug: "b" }]],
      [null, {}, [null], [{}], [{ slug: 1 }], [{ slug: "a", name: {} }]],
    ],
    ["pinnedApiConfigs", [{}, { a: true, b: false }], [null, [], { a: 1 }, { a: {} }]],
    [
      "mcpSettings",
      [{}, { mcpServers: {} }, { mcpServers: { a: { env: {} } } }],
      [null, [], { mcpServers: [] }, { mcpServers: { a: 1 } }],
    ],
  ] as const) {
    it(`of \`${record}\` passes what its hosts write, and nothing on which they would break`, () => {
      const { schema } = new Catalogue().find(record)!;
      for (const value of good) expect(schema(value), JSON.stringify(value)).to.equal(true);
      for (const value of bad) expect(schema(value), JSON.stringify(value)).to.equal(false);
    });
  }
});

function raise(): never {
  throw new Error("a schema's own words");
}
