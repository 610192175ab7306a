// Makes a release ready: `npm run release -- <version> [--dry-run]`. Checks, sets the version, dates the changelog, builds and
// packs; then says how to publish, and stops there. With --dry-run it checks the same and changes nothing.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const FORM = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
const CHECKS = ["lint", "check:format", "check:package", "check:supply-chain", "test"];
const CHANGED = ["package.json", "package-lock.json", "CHANGELOG.md"];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { "dry-run": { type: "boolean" } } });
const [version] = positionals;
const isDryRun = values["dry-run"] === true;

try {
  release();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function release() {
  if (positionals.length !== 1 || !FORM.test(version))
    throw new Error(`Expected one version, such as 1.2.3, got \`${positionals.join(" ")}\``);
  expectReleasable();
  const changelog = datedChangelog(readFileSync("CHANGELOG.md", "utf8"));
  for (const check of CHECKS) run("npm", "run", "--silent", check);
  if (isDryRun) {
    console.log(`Dry run: nothing is changed. ${version} would hold`);
    return describe(pack("--dry-run"));
  }
  try {
    run("npm", "version", version, "--no-git-tag-version", "--allow-same-version", "--silent");
    writeFileSync("CHANGELOG.md", changelog);
    // What was compiled of sources that are gone would be packed too.
    rmSync("dist", { recursive: true, force: true });
    run("npm", "run", "--silent", "build");
    describe(pack());
  } catch (error) {
    run("git", "checkout", "--quiet", "--", ...CHANGED.filter(isTracked));
    throw error;
  }
}

function expectReleasable() {
  const changes = capture("git", "status", "--porcelain").trimEnd();
  if (changes !== "") throw new Error(`Expected a clean tree, got\n${changes}`);
  const branch = capture("git", "branch", "--show-current").trim();
  if (branch !== "main") throw new Error(`Expected to be on main, got \`${branch}\``);
  if (capture("git", "tag", "--list", `v${version}`).trim() !== "")
    throw new Error(`Expected a new version, got ${version}, of which there is a tag`);
}

/** `## Unreleased` and `## 1.2.3 (unreleased)` get version and date; a heading that has them stays. */
function datedChangelog(text) {
  const escaped = version.replaceAll(".", "\\.");
  const heading = new RegExp(`^## (?:Unreleased|${escaped}(?: \\(([^)]*)\\))?)$`, "m").exec(text);
  if (heading === null)
    throw new Error(`Expected CHANGELOG.md to have a heading \`Unreleased\` or \`${version}\`, got none`);
  const isDated = heading[1] !== undefined && heading[1] !== "unreleased";
  if (isDated) return text;
  const today = new Date().toISOString().slice(0, 10);
  return text.replace(heading[0], `## ${version} (${today})`);
}

function pack(...options) {
  const packed = JSON.parse(capture("npm", "pack", "--json", ...options));
  // A list in some versions of npm, by name in others.
  return Object.values(packed)[0];
}

function describe({ filename, files, size, unpackedSize }) {
  for (const { path, size: bytes } of files) console.log(`${String(bytes).padStart(9)}  ${path}`);
  console.log(`${files.length} files, ${unpackedSize} bytes, packed ${size} bytes: ${filename}`);
  if (isDryRun) return;
  console.log(`
Nothing is published. If the list is right:

  git commit --all --message "${version}" && git tag v${version}
  npm publish --provenance --access public${version.includes("-") ? " --tag next" : ""} ${filename}

Provenance needs a workflow with an OIDC token: .github/workflows/release.yml publishes what the tag names.`);
}

function isTracked(file) {
  return capture("git", "ls-files", file).trim() !== "";
}

function capture(command, ...args) {
  return start(command, args, ["ignore", "pipe", "inherit"]);
}

function run(command, ...args) {
  start(command, args, ["ignore", 2, "inherit"]);
}

function start(command, args, stdio) {
  const { status, error, stdout } = spawnSync(command, args, { stdio, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (error) throw error;
  if (status !== 0) throw new Error(`\`${[command, ...args].join(" ")}\` failed`);
  return stdout;
}
