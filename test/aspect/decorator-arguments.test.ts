import { expect } from "chai";
import { RedisMirrored, RedisRestored } from "redis-mirrored";

const adopt = () => {};
const read = () => undefined;
const LOOKS_LIKE_AN_ARRAY = { length: 1, every: () => true };

const applied = (decorator: unknown) => decorator as (...args: unknown[]) => unknown;

describe("the arguments of @RedisMirrored", () => {
  for (const [record, got] of [
    [undefined, "`undefined` (undefined)"],
    ["", "`` (string)"],
    [5, "`5` (number)"],
    [[], "`` (object)"],
    [["a", ""], "`a,` (object)"],
  ] as const) {
    it(`are refused at decoration, with what was expected and what was got: ${got}`, () => {
      expect(() => RedisMirrored(record as never)).to.throw(
        TypeError,
        `Expected \`@RedisMirrored\` to get a record's name, an array of them, or a function, got ${got}`,
      );
    });
  }
});

describe("the options of @RedisMirrored", () => {
  for (const option of ["value", "result"] as const) {
    it(`are refused at decoration where \`${option}\` is no function and no method's name`, () => {
      expect(() => RedisMirrored("a", { [option]: 5 as never })).to.throw(
        TypeError,
        `Expected \`@RedisMirrored\` to get the option \`${option}\`, a function or a method's name, got \`5\` (number)`,
      );
    });
  }
});

describe("the arguments of @RedisRestored", () => {
  for (const [records, options, message] of [
    [undefined, { adopt }, "a record's name, or an array of them, got `undefined` (undefined)"],
    ["", { adopt }, "a record's name, or an array of them, got `` (string)"],
    [5, { adopt }, "a record's name, or an array of them, got `5` (number)"],
    [[], { adopt, read }, "a record's name, or an array of them, got `` (object)"],
    [["a", ""], { adopt, read }, "a record's name, or an array of them, got `a,` (object)"],
    [["a", 5], { adopt, read }, "a record's name, or an array of them, got `a,5` (object)"],
    [LOOKS_LIKE_AN_ARRAY, { adopt, read }, "a record's name, or an array of them, got `[object Object]` (object)"],
    ["a", undefined, "the option `adopt`, a function or a method's name, got `undefined` (undefined)"],
    ["a", { adopt: null }, "the option `adopt`, a function or a method's name, got `null` (object)"],
    ["a", { adopt: "" }, "the option `adopt`, a function or a method's name, got `` (string)"],
    [
      ["a"],
      { adopt },
      "the option `read`, a function or a method's name, for several records, got `undefined` (undefined)",
    ],
    ["a", { adopt, read: 5 }, "the option `read`, a function or a method's name, or none, got `5` (number)"],
    [
      ["a"],
      { adopt, read: 5 },
      "the option `read`, a function or a method's name, for several records, got `5` (number)",
    ],
  ] as const) {
    it(`are refused at decoration, with what was expected and what was got: ${message}`, () => {
      expect(() => RedisRestored(records as never, options as never)).to.throw(
        TypeError,
        `Expected \`@RedisRestored\` to get ${message}`,
      );
    });
  }

  it("may be a name, or several with a reader", () => {
    expect(() => [
      RedisRestored("a", { adopt }),
      RedisRestored(["a"], { adopt: "adopt", read: "read" }),
    ]).not.to.throw();
  });
});

describe("what is no method", () => {
  for (const [name, decorator] of [
    ["RedisMirrored", RedisMirrored("a")],
    ["RedisRestored", RedisRestored("a", { adopt })],
  ] as const) {
    for (const [what, args] of [
      ["field", [{}, "field", undefined]],
      ["field", [{}, null, undefined]],
      ["accessor", [{}, "accessor", { get: read }]],
      ["field", [undefined, { kind: "field", name: "field" }]],
      ["getter", [read, { kind: "getter", name: "getter" }]],
    ] as const) {
      const dialect = args.length === 3 ? "legacy" : "standard";
      it(`is refused by @${name} at decoration, ${dialect} decorators: a ${what} by the name of ${JSON.stringify(args[1])}`, () => {
        let refusal: unknown;
        try {
          applied(decorator)(...args);
        } catch (error) {
          refusal = error;
        }
        expect(refusal).to.be.instanceOf(TypeError);
        expect(String(refusal)).to.match(
          new RegExp(
            `^TypeError: Expected \`@${name}\` to decorate a method, got ${what === "accessor" ? "an" : "a"} ${what}$`,
          ),
        );
      });
    }
  }
});
