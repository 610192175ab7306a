// What the mirror adds to a host that is bundled and minified: `node bundle-size.js`. The figures of docs/integration.md.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "esbuild";
import { bundleAsHost } from "../test/hosts/bundling.js";
import { ROOT } from "../test/support/document.js";
import { distribution, printTable } from "./measure.js";

const RUNS = 21;

const HOST = `export { activate } from "./roo-352/extension.js";`;

// Where the mirror itself loads its client; a host has no such line.
const MIRRORED_HOST = `${HOST} export { loadClient } from "#dist/sync/client-loader.js";`;

/** The same host as it was before it was decorated. */
const WITHOUT_MIRROR: Plugin = {
  name: "without-mirror",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^redis-mirrored$/ }, ({ path }) => ({ path, namespace: "nothing" }));
    onLoad({ filter: /.*/, namespace: "nothing" }, () => ({
      contents: `const decorate = () => () => {}; export { decorate as RedisMirrored, decorate as RedisRestored };
        export const installMirror = () => ({ dispose() {} });`,
    }));
  },
};

/** As docs/integration.md shows it. */
const SPLIT_OFF_CLIENT: Plugin = {
  name: "split-off-redis-client",
  setup({ onResolve }) {
    onResolve({ filter: /\/redis-client\.js$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./redis-client.cjs", external: true } : undefined,
    );
  },
};

// A process of its own each time: what is loaded once stays loaded.
const LOAD = `
const [begin, { loadClient }, end] = [performance.now(), require(process.argv[1]), performance.now()];
Promise.resolve(loadClient?.()).then(() => console.log(JSON.stringify([end - begin, performance.now() - end])));
`;

interface Times {
  readonly requireMs: number[];
  readonly clientMs: number[];
}

// Not in a folder of the system's: what is external is looked for in the folders above the bundle.
const folder = join(ROOT, "build/bundle-size");
mkdirSync(folder, { recursive: true });
const bundles: [name: string, entry: string, options: Parameters<typeof bundleAsHost>[2]][] = [
  ["without the mirror", HOST, { plugins: [WITHOUT_MIRROR] }],
  ["with it", MIRRORED_HOST, {}],
  ["with it, the client in a file of its own", MIRRORED_HOST, { plugins: [SPLIT_OFF_CLIENT] }],
  ["with it, the client from node_modules", MIRRORED_HOST, { external: ["@redis/client"] }],
];
const measured = bundles.map(([name], index) => {
  const times: Times = { requireMs: [], clientMs: [] };
  return { name, file: join(folder, `${index}.cjs`), times };
});
for (const [index, [, entry, options]] of bundles.entries()) await bundleAsHost(entry, measured[index]!.file, options);
await bundleAsHost(`export * from "#dist/sync/redis-client.js";`, join(folder, "redis-client.cjs"));

// In turns, so that a moment at which the machine is busy falls on all of them.
for (let run = 0; run < RUNS; run++)
  for (const { file, times } of measured) {
    const output = execFileSync(process.execPath, ["-e", LOAD, file], { encoding: "utf8" });
    const [requireMs, clientMs] = JSON.parse(output) as [number, number];
    times.requireMs.push(requireMs);
    times.clientMs.push(clientMs);
  }

const format = (values: number[]) => `${distribution(values).median.toFixed(1)} ms`;
printTable(
  `A host of ours, bundled to CommonJS and minified; medians of ${RUNS} processes each`,
  ["the bundle", "bytes", "gzip", "require", "then the client"],
  measured.map(({ name, file, times }, index) => {
    const bytes = readFileSync(file);
    return [
      name,
      bytes.length.toLocaleString("en"),
      gzipSync(bytes).length.toLocaleString("en"),
      format(times.requireMs),
      index === 0 ? "–" : format(times.clientMs),
    ];
  }),
);
rmSync(folder, { recursive: true });
