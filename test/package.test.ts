import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, normalize } from "node:path";
import { expect } from "chai";

const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));

describe("the package", function () {
  this.timeout(60_000);
  let files: Set<string>;
  before(() => {
    const reply = execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: ROOT, encoding: "utf8" });
    // A list in some versions of npm, by name in others.
    const [packed] = Object.values(JSON.parse(reply) as Record<string, { files: { path: string }[] }>);
    files = new Set(packed!.files.map(({ path }) => path));
  });

  it("has what its manifest names, and what its READMEs lead to", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      main: string;
      types: string;
      bin: Record<string, string>;
    };
    const named = [manifest.main, manifest.types, ...Object.values(manifest.bin)];
    // How to contribute is for whoever has the repository.
    const linked = ["README.md", "README.zh-CN.md"].flatMap((readme) =>
      [...readFileSync(join(ROOT, readme), "utf8").matchAll(/\]\((?!https?:|CONTRIBUTING)([^)#]+)/g)].map(
        ([, to]) => to!,
      ),
    );
    expect(linked).to.include("docs/upgrading.md");
    expect(
      [...named, ...linked, "LICENSE"].map((path) => normalize(path)).filter((path) => !files.has(path)),
    ).to.deep.equal([]);
  });

  it("has the sources that its source maps name, and nothing that only its makers need", () => {
    const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => path.replaceAll("\\", "/").replace(/\.ts$/, ""));
    expect(sources).to.include("cli/main");
    const expected = sources.flatMap((path) => [`src/${path}.ts`, `dist/${path}.js`, `dist/${path}.js.map`]);
    expect(expected.filter((path) => !files.has(path))).to.deep.equal([]);
    const folders = new Set([...files].filter((path) => path.includes("/")).map((path) => path.split("/")[0]));
    expect([...folders]).to.have.members(["dist", "docs", "l10n", "media", "samples", "src"]);
  });
});
