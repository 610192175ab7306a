import { spawnSync } from "node:child_process";
import { installTool, type Tool } from "#dist/cli/package-manager.js";

const CHINESE_FONT: Tool = {
  name: "Chinese font",
  packages: {
    "apt-get": ["fontconfig", "fonts-wqy-microhei"],
    dnf: ["fontconfig", "wqy-microhei-fonts"],
    apk: ["fontconfig", "font-wqy-zenhei"],
    brew: ["font-wqy-microhei"],
  },
};

/** Where there is none, gets one; where it can't, it says what to install, and pictures have boxes in place of the letters. */
export async function ensureChineseFont(): Promise<void> {
  const { stdout } = spawnSync("fc-list", [":lang=zh-cn"], { encoding: "utf8" });
  if (!stdout) await installTool(CHINESE_FONT);
}
