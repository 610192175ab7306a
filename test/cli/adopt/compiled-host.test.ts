import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { adopt } from "#dist/cli/adopt/run.js";
import { HOST_KINDS, miniatureHost, writeFiles } from "./miniature-hosts.js";

const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));
const TSC = join(dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))), "bin/tsc");

describe("what an adoption inserts", () => {
  let folder: string;
  beforeEach(() => {
    // Inside the package, so that its compiler's types are found.
    mkdirSync(join(ROOT, "build"), { recursive: true });
    folder = mkdtempSync(join(ROOT, "build/hosts-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const dialect of ["legacy", "standard"]) {
    it(`compiles under the strictest settings of every kind of host, with ${dialect} decorators`, async function () {
      this.timeout(60_000);
      for (const kind of HOST_KINDS) {
        writeFiles(join(folder, kind), miniatureHost(kind));
        const options = { yes: true, check: false, undo: false, json: false };
        const terminal = { isInteractive: false, isPlain: true, write: () => {}, ask: () => Promise.resolve(false) };
        expect(await adopt(options, join(folder, kind), terminal)).to.equal(0);
      }
      const compilerOptions = {
        experimentalDecorators: dialect === "legacy",
        strict: true,
        noImplicitReturns: true,
        noUnusedParameters: true,
        target: "es2022",
        module: "esnext",
        moduleResolution: "bundler",
        lib: ["es2023", "dom", "esnext.disposable"],
        types: ["node", "vscode"],
        skipLibCheck: true,
        noEmit: true,
        paths: { "redis-mirrored": [join(ROOT, "dist/index.d.ts")] },
      };
      writeFiles(folder, { "tsconfig.json": JSON.stringify({ compilerOptions, include: ["*/src"] }) });
      const { stdout, status } = spawnSync(process.execPath, [TSC, "-p", folder], { encoding: "utf8" });
      expect(stdout).to.equal("");
      expect(status).to.equal(0);
    });
  }
});
