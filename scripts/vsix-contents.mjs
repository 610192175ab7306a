// What a `.vsix` of the extension may hold, must hold, and how large it may be.
import { posix } from "node:path";
import { secretsIn } from "./shipped-secrets.mjs";

/** Each file is of one of these kinds. */
const KINDS = [
  /^(extension\.vsixmanifest|\[Content_Types\]\.xml)$/,
  /^extension\/(package\.json|LICENSE\.txt|readme\.md|changelog\.md)$/,
  /^extension\/package\.nls(\.[a-z-]+)?\.json$/,
  /^extension\/l10n\/bundle\.l10n(\.[a-z-]+)?\.json$/,
  /^extension\/media\/([a-z-]+\/)*[a-z-]+(\.zh-cn)?\.(png|svg|md)$/,
  /^extension\/dist\/bundle\/([a-z-]+\.cjs|third-party-licences\.txt)$/,
];

/** Whatever its manifest says. */
const NAMED = ["package.json", "readme.md", "changelog.md", "LICENSE.txt"];

/** The mirror's own code is a third of it, the rest is the Redis client and the icon. */
const MAX_BYTES = 400_000;

/**
 * What is wrong with it, a line each.
 * @param contents The content of each file, by its path.
 * @param size Of all of it, packed, in bytes.
 */
export function problemsOfVsix(contents, size) {
  const manifest = JSON.parse(textOf(contents, "extension/package.json"));
  const named = [...NAMED, manifest.main, manifest.icon, ...pathsIn(manifest.contributes)];
  return [
    ...[...contents.keys()].flatMap((path) => problemsOf(contents, path)),
    ...named
      .filter((path) => path !== undefined && !contents.has(posix.join("extension", path)))
      .map((path) => `expected ${path}, which ${NAMED.includes(path) ? "belongs in it" : "its manifest names"}`),
    ...["package.nls.json", "package.nls.zh-cn.json"].flatMap((language) => untitled(contents, manifest, language)),
    ...(size > MAX_BYTES ? [`expected at most ${MAX_BYTES} bytes, got ${size}`] : []),
  ];
}

function problemsOf(contents, path) {
  if (!KINDS.some((form) => form.test(path))) return [`expected nothing else, got ${path}`];
  if (path.endsWith(".png")) return [];
  const text = textOf(contents, path);
  const found = secretsIn(path, text);
  if (/sourceMappingURL=/.test(text)) found.push(`${path} names a source map`);
  if (/\]\((?!https?:|#)/.test(text) && path.endsWith("readme.md"))
    found.push(`${path} leads to what is not in the package`);
  return found;
}

/** Those of pictures and pages, wherever they are named. */
function pathsIn(contribution) {
  if (typeof contribution === "string") return /^\.?\/?media\//.test(contribution) ? [contribution] : [];
  return Object.values(contribution ?? {}).flatMap((each) => (each === null ? [] : pathsIn(each)));
}

/** What the manifest leaves to a language, and the language does not say. */
function untitled(contents, manifest, language) {
  const texts = JSON.parse(textOf(contents, `extension/${language}`));
  const keys = [...JSON.stringify(manifest).matchAll(/"%([\w.-]+)%"/g)].map(([, key]) => key);
  return keys.filter((key) => typeof texts[key] !== "string").map((key) => `${language} does not say ${key}`);
}

function textOf(contents, path) {
  return contents.get(path)?.toString("utf8") ?? "{}";
}
