// A `.vsix`: what VS Code installs. Made by vsce from a folder that has what belongs in it and nothing else, so there is no
// `.vscodeignore` to keep in step with `files` of package.json, which is about the npm package.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pinnedTool } from "./pinned-tool.mjs";

/** What VS Code and its marketplace read of the manifest; the rest is npm's. */
const MANIFEST =
  `name displayName version description categories keywords license publisher icon repository homepage bugs
  galleryBanner main l10n activationEvents contributes capabilities extensionKind`.split(/\s+/);

/** Files and folders, where they are there. */
const CONTENT = ["LICENSE", "package.nls.json", "package.nls.zh-cn.json", "l10n", "media", "dist/bundle"];

/** Fills a folder with the extension, as it is in `root`. The answer is the folder. */
export function stageExtension(root, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const kept = Object.fromEntries(MANIFEST.filter((name) => name in manifest).map((name) => [name, manifest[name]]));
  // All of the folder: else vsce warns that it has no list.
  const staged = { ...kept, engines: { vscode: manifest.engines.vscode }, files: ["**"] };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(staged, undefined, 2)}\n`);
  for (const path of CONTENT.filter((each) => existsSync(join(root, each))))
    cpSync(join(root, path), join(folder, path), { recursive: true });
  for (const path of ["README.md", "CHANGELOG.md"])
    writeFileSync(join(folder, path), withoutRelativeLinks(readFileSync(join(root, path), "utf8")));
  return folder;
}

/** The words of a link stay; where it led is not in the package, and neither is a picture's file. */
export function withoutRelativeLinks(markdown) {
  return markdown
    .replace(/^!\[[^\]]*\]\((?!https:)[^)]*\)\n+/gm, "")
    .replace(/!\[[^\]]*\]\((?!https:)[^)]*\)/g, "")
    .replace(/(?<!!)\[([^\]]+)\]\((?!https?:|#)[^)]*\)/g, "$1");
}

/** @param file Where it is to lie; its folder is made. */
export async function packVsix(folder, file) {
  const { createVSIX } = createRequire(join(vsce(), "index.js"))("@vscode/vsce");
  mkdirSync(dirname(file), { recursive: true });
  // It says on standard output what it has packed.
  const { log } = console;
  console.log = () => {};
  try {
    await createVSIX({
      cwd: folder,
      packagePath: file,
      dependencies: false,
      allowMissingRepository: true,
      rewriteRelativeLinks: false,
    });
  } finally {
    console.log = log;
  }
}

/** What is in it: the content of each file, by its path. */
export async function readVsix(file) {
  const yauzl = createRequire(join(vsce(), "index.js"))("yauzl");
  const contents = new Map();
  await new Promise((resolve, reject) => {
    yauzl.open(file, { lazyEntries: true }, (failure, zip) => {
      if (failure) return reject(failure);
      zip.on("error", reject).on("end", resolve);
      zip.on("entry", (entry) => {
        zip.openReadStream(entry, (refused, stream) => {
          if (refused) return reject(refused);
          const chunks = [];
          stream.on("error", reject).on("data", (chunk) => chunks.push(chunk));
          stream.on("end", () => {
            contents.set(entry.fileName, Buffer.concat(chunks));
            zip.readEntry();
          });
        });
      });
      zip.readEntry();
    });
  });
  return contents;
}

/** What it needs to store what it publishes, and to sign, is left out. */
function vsce() {
  return pinnedTool("vsce", { options: ["--omit=optional"] });
}
