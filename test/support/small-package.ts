import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TemporaryFolder } from "./temporary-folder.js";

/** The folder of this package. */
export const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));

/** What a lock file says of a package. */
export interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

/** A package of a test's own, on which a script of this one's is run. */
export class SmallPackage {
  readonly #folder = new TemporaryFolder();

  /** @param content Text, or what is written as JSON. */
  write(path: string, content: unknown): this {
    const file = join(this.#folder.path, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    return this;
  }

  /** A path in it, or all of it. */
  remove(path?: string): void {
    if (path === undefined) this.#folder.remove();
    else rmSync(join(this.#folder.path, path), { recursive: true });
  }

  lock(packages: Record<string, Locked>): this {
    return this.write("package-lock.json", { name: "small", lockfileVersion: 3, packages: { "": {}, ...packages } });
  }

  run(script: string) {
    const options = { cwd: this.#folder.path, encoding: "utf8" } as const;
    return spawnSync(process.execPath, [join(ROOT, "scripts", script)], options);
  }

  /** Beside what the test's own process serves. */
  async runBeside(script: string, env: Record<string, string>): Promise<{ status: number | null; said: string }> {
    const options = { cwd: this.#folder.path, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [join(ROOT, "scripts", script)], options);
    let said = "";
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => (said += String(chunk)));
    const [status] = (await once(child, "close")) as [number | null];
    return { status, said };
  }
}
