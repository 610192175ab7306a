// Bundles the VS Code extension to CommonJS. The Redis client becomes a file of its own, which `import()` loads when
// it is first needed: activation does not pay for it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
  // The second is the host's, if anybody's.
  external: ["vscode", "@opentelemetry/api"],
  // Becomes `require`, which is where VS Code gives its own module to whoever asks for it.
  supported: { "dynamic-import": false },
  logLevel: "warning",
  metafile: true,
};

const built = await Promise.all([
  build({
    ...common,
    entryPoints: ["dist/extension/extension.js"],
    outfile: "dist/bundle/extension.cjs",
    plugins: [splitOffRedisClient],
  }),
  build({ ...common, entryPoints: [`dist/sync/${CLIENT}`], outfile: "dist/bundle/redis-client.cjs" }),
]);
writeFileSync(
  "dist/bundle/third-party-licences.txt",
  licencesOf(built.flatMap(({ metafile }) => bundledFolders(metafile))),
);

/** Of the packages whose code is in the bundle. */
function bundledFolders({ inputs }) {
  return Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
}

/** Whoever passes their code on has to pass their licences on too. */
function licencesOf(folders) {
  const texts = [...new Set(folders)]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const file = readdirSync(folder).find((each) => /^licen[cs]e(\.|$)/i.test(each));
      const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), "utf8").trim();
      return `${name} ${version}\n\n${text}\n`;
    });
  return `The bundle beside this file holds code of these packages.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
