// Whether the extension, as `npm run package` packs it now, holds what it should and nothing else: `npm run check:vsix`.
import { statSync } from "node:fs";
import { posix } from "node:path";
import { conclude } from "./locked-packages.mjs";
import { packExtension } from "./package.mjs";
import { secretsIn } from "./shipped-secrets.mjs";
import { readVsix } from "./vsix.mjs";

/** Each file is of one of these kinds. */
const KINDS = [
  /^(extension\.vsixmanifest|\[Content_Types\]\.xml)$/,
  /^extension\/(package\.json|LICENSE\.txt|readme\.md|changelog\.md)$/,
  /^extension\/package\.nls(\.[a-z-]+)?\.json$/,
  /^extension\/l10n\/bundle\.l10n(\.[a-z-]+)?\.json$/,
  /^extension\/media\/([a-z-]+\/)*[a-z-]+(\.zh-cn)?\.(png|svg|md)$/,
  /^extension\/dist\/bundle\/([a-z-]+\.cjs|third-party-licences\.txt)$/,
];

/** The mirror's own code is a third of it, the rest is the Redis client and the icon. */
const MAX_BYTES = 400_000;

const file = await packExtension();
const contents = await readVsix(file);
const manifest = JSON.parse(text("extension/package.json"));
const named = [
  manifest.main,
  manifest.icon,
  ...pathsIn(manifest.contributes),
  "readme.md",
  "changelog.md",
  "LICENSE.txt",
];
const problems = [
  ...[...contents.keys()].flatMap(problemsOf),
  ...named
    .filter((path) => path !== undefined && !contents.has(posix.join("extension", path)))
    .map((path) => `expected ${path}, which its manifest names`),
  ...["package.nls.json", "package.nls.zh-cn.json"].flatMap(untitled),
];
const { size } = statSync(file);
if (size > MAX_BYTES) problems.push(`expected at most ${MAX_BYTES} bytes, got ${size}`);
conclude("vsix", problems, `${contents.size} files, ${size} bytes, as expected.`);

function problemsOf(path) {
  if (!KINDS.some((form) => form.test(path))) return [`expected nothing else, got ${path}`];
  if (path.endsWith(".png")) return [];
  const found = secretsIn(path, text(path));
  if (/sourceMappingURL=/.test(text(path))) found.push(`${path} names a source map`);
  if (/\]\((?!https?:|#)/.test(text(path)) && path.endsWith("readme.md"))
    found.push(`${path} leads to what is not in the package`);
  return found;
}

/** Those of pictures and pages, wherever they are named. */
function pathsIn(contribution) {
  if (typeof contribution === "string") return /^\.?\/?media\//.test(contribution) ? [contribution] : [];
  return Object.values(contribution ?? {}).flatMap((each) => (each === null ? [] : pathsIn(each)));
}

/** What the manifest leaves to a language, and the language does not say. */
function untitled(language) {
  const texts = JSON.parse(text(`extension/${language}`));
  const keys = [...JSON.stringify(manifest).matchAll(/"%([\w.-]+)%"/g)].map(([, key]) => key);
  return keys.filter((key) => typeof texts[key] !== "string").map((key) => `${language} does not say ${key}`);
}

function text(path) {
  return contents.get(path)?.toString("utf8") ?? "{}";
}
