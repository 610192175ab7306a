import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Workbench } from "./workbench.js";

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** For the documentation, where `npm run screenshots` asks for it: else nothing is done. @param area Of the window; all of it. */
export async function picture({ page }: Workbench, name: string, area?: Area): Promise<void> {
  const folder = process.env["E2E_PICTURES"];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  const options = { path: join(folder, `${name}.png`), animations: "disabled", caret: "hide" } as const;
  await page.screenshot({ ...options, ...(area && { clip: area }) });
}
