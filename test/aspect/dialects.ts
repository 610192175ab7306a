import * as legacy from "./decorated.js";

type Fixtures = typeof legacy;

/** The fixtures as either dialect compiles them; what is expected of one is expected of the other. */
export const DIALECTS: readonly (readonly [name: string, fixtures: Fixtures])[] = [
  ["legacy decorators", legacy],
  [
    "standard decorators",
    (await import(new URL("../../standard/test/aspect/decorated.js", import.meta.url).href)) as Fixtures,
  ],
];
