import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { RedisServer } from "./support/redis-server.js";

const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));
const TSC = join(dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))), "bin/tsc");

/** The first TypeScript example of a README, as the reader copies it. */
function firstExample(readme: string): string {
  return /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, readme), "utf8"))![1]!;
}

describe("the example of the README", () => {
  let server: RedisServer;
  let folder: string;

  before(async () => {
    server = await RedisServer.start();
    // Inside the package, so that it finds the package by its name.
    mkdirSync(join(ROOT, "build"), { recursive: true });
    folder = mkdtempSync(join(ROOT, "build/readme-"));
  });
  after(async () => {
    await server.kill();
    rmSync(folder, { recursive: true });
  });

  for (const readme of ["README.md", "README.zh-CN.md"]) {
    for (const dialect of ["legacy", "standard"]) {
      it(`compiles with ${dialect} decorators and does what it says (${readme})`, async () => {
        const file = join(folder, `${readme.replaceAll(".", "-")}-${dialect}.mts`);
        const example = firstExample(readme);
        expect(example).to.contain("installMirror();");
        // As it stands but for one deadline: a process that has just started, on a busy machine, needs longer to connect.
        writeFileSync(
          file,
          example.replace("installMirror();", "installMirror({ timings: { closeTimeoutMs: 30_000 } });"),
        );
        const options = [
          "--strict",
          "--target",
          "es2022",
          "--module",
          "nodenext",
          "--types",
          "node",
          "--skipLibCheck",
          "--ignoreConfig",
        ];
        execFileSync(process.execPath, [
          TSC,
          ...options,
          "--experimentalDecorators",
          String(dialect === "legacy"),
          file,
        ]);
        const env = {
          ...process.env,
          REDIS_HOST: "127.0.0.1",
          REDIS_PORT: String(server.port),
          ROO_USER_ID: dialect,
          XDG_CONFIG_HOME: folder,
        };
        execFileSync(process.execPath, [file.replace(/\.mts$/, ".mjs")], {
          env,
          stdio: ["ignore", "ignore", "inherit"],
        });
        expect(JSON.parse((await server.get(`roo:${dialect}:provider`))!)).to.include.keys("ciphertext", "tag", "iv");
        await (await server.client()).flushAll();
      });
    }
  }
});
