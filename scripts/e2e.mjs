// The extension, as it is packed, in a real VS Code in a real browser: `npm run test:e2e [mocha's options]`. Gets what that
// takes; where it is not to be had, says so, and fails.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ensureChromium } from "../build/test/support/chromium.js";
import { ensureRedisServer } from "../dist/cli/redis-server.js";
import { codeServer } from "./code-server.mjs";
import { packExtension, packTarball } from "./package.mjs";
import { packVsix } from "./vsix.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const folder = join(root, "build/e2e");

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
  E2E_DRIVER_VSIX: await packDriver(),
};
const mocha = ["node_modules/mocha/bin/mocha.js", "--config", "test/e2e/.mocharc.json"];
const options = process.argv.slice(2);
if (!options.some((option) => option.endsWith(".e2e.js"))) options.push("build/test/e2e/**/*.e2e.js");
const { status } = spawnSync(process.execPath, [...mocha, ...options], { env, stdio: "inherit" });
process.exitCode = status ?? 1;

/** A host for the tests to play. */
async function packDriver() {
  const staged = join(folder, "driver");
  mkdirSync(staged, { recursive: true });
  cpSync("test/e2e/driver-extension/manifest.json", join(staged, "package.json"));
  cpSync("LICENSE", join(staged, "LICENSE"));
  await bundle("build/test/e2e/driver-extension/extension.js", join(staged, "extension.cjs"));
  const file = join(folder, "driver.vsix");
  await packVsix(staged, file);
  return file;
}

async function bundle(entry, outfile) {
  const options = { bundle: true, platform: "node", format: "cjs", target: "node20", external: ["vscode"] };
  await build({ ...options, entryPoints: [entry], outfile, logLevel: "warning" });
}
