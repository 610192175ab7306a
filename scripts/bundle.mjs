// Bundles the VS Code extension to CommonJS. The mirror becomes a file of its own, and the Redis client another, which
// `import()` loads when they are needed: activation pays for neither.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Which of its own files a bundle leaves to another one, by the module that others import. */
const splitOff = {
  name: "split-off",
  setup({ onResolve }) {
    const leave = (module, file, kinds) =>
      onResolve({ filter: new RegExp(`/${module}\\.js$`) }, ({ kind }) =>
        kinds.includes(kind) ? { path: `./${file}.cjs`, external: true } : undefined,
      );
    leave("redis-client", "redis-client", ["dynamic-import"]);
    leave("start-mirror", "mirror", ["dynamic-import"]);
    // What is installed is known to both who install and who ask.
    leave("installed-interceptor", "installed-interceptor", ["import-statement"]);
  },
};

/** Those files, and the modules that they begin with. */
const FILES = {
  extension: "dist/extension/extension.js",
  mirror: "dist/extension/start-mirror.js",
  "installed-interceptor": "dist/aspect/installed-interceptor.js",
  "redis-client": "dist/sync/redis-client.js",
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

const built = await Promise.all(
  Object.entries(FILES).map(([name, entry]) =>
    build({ ...common, entryPoints: [entry], outfile: `dist/bundle/${name}.cjs`, plugins: [splitOff] }),
  ),
);
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
