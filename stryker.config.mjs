// Mutation testing of the decorators and the engine: `npm run mutation [-- --mutate src/sync/version.ts]`.
// docs/mutation-testing.md says what came of it.

// mocha-runner 9 requires parts of mocha by name without extension; in mocha 12 they are `.cjs`, which `require` tries
// only where it is told to. mocha-runner 10 knows mocha 12, and wants Node 22.
const findCjs = "import m from 'node:module'; m._extensions['.cjs'] ??= m._extensions['.js'];";
const findingCjs = `data:text/javascript,${encodeURIComponent(findCjs)}`;
await import(findingCjs); // here, where the plugins are loaded too

/** The quick ones first: a mutant is given up at the first test that fails. */
const small =
  "circuit-breaker clock codec encryption errors key-ring keys ledger mirror-events records snapshot version";
const spec = [
  ...`${small} write-buffer`.split(" ").map((name) => `build/test/sync/${name}.test.js`),
  "build/test/aspect/*.test.js",
  "build/test/settings/*.test.js",
  "build/test/container/*.test.js",
  "build/test/sync/*.test.js",
  "build/test/simulation/*.test.js",
];
// Whatever no other test catches comes to the histories: of these so many are played as a second has time for.
process.env.SIMULATED_HISTORIES ??= "500";

/** @type {import("@stryker-mutator/api/core").PartialStrykerOptions} */
export default {
  mutate: ["src/aspect/**/*.ts", "src/sync/**/*.ts"],
  // Tests run on what is compiled, so the mutants are compiled once, all of them into one build. The tests are there
  // compiled: only a test file that Stryker can read is one whose changes `--incremental` sees.
  buildCommand: "tsc -p tsconfig.json",
  // Stryker would read it by TypeScript's JavaScript API, which TypeScript 7 does not have; there is nothing in it to rewrite.
  tsconfigFile: "none",
  ignorePatterns: ["dist", "coverage", "mutation"],
  plugins: ["@stryker-mutator/mocha-runner"],
  testRunner: "mocha",
  testRunnerNodeArgs: ["--import", findingCjs],
  checkerNodeArgs: ["--import", findingCjs],
  mochaOptions: {
    "no-config": true,
    spec,
    // A mutant is switched on in the runner's own process: tests that start others see nothing of it.
    ignore: ["build/test/aspect/unhandled-rejection.test.js"],
    require: [
      "build/test/support/unhandled-rejections.js",
      "build/test/support/faked-time.js",
      "build/test/support/mutation-timeout.js",
    ],
  },
  coverageAnalysis: "perTest",
  concurrency: 2,
  // Tests have deadlines of their own, and endless loops are counted; this is for what neither ends. On a busy machine
  // a shorter one would count slow tests as caught mutants.
  timeoutMS: 60_000,
  thresholds: { high: 90, low: 85, break: null },
  reporters: ["clear-text", "progress-append-only", "html", "json"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: "mutation/index.html" },
  jsonReporter: { fileName: "mutation/mutation.json" },
  incrementalFile: "mutation/incremental.json",
  tempDirName: "mutation/sandbox",
};
