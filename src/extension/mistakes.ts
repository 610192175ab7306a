import { type Form, sayBy } from "./forms.js";
import type { Translate } from "./window.js";

/** What is wrong with settings, one sentence after the other, in the language of the window. */
export function describeMistakes(problems: string, t: Translate): string {
  return problems
    .split("; ")
    .map((each) => describeMistake(each, t))
    .join(" ");
}

function describeMistake(problem: string, t: Translate): string {
  const match = /^Expected `([^`]+)` to be (.*), got (.*)$/s.exec(problem);
  if (match === null) return problem;
  const [, setting = "", expected = "", got = ""] = match;
  const must = describeExpected(expected, t) ?? expected;
  return t("{setting} must be {expected}, and is {got}.", { setting, expected: must, got });
}

/** What one of the settings has to be, or what it is called. `undefined`: it is of no form that is known. */
export function describeExpected(expected: string, t: Translate): string | undefined {
  const forms: readonly Form[] = [
    [
      /^an integer from (\d+) to (\d+)$/,
      (minimum, maximum) => t("an integer from {minimum} to {maximum}", { minimum, maximum }),
    ],
    [/^true or false$/, () => t("true or false")],
    [/^a string$/, () => t("a text")],
    [/^(`\w+`) or (`\w+`)$/, (first, second) => t("{first} or {second}", { first, second })],
    [/^an array of strings$/, () => t("an array of strings")],
    [/^keys of 32 bytes in base64url, .*$/, () => t("keys of 32 bytes in base64url, separated by commas")],
    [/^one or more of `host:port`, .*$/, () => t("one or more of `host:port`, separated by commas")],
    [/^certificates in PEM$/, () => t("certificates in PEM")],
    [/^a redis:\/\/ or rediss:\/\/ URL with a host$/, () => t("a redis:// or rediss:// URL with a host")],
    [/^a file that can be read$/, () => t("a file that can be read")],
    [/^none where there are sentinels$/, () => t("none where there are sentinels")],
    [/^0, the only one of a cluster$/, () => t("0, the only one of a cluster")],
    [/^given where there is a REDIS_MASTER_NAME$/, () => t("given where there is a REDIS_MASTER_NAME")],
    [/^the database of (\S+)$/, (setting) => t("the database of {setting}", { setting })],
  ];
  return sayBy(forms, expected);
}
