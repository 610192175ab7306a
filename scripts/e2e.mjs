// The extension, as it is packed, in a real VS Code in a real browser: `npm run test:e2e [mocha's options]`. Gets what that
// takes; where it is not to be had, says so, and fails. With --pictures, which `npm run screenshots` adds, the documentation's
// are made anew.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ensureChineseFont } from "../build/test/support/chinese-font.js";
import { ensureChromium } from "../build/test/support/chromium.js";
import { ensureRedisServer } from "../dist/cli/redis-server.js";
import { codeServer } from "./code-server.mjs";
import { packExtension, packTarball } from "./package.mjs";
import { packVsix, stageExtension } from "./vsix.mjs";

/** The classes import the library for its decorators alone. */
const withoutMirror = {
  name: "without-mirror",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/index\.js$/ }, () => ({ path: "decorators", namespace: "plain" }));
    const contents = "const none = () => () => {}; export { none as RedisMirrored, none as RedisRestored };";
    onLoad({ filter: /./, namespace: "plain" }, () => ({ contents }));
  },
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const folder = join(root, "build/e2e");
const pictures = join(root, "docs/images");

const tools = {
  "a redis-server": await ensureRedisServer(),
  Chromium: await ensureChromium(),
  "code-server": codeServer(),
};
const missing = Object.keys(tools).filter((name) => tools[name] === undefined);
if (missing.length > 0) {
  console.error(`The end-to-end tests cannot run here, for want of ${missing.join(", ")}.`);
  process.exit(1);
}

const env = {
  ...process.env,
  E2E_CODE_SERVER: JSON.stringify(tools["code-server"]),
  E2E_VSIX: await packExtension(),
  E2E_TARBALL: packTarball(),
  E2E_PLAIN_VSIX: await packPlain(),
  E2E_DRIVER_VSIX: await packDriver(),
};
const mocha = ["node_modules/mocha/bin/mocha.js", "--config", "test/e2e/.mocharc.json"];
const options = process.argv.slice(2).filter((option) => option !== "--pictures");
const takesPictures = options.length < process.argv.length - 2;
if (takesPictures) {
  await ensureChineseFont();
  env.E2E_PICTURES = pictures;
}
if (!options.some((option) => option.endsWith(".e2e.js"))) options.push("build/test/e2e/**/*.e2e.js");
const { status } = spawnSync(process.execPath, [...mocha, ...options], { env, stdio: "inherit" });
process.exitCode = status ?? 1;
if (takesPictures) reduce();

/** A host for the tests to play. */
async function packDriver() {
  const staged = join(folder, "driver");
  mkdirSync(staged, { recursive: true });
  cpSync("test/e2e/driver-extension/manifest.json", join(staged, "package.json"));
  cpSync("LICENSE", join(staged, "LICENSE"));
  await bundle("build/test/e2e/driver-extension/extension.js", join(staged, "extension.cjs"));
  return pack(staged, "driver");
}

/** The extension with the same persistence, and without the mirror. */
async function packPlain() {
  const staged = stageExtension(root, join(folder, "plain"));
  const bundled = join(staged, "dist/bundle");
  rmSync(bundled, { recursive: true });
  await bundle("build/test/e2e/plain-extension.js", join(bundled, "extension.cjs"), [withoutMirror]);
  return pack(staged, "plain");
}

async function pack(staged, name) {
  const file = join(folder, `${name}.vsix`);
  await packVsix(staged, file);
  return file;
}

async function bundle(entry, outfile, plugins = []) {
  const options = { bundle: true, minify: true, platform: "node", format: "cjs", target: "node20" };
  await build({ ...options, external: ["vscode"], entryPoints: [entry], outfile, plugins, logLevel: "warning" });
}

/** To the colours that they need: a third of the size. */
function reduce() {
  const files = readdirSync(pictures).filter((name) => name.endsWith(".png"));
  const options = ["--force", "--ext", ".png", "--skip-if-larger", "128"];
  const { error } = spawnSync("pngquant", [...options, ...files.map((name) => join(pictures, name))], {
    stdio: "inherit",
  });
  if (error) console.error("Without pngquant the pictures are larger than they need to be.");
}
