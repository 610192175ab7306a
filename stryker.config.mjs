// Mutation testing of the decorators and the engine: `npm run mutation [-- --mutate src/sync/version.ts]`.
// docs/mutation-testing.md says what came of it.

// mocha-runner 9 requires parts of mocha by name without extension; in mocha 12 they are `.cjs`, which `require` tries
// only where it is told to. mocha-runner 10 knows mocha 12, and wants Node 22.
const findCjs = "import m from 'node:module'; m._extensions['.cjs'] ??= m._extensions['.js'];";
const findingCjs = `data:text/javascript,${encodeURIComponent(findCjs)}`;
await import(findingCjs); // here, where the plugins are loaded too

/** @type {import("@stryker-mutator/api/core").PartialStrykerOptions} */
export default {
  mutate: ["src/aspect/**/*.ts", "src/sync/**/*.ts"],
  // Tests run on what is compiled, so the mutants are compiled once, all of them into one build.
  buildCommand: "tsc --build tsconfig.json test/tsconfig.json test/tsconfig.standard.json",
  // Stryker would read it by TypeScript's JavaScript API, which TypeScript 7 does not have; there is nothing in it to rewrite.
  tsconfigFile: "none",
  ignorePatterns: ["dist", "build", "coverage", "docs", "samples"],
  plugins: ["@stryker-mutator/mocha-runner"],
  testRunner: "mocha",
  testRunnerNodeArgs: ["--import", findingCjs],
  checkerNodeArgs: ["--import", findingCjs],
  mochaOptions: {
    config: "test/mutation.mocharc.json",
  },
  coverageAnalysis: "perTest",
  concurrency: 2,
  timeoutMS: 3_000,
  reporters: ["clear-text", "progress-append-only", "html", "json"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: "mutation/index.html" },
  jsonReporter: { fileName: "mutation/mutation.json" },
  incremental: true,
  incrementalFile: "mutation/incremental.json",
  tempDirName: "mutation/sandbox",
};
