// Whether the package, as npm would pack it now, holds what it should and nothing else: `npm run check:tarball`.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { conclude } from "./locked-packages.mjs";
import { secretsIn } from "./shipped-secrets.mjs";

/** Each file is of one of these kinds, and of each kind there is one. What is compiled has a source in `src`. */
const KINDS = [
  {
    name: "manifest, licence and READMEs",
    form: /^(package\.json|LICENSE|(README|CHANGELOG|SECURITY)(\.zh-CN)?\.md)$/,
  },
  { name: "texts of the manifest", form: /^package\.nls(\.[a-z-]+)?\.json$/ },
  { name: "texts of the window", form: /^l10n\/bundle\.l10n\.[a-z-]+\.json$/ },
  { name: "pictures", form: /^(media|docs\/images)\/([a-z-]+\/)*[a-z-]+(\.zh-cn)?\.(svg|png)$/ },
  { name: "documentation", form: /^docs\/([a-z-]+\/)*([a-z-]+|README|redis-mirrored\.api)\.md$/ },
  { name: "the dashboard and its alerts", form: /^docs\/observability\/(dashboard\.json|alerts\.yml)$/ },
  { name: "samples", form: /^samples\/[a-z_-]+\.(json|py)$/ },
  { name: "sources", form: /^src\/([a-z-]+\/)*[a-z-]+\.ts$/ },
  { name: "compiled sources", form: /^dist\/(([a-z-]+\/)*[a-z-]+)\.(js|d\.ts)(\.map)?$/, isOfSource: true },
  { name: "the extension, bundled", form: /^dist\/bundle\/([a-z-]+\.cjs|third-party-licences\.txt)$/ },
];

const MAX_UNPACKED_BYTES = 5_500_000;
const MAX_PACKED_BYTES = 1_450_000;

const { files, size, unpackedSize } = pack();
const paths = new Set(files.map(({ path }) => path));
const problems = [
  ...files.flatMap(({ path }) => problemsOf(path)),
  ...KINDS.filter(({ form }) => !files.some(({ path }) => form.test(path))).map(
    ({ name }) => `expected ${name}, got none`,
  ),
  ...namedByManifest()
    .filter((path) => !paths.has(path))
    .map((path) => `expected ${path}, which package.json names`),
];
if (unpackedSize > MAX_UNPACKED_BYTES || size > MAX_PACKED_BYTES)
  problems.push(
    `expected at most ${MAX_UNPACKED_BYTES} bytes, packed ${MAX_PACKED_BYTES}, got ${unpackedSize}, packed ${size}`,
  );
conclude("tarball", problems, `${files.length} files, ${unpackedSize} bytes, packed ${size}, as expected.`);

function problemsOf(path) {
  const kind = KINDS.find(({ form }) => form.test(path));
  if (kind === undefined) return [`expected nothing else, got ${path}`];
  const [, name] = kind.form.exec(path);
  if (kind.isOfSource === true && !existsSync(`src/${name}.ts`)) return [`${path} is compiled from what is not there`];
  const text = readFileSync(path, "utf8");
  const found = secretsIn(path, text);
  return path.endsWith(".map") ? [...found, ...problemsOfMap(path, JSON.parse(text))] : found;
}

/** A map that leads out of the package says what lies on the machine that packed it. */
function problemsOfMap(path, { sources, sourceRoot = "", sourcesContent }) {
  const outside = sources
    .map((source) => posix.join(dirname(path), sourceRoot, source))
    .filter((source) => !paths.has(source))
    .map((source) => `${path} names ${source}, which is not in the package`);
  return sourcesContent === undefined ? outside : [...outside, `${path} holds sources, which are beside it already`];
}

function namedByManifest() {
  const { main, types, bin = {}, exports = {} } = JSON.parse(readFileSync("package.json", "utf8"));
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? [entry] : Object.values(entry),
  );
  return [main, types, ...Object.values(bin), ...entries].filter(Boolean).map((path) => posix.normalize(path));
}

function pack() {
  const { stdout, status, error } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  if (status !== 0) throw new Error("`npm pack` failed");
  // A list in some versions of npm, by name in others.
  return Object.values(JSON.parse(stdout))[0];
}
