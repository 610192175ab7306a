import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { installTool, type Tool } from "#dist/cli/package-manager.js";

const CHROMIUM: Tool = {
  name: "Chromium",
  packages: { "apt-get": ["chromium"], dnf: ["chromium"], apk: ["chromium"], brew: ["chromium"] },
};

/** The path of a browser on the PATH that playwright can drive. */
export function findChromium(path = process.env["PATH"] ?? ""): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable);
}

/** Finds one or gets one. Where it can't, it says what to install, and the answer is `undefined`. Never throws. */
export async function ensureChromium(): Promise<string | undefined> {
  if (findChromium() === undefined) await installTool(CHROMIUM);
  return findChromium();
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
