// Gets what only packaging and the end-to-end tests need. Each tool is a folder of `scripts/tools/` whose lock file pins
// every package by its hash; it lies in `.cache/`, and is there once for each state of that folder.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The folder of a tool, with its `node_modules`. Nothing that it brings is run when it is installed.
 * @param options More of npm's.
 * @param prepare Makes of what npm has installed there what works; once.
 */
export function pinnedTool(name, { options = [], prepare = () => {} } = {}) {
  const source = join(ROOT, "scripts/tools", name);
  const cache = join(ROOT, ".cache");
  const folder = join(cache, `${name}-${hashOf(source)}`);
  if (existsSync(folder)) return folder;

  console.error(`Installing ${name} …`);
  mkdirSync(cache, { recursive: true });
  // Made beside it: what is there under its name is whole.
  const draft = mkdtempSync(join(cache, `draft-${name}-`));
  try {
    cpSync(source, draft, { recursive: true });
    npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...options], draft);
    prepare(draft);
    for (const old of readdirSync(cache))
      if (new RegExp(`^${name}-[0-9a-f]{12}$`).test(old)) rmSync(join(cache, old), { recursive: true });
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Else another run was faster.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

function hashOf(folder) {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map(({ parentPath, name }) => join(parentPath, name)).sort())
    hash.update(path.slice(folder.length)).update(readFileSync(path));
  return hash.digest("hex").slice(0, 12);
}

/** npm's own name differs by system; the one that runs this script is the one to use. The answer is what it said. */
export function npm(args, cwd = ROOT) {
  const own = process.env.npm_execpath;
  const command = own === undefined ? [process.platform === "win32" ? "npm.cmd" : "npm"] : [process.execPath, own];
  const { status, error, stdout, stderr } = spawnSync(command[0], [...command.slice(1), ...args], {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`\`npm ${args.join(" ")}\` failed\n${stdout}${stderr}`.trim());
  return stdout;
}
