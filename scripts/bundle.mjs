// Bundles the VS Code extension to CommonJS. The Redis client becomes a file of its own, which `import()` loads when
// it is first needed: activation does not pay for it.
import { build } from "esbuild";

const CLIENT = "./redis-client.js";

const splitOffRedisClient = {
  name: "split-off-redis-client",
  setup({ onResolve }) {
    onResolve({ filter: /redis-client\.js$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./redis-client.cjs", external: true } : undefined,
    );
  },
};

const common = {
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  minify: true,
  legalComments: "none",
  external: ["vscode"],
  logLevel: "warning",
};

await Promise.all([
  build({
    ...common,
    entryPoints: ["dist/extension/extension.js"],
    outfile: "dist/bundle/extension.cjs",
    plugins: [splitOffRedisClient],
  }),
  build({ ...common, entryPoints: [`dist/sync/${CLIENT}`], outfile: "dist/bundle/redis-client.cjs" }),
]);
