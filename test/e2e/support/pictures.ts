import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Workbench } from "./workbench.js";

/** For the documentation, where `npm run screenshots` asks for it: else nothing is done. */
export async function picture(workbench: Workbench, name: string): Promise<void> {
  const folder = process.env["E2E_PICTURES"];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await workbench.page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled", caret: "hide" });
}
