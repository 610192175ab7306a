import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Those that are there. One listener for all: Node warns of more than ten. */
const PRESENT = new Set<TemporaryFolder>();
process.once("exit", () => PRESENT.forEach((folder) => folder.remove()));

/** A folder that is gone when this process is, at the latest. */
export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), "redis-mirrored-"));

  constructor() {
    PRESENT.add(this);
  }

  remove(): void {
    PRESENT.delete(this);
    rmSync(this.path, { recursive: true, force: true });
  }
}
