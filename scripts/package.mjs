// Packs what is shipped, as it is compiled now: `npm run package`. The extension for VS Code and the npm package, into
// `build/packages`, which git ignores.
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { npm } from "./pinned-tool.mjs";
import { packVsix, stageExtension } from "./vsix.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "build/packages");

/** The answer is its path. */
export async function packExtension() {
  const vsix = join(folder, "redis-mirrored.vsix");
  await packVsix(stageExtension(root, join(folder, "extension")), vsix);
  return vsix;
}

/** The same of the npm package. */
export function packTarball() {
  mkdirSync(folder, { recursive: true });
  const said = npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder]);
  // A list in some versions of npm, by name in others.
  const [{ filename }] = Object.values(JSON.parse(said));
  return join(folder, filename);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  describe("The extension for VS Code", await packExtension());
  describe("The npm package", packTarball());
}

function describe(what, file) {
  console.log(`${what}: ${file.slice(root.length + 1)}, ${Math.ceil(statSync(file).size / 1000)} kB`);
}
