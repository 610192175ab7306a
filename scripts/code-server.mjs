// VS Code in a browser, for the end-to-end tests.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pinnedTool } from "./pinned-tool.mjs";

/** Of the extensions that VS Code brings, those that make it look as it does; the others would be started each time. */
const BUILT_IN = ["theme-defaults", "theme-modern-icons", "theme-seti", "json", "markdown-basics"];

/** The command that starts it, by the Node that it needs. `undefined`: not to be had for this kind of machine. */
export function codeServer() {
  const folder = pinnedTool("code-server", { prepare });
  const node = join(folder, "node_modules", `node-${process.platform}-${process.arch}`, "bin/node");
  if (!existsSync(node)) return undefined;
  const entry = join(folder, "node_modules/code-server/out/node/entry.js");
  return [node, entry];
}

function prepare(folder) {
  const packages = join(folder, "node_modules");
  const vscode = join(packages, "code-server/lib/vscode");
  for (const name of readdirSync(join(vscode, "extensions")))
    if (!BUILT_IN.includes(name)) rmSync(join(vscode, "extensions", name), { recursive: true });
  // VS Code looks for its packages beside itself, and serves some from there.
  const beside = join(vscode, "node_modules");
  for (const name of packagesIn(packages).filter((each) => each !== "code-server")) {
    mkdirSync(join(beside, name, ".."), { recursive: true });
    symlinkSync(join("../".repeat(name.split("/").length + 3), name), join(beside, name));
  }
  for (const name of readdirSync(join(folder, "stand-ins")))
    cpSync(join(folder, "stand-ins", name), join(beside, "@vscode", name), { recursive: true });
}

function packagesIn(folder) {
  return readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(folder, name)).map((each) => `${name}/${each}`) : [name],
    );
}
