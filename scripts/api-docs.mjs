// Writes docs/api: README.md, the reference of all that the package exports, made of its docstrings; and
// redis-mirrored.api.md, the public API as types, in which an accidental change shows in a diff.
// `node scripts/api-docs.mjs [--check]`: with --check it writes nothing, and fails where what is there is not what it would write.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isChecking = process.argv.includes("--check");

/** By the room that an export comes from. */
const ROOMS = [
  ["aspect", "Decorators and interceptors"],
  ["container", "The mirror and its container"],
  ["settings", "Options and settings"],
  ["sync", "The engine, records, Redis and errors"],
];

const KINDS = { Class: "class", Interface: "interface", Function: "function", TypeAlias: "type", Variable: "constant" };

extract();
const report = readFileSync(join(root, "build/api/redis-mirrored.api.md"), "utf8");
const model = JSON.parse(readFileSync(join(root, "build/api/redis-mirrored.api.json"), "utf8"));
const undocumented = model.members[0].members.filter(
  ({ docComment, overloadIndex = 1 }) => !docComment && overloadIndex === 1,
);
for (const { name, fileUrlPath } of undocumented) {
  console.error(`${fileUrlPath}: \`${name}\` is public and has no docstring.`);
  process.exitCode = 1;
}
const files = { "README.md": reference(model.members[0].members), "redis-mirrored.api.md": report };

const outdated = Object.entries(files).filter(([name, text]) => text !== read(name));
if (isChecking && outdated.length > 0) {
  const names = outdated.map(([name]) => `docs/api/${name}`).join(", ");
  console.error(
    `${names}: not what the code says. \`npm run docs:api\` writes it anew; what has changed is the public API.`,
  );
  process.exitCode = 1;
} else {
  for (const [name, text] of outdated) writeFileSync(join(root, "docs/api", name), text);
}

/** Into build/api. */
function extract() {
  for (const folder of ["build/api/report", "docs/api"]) mkdirSync(join(root, folder), { recursive: true });
  const configObject = ExtractorConfig.loadFile(join(root, "api-extractor.json"));
  const options = { configObject, configObjectFullPath: join(root, "api-extractor.json") };
  const config = ExtractorConfig.prepare({ ...options, packageJsonFullPath: join(root, "package.json") });
  const { errorCount } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      // That there was no report in build/ before, among others.
      if (message.logLevel !== ExtractorLogLevel.Error) message.handled = true;
    },
  });
  if (errorCount > 0) process.exit(1);
}

function read(name) {
  try {
    return readFileSync(join(root, "docs/api", name), "utf8");
  } catch {
    return undefined;
  }
}

function reference(exported) {
  const lines = [
    "# API reference",
    "",
    "All that `redis-mirrored` exports, from its docstrings. `npm run docs:api` writes this page;",
    "[redis-mirrored.api.md](redis-mirrored.api.md) is the same as types alone.",
  ];
  const rooms = ROOMS.map(([room, title]) => [title, byName(exported, room)]);
  for (const [title, groups] of rooms) {
    lines.push("", `**${title}**`, "");
    for (const [name, [first]] of groups) lines.push(`- [${name}](#${name.toLowerCase()}): ${summaryOf(first)}`);
  }
  for (const [title, groups] of rooms) {
    lines.push("", `## ${title}`);
    for (const [name, items] of groups) lines.push("", `### ${name}`, "", ...items.flatMap(section));
  }
  return `${lines
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

/** The overloads of a function are one group. */
function byName(exported, room) {
  const groups = new Map();
  for (const item of exported)
    if (item.fileUrlPath.startsWith(`src/${room}/`)) groups.set(item.name, [...(groups.get(item.name) ?? []), item]);
  return groups;
}

function section(item) {
  const members = (item.members ?? []).filter((member) => member.releaseTag !== "Internal");
  const lines = ["```ts", signatureOf(item), "```", "", ...proseOf(item), ""];
  if (item.overloadIndex === undefined || item.overloadIndex === 1) lines.unshift(`_${KINDS[item.kind]}_`, "");
  for (const member of members) {
    // What the extractor says of a constructor that says nothing itself.
    const [first = "", ...rest] = proseOf(member.kind === "Constructor" && isGenerated(member) ? {} : member);
    lines.push(`- \`${oneLine(signatureOf(member))}\`${first === "" ? "" : `  `}`);
    if (first !== "") lines.push(...[first, ...rest].map((line) => (line === "" ? "" : `  ${line}`)));
  }
  return [...lines, ""];
}

function isGenerated({ docComment = "" }) {
  return docComment.includes("Constructs a new instance of");
}

function signatureOf({ excerptTokens }) {
  const text = excerptTokens.map((token) => token.text).join("");
  return text
    .replace(/^export (declare )?/, "")
    .replace(/;$/, "")
    .trim();
}

function oneLine(text) {
  return text.replaceAll(/\s+/g, " ");
}

/** The docstring's first sentence. */
function summaryOf(item) {
  const [first = ""] = proseOf(item);
  return /^.*?[.:;](?=\s|$)/.exec(first)?.[0].replace(/[.:;]$/, "") ?? first;
}

/** The docstring, with what follows its tags in words. */
function proseOf({ docComment = "" }) {
  const text = docComment.replace(/^\/\*\*\s?/, "").replace(/\s*\*\/\s*$/, "");
  const lines = text.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
  const [prose, ...blocks] = lines.join("\n").split(/(?<=^|\s)@(?=(?:param|throws|returns|example)\b)/);
  const paragraphs = [unwrap(prose)];
  const errors = [];
  for (const block of blocks) {
    const [, tag, body] = /^(\w+)\s*([\s\S]*)$/.exec(block);
    if (tag === "throws") errors.push(unwrap(body));
    else if (tag === "param") paragraphs.push(unwrap(body.replace(/^(\w+)\s+-?\s*/, "`$1`: ")));
    else if (tag === "returns") paragraphs.push(`Returns ${unwrap(body)}`);
    else paragraphs.push(`\`\`\`ts\n${body.trim()}\n\`\`\``);
  }
  if (errors.length > 0) paragraphs.push(`Throws ${errors.join(", ").replace(/\.?$/, ".")}`);
  return paragraphs
    .filter((paragraph) => paragraph !== "")
    .flatMap((paragraph) => ["", ...paragraph.split("\n")])
    .slice(1);
}

/** Lines of one paragraph become one; a blank line stays. */
function unwrap(text) {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map(oneLine)
    .join("\n\n")
    .trim();
}
