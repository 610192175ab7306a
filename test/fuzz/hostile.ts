import fc from "fast-check";
import { CANARY } from "./fuzz.js";

/** Names that some reader asks for, and those that every object inherits. */
const NAMES = [
  ..."__proto__ constructor prototype toString valueOf hasOwnProperty then toJSON length 0".split(" "),
  ..."id ts task items deleted cleared version store latest records owners collections digest text".split(" "),
  ..."apiConfigs currentApiConfigName apiKey modes slug protected iv ciphertext tag aad alg enc kid ver crit".split(
    " ",
  ),
];

const VERSIONS = [
  "1700000000000-0000-me",
  "1700000000001-zzzz-other",
  "0000000000000-0000-legacy",
  "9999999999999-zzzz-z",
  "1700000000000-0000-",
  "yesterday",
];

export const anyVersion: fc.Arbitrary<string> = fc.constantFrom(...VERSIONS);

const anyWord = fc.oneof(
  fc.constantFrom(...NAMES, ...VERSIONS, CANARY, "", " ", "\0", "\ud800", "\u001b[2J", "a\r\nb", "-1", "NaN", "1e999"),
  fc.string({ unit: "binary", maxLength: 20 }),
);

/** What JSON can carry, with the names above. Own keys called `__proto__` among them: they come out of `JSON.parse`. */
export const anyJson: fc.Arbitrary<fc.JsonValue> = fc.letrec<{ value: fc.JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<fc.JsonValue>(null, true, false, 0, -1, 1e308, 1700000000000, 0.1),
    anyWord,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(anyWord, tie("value"), { maxKeys: 5, noNullPrototype: true }),
    fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

const anyDepth = fc.oneof(fc.integer({ min: 400, max: 600 }), fc.integer({ min: 1, max: 50_000 }));
const nested = fc
  .tuple(
    fc.constantFrom<[string, string]>(["[", "]"], ['{"a":', "}"], ['{"__proto__":', "}"], ['[[],{"a":', "}]"]),
    anyDepth,
    fc.boolean(),
  )
  .map(([[opening, closing], depth, isWhole]) => {
    const end = isWhole ? `0${closing.repeat(depth)}` : "";
    return opening.repeat(depth) + end;
  });

/** One place in a text changed: cut, doubled, or something else put there. */
export function spoilt(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 0, max: 8 }),
    put: fc.oneof(fc.constantFrom("", '"', "\\", "[", "}", ",", ":", "\0", "-", "e9", "\ud800"), anyWord),
  });
  return fc.tuple(text, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([whole, edits]) =>
    edits.reduce((changed, { at, length, put }) => {
      const place = Math.floor(at * changed.length);
      return changed.slice(0, place) + put + changed.slice(place + length);
    }, whole),
  );
}

/** Text that is JSON, nearly JSON, or nothing of the kind. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: anyJson.map((value) => JSON.stringify(value)) },
  { weight: 3, arbitrary: spoilt(anyJson.map((value) => JSON.stringify(value))) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: nested.map((value) => `{"a":${value}}`) },
);
