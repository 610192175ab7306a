import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Manifest } from "./manifest.js";

export interface NextStep {
  readonly command: string;
  readonly purpose: string;
}

const PACKAGE_MANAGERS = [
  { name: "pnpm", lockFile: "pnpm-lock.yaml", run: "pnpm" },
  { name: "yarn", lockFile: "yarn.lock", run: "yarn" },
  { name: "bun", lockFile: "bun.lock", run: "bun run" },
  { name: "bun", lockFile: "bun.lockb", run: "bun run" },
  { name: "npm", lockFile: "package-lock.json", run: "npm run" },
];

/** What a host calls the script that makes the extension; the first one that there is. */
const BUILD_SCRIPTS = ["bundle", "build", "compile", "package"];

/** How to get from the changed sources to an extension that mirrors, and back. @param folder Of the host's package. */
export async function nextSteps(folder: string): Promise<NextStep[]> {
  const [root, { name, run }] = findPackageManager(folder);
  const manifest = await Manifest.read(root);
  const member = relative(root, folder).replaceAll("\\", "/");
  const script = BUILD_SCRIPTS.find((each) => manifest.names("scripts").includes(each));
  return [
    { command: `${name} install`, purpose: "gets the package" },
    script === undefined
      ? { command: "build it", purpose: "as you always do" }
      : { command: `${run} ${script}`, purpose: "builds the extension" },
    {
      command: "start it",
      purpose: "it mirrors to localhost:6379, unless REDIS_URL or REDIS_HOST names another Redis",
    },
    {
      command: "npx redis-mirrored inspect",
      // Of a workspace, only the member that depends on it has the command.
      purpose: member === "" ? "shows what has arrived" : `in ${member}: shows what has arrived`,
    },
  ];
}

/** By the lock file, in the package's folder or in the one that it is a workspace of. */
function findPackageManager(start: string): [root: string, manager: { name: string; run: string }] {
  for (let folder = start; ; folder = dirname(folder)) {
    const found = PACKAGE_MANAGERS.find(({ lockFile }) => existsSync(join(folder, lockFile)));
    if (found !== undefined && existsSync(join(folder, "package.json"))) return [folder, found];
    if (dirname(folder) === folder) return [start, PACKAGE_MANAGERS.at(-1)!];
  }
}
