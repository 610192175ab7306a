import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";

const ROOT = dirname(createRequire(import.meta.url).resolve("redis-mirrored/package.json"));
const SCRIPT = join(ROOT, "scripts/release.mjs");
const CHANGELOG = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 (2026-01-01)\n\n- First.\n";
const TODAY = new Date().toISOString().slice(0, 10);

describe("the release script", function () {
  // It starts npm several times.
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "redis-mirrored-release-"));
    const note = (name: string) => `echo ${name} >> .git/ran`;
    write("package.json", {
      name: "small",
      version: "0.1.0",
      files: ["dist.js"],
      scripts: {
        lint: note("lint"),
        "check:format": note("format"),
        "check:package": note("package"),
        "check:supply-chain": note("supply-chain"),
        test: note("test"),
        build: note("build"),
      },
    });
    writeFileSync(join(folder, "CHANGELOG.md"), CHANGELOG);
    writeFileSync(join(folder, "dist.js"), "1;\n");
    writeFileSync(join(folder, ".gitignore"), "*.tgz\ndist/\n");
    git("init", "--quiet", "--initial-branch=main");
    commit();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(file: string, value: unknown): void {
    writeFileSync(join(folder, file), `${JSON.stringify(value, undefined, 2)}\n`);
  }

  function git(...args: string[]): string {
    const names = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    return execFileSync("git", [...names, ...args], { cwd: folder, encoding: "utf8" });
  }

  function commit(): void {
    git("add", "--all");
    git("commit", "--quiet", "--message", "All");
  }

  function release(...args: string[]) {
    return spawnSync(process.execPath, [SCRIPT, ...args], { cwd: folder, encoding: "utf8" });
  }

  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  const versionOf = () => (JSON.parse(read("package.json")) as { version: string }).version;
  const changes = () => git("status", "--porcelain");

  it("checks, sets the version, dates the changelog, packs, and says how to publish", () => {
    mkdirSync(join(folder, "dist"));
    writeFileSync(join(folder, "dist/stale.js"), "1;\n");
    const { status, stdout } = release("0.2.0");
    expect(status).to.equal(0);
    expect(existsSync(join(folder, "dist"))).to.equal(false);
    expect(read(".git/ran").trim().split("\n")).to.deep.equal([
      "lint",
      "format",
      "package",
      "supply-chain",
      "test",
      "build",
    ]);
    expect(versionOf()).to.equal("0.2.0");
    expect(read("CHANGELOG.md")).to.equal(CHANGELOG.replace("Unreleased", `0.2.0 (${TODAY})`));
    expect(existsSync(join(folder, "small-0.2.0.tgz"))).to.equal(true);
    expect(stdout)
      .to.match(/^ +3 {2}dist\.js$/m)
      .and.to.match(/^2 files, \d+ bytes, packed \d+ bytes: small-0\.2\.0\.tgz$/m);
    expect(stdout).to.contain("\n  npm publish --provenance --access public small-0.2.0.tgz\n");
    expect(git("log", "--oneline").trim().split("\n")).to.have.length(1);
  });

  it("publishes a prerelease under the tag `next`, by hand and by the workflow", () => {
    expect(release("0.2.0-beta.1").stdout).to.contain(
      "\n  npm publish --provenance --access public --tag next small-0.2.0-beta.1.tgz\n",
    );
    const workflow = readFileSync(join(ROOT, ".github/workflows/release.yml"), "utf8");
    const [, command] = /- run: \|\s+(npm publish .*)/.exec(workflow)!;
    const published = () =>
      execFileSync("sh", ["-c", `npm() { echo "$*"; }; ${command}`], { cwd: folder, encoding: "utf8" }).trim();
    expect(published()).to.equal("publish --provenance --access public --tag next");
    write("package.json", { version: "0.2.0" });
    expect(published()).to.equal("publish --provenance --access public");
  });

  it("changes nothing in a dry run", () => {
    const { status, stdout } = release("0.2.0", "--dry-run");
    expect([status, changes(), versionOf()]).to.deep.equal([0, "", "0.1.0"]);
    expect(existsSync(join(folder, "small-0.1.0.tgz"))).to.equal(false);
    expect(stdout)
      .to.match(/^ +3 {2}dist\.js$/m)
      .and.not.to.contain("npm publish");
    expect(read(".git/ran")).not.to.contain("build");
  });

  it("dates a heading that has the version already, and leaves alone one that is dated", () => {
    for (const [before, after] of [
      ["0.2.0 (unreleased)", `0.2.0 (${TODAY})`],
      ["0.2.0", `0.2.0 (${TODAY})`],
      ["0.2.0 (2026-02-03)", "0.2.0 (2026-02-03)"],
    ] as const) {
      writeFileSync(join(folder, "CHANGELOG.md"), CHANGELOG.replace("Unreleased", before));
      commit();
      expect(release("0.2.0").status, before).to.equal(0);
      expect(read("CHANGELOG.md")).to.equal(CHANGELOG.replace("Unreleased", after));
      git("checkout", "--quiet", "--", ".");
    }
  });

  it("refuses what is no release, and changes nothing", () => {
    const refused = (words: string, ...args: string[]) => {
      const before = changes();
      const { status, stderr } = release(...args);
      expect(stderr).to.contain(words);
      expect([status, changes(), versionOf()], words).to.deep.equal([1, before, "0.1.0"]);
    };
    refused("Expected one version, such as 1.2.3, got `next`", "next");
    refused("Expected one version, such as 1.2.3, got ``");
    writeFileSync(join(folder, "dist.js"), "2;\n");
    refused("Expected a clean tree, got\n M dist.js", "0.2.0");
    git("checkout", "--quiet", "--", ".");
    git("tag", "v0.2.0");
    refused("Expected a new version, got 0.2.0, of which there is a tag", "0.2.0");
    git("tag", "--delete", "v0.2.0");
    writeFileSync(join(folder, "CHANGELOG.md"), CHANGELOG.replace("Unreleased", "0.3.0"));
    commit();
    refused("Expected CHANGELOG.md to have a heading `Unreleased` or `0.2.0`, got none", "0.2.0");
    git("switch", "--quiet", "--create", "topic");
    refused("Expected to be on main, got `topic`", "0.2.0");
  });

  it("stops at a check that fails, and takes back what it has changed where it does not build", () => {
    const failing = (script: string) => {
      const manifest = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
      write("package.json", { ...manifest, scripts: { ...manifest.scripts, [script]: "exit 3" } });
      commit();
    };
    failing("build");
    const unbuilt = release("0.2.0");
    expect([unbuilt.status, changes(), versionOf()]).to.deep.equal([1, "", "0.1.0"]);
    expect(unbuilt.stderr).to.contain("`npm run --silent build` failed");
    failing("test");
    expect(release("0.2.0").stderr).to.contain("`npm run --silent test` failed");
    expect(read("CHANGELOG.md")).to.equal(CHANGELOG);
  });
});
