import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import { expect } from "chai";
import { type Locked, ROOT, SmallPackage } from "../support/small-package.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const require = createRequire(import.meta.url);
const KIND = "dist/bundle/extension.cjs";

describe("the supply chain", function () {
  // Most of it starts npm.
  this.timeout(60_000);
  let small: SmallPackage;
  beforeEach(() => {
    small = new SmallPackage().write("package.json", { name: "small", version: "1.0.0" });
  });
  afterEach(() => small.remove());

  describe("check:licences", () => {
    const check = (packages: Record<string, Locked>) => small.lock(packages).run("check-licences.mjs");
    const one = (license: string | undefined, more: Locked = {}) =>
      check({
        "node_modules/a/node_modules/@b/c": { version: "1.2.3", ...(license !== undefined && { license }), ...more },
      });

    it("passes this package", () => {
      const { status, stdout } = spawnSync(process.execPath, ["scripts/check-licences.mjs"], {
        cwd: ROOT,
        encoding: "utf8",
      });
      expect(status).to.equal(0);
      expect(stdout).to.match(/^licences: \d+ packages that are shipped and \d+ tools are allowed\.\n$/);
    });

    it("names the package whose licence is not allowed, is not said, or is not in the words of SPDX", () => {
      for (const licence of [
        "GPL-3.0-only",
        "SEE LICENSE IN terms.txt",
        "UNLICENSED",
        "(MIT AND GPL-2.0)",
        undefined,
      ]) {
        const { status, stderr } = one(licence);
        expect([status, stderr.split(" to be ")[0]], licence).to.deep.equal([1, "licences: expected @b/c@1.2.3"]);
        expect(stderr).to.match(new RegExp(`, got ${(licence ?? "no licence").replace(/[()]/g, "\\$&")}\\n$`));
      }
    });

    it("takes a choice in which one is allowed, and all of what has several", () => {
      expect(one("(GPL-2.0 OR MIT)").status).to.equal(0);
      expect(one("(MIT AND Apache-2.0)").status).to.equal(0);
    });

    it("allows a tool more than what is shipped", () => {
      expect(one("CC-BY-4.0", { dev: true }).status).to.equal(0);
      expect(one("CC-BY-4.0").status).to.equal(1);
      expect(one("GPL-3.0-only", { dev: true }).stderr).to.contain("expected the tool @b/c@1.2.3");
    });
  });

  describe("check:install-scripts", () => {
    const check = () => small.run("check-install-scripts.mjs");

    it("passes this package", () => {
      expect(spawnSync(process.execPath, ["scripts/check-install-scripts.mjs"], { cwd: ROOT }).status).to.equal(0);
    });

    it("names each of the package's own, in whatever way npm would find it", () => {
      small.lock({});
      for (const name of ["preinstall", "install", "postinstall", "prepare"]) {
        small.write("package.json", { name: "small", scripts: { test: "true", [name]: "true" } });
        expect(check()).to.include({ status: 1, stderr: `install scripts: package.json has \`${name}\`\n` });
      }
      small.write("package.json", { name: "small", scripts: { test: "true" } });
      expect(check().status).to.equal(0);
      small.write("binding.gyp", "{}");
      expect(check()).to.include({ status: 1, stdout: "" });
    });

    it("names what is shipped and has one, and not a tool", () => {
      small.lock({ "node_modules/a": { version: "1.0.0", dev: true, hasInstallScript: true } });
      expect(check().status).to.equal(0);
      small.lock({ "node_modules/a": { version: "1.0.0", hasInstallScript: true } });
      expect(check()).to.include({ status: 1, stderr: "install scripts: a@1.0.0 has an install script\n" });
    });
  });

  describe("check:tarball", () => {
    beforeEach(() => {
      const manifest = {
        name: "small",
        version: "1.0.0",
        main: `./${KIND}`,
        files: ["dist", "docs", "l10n", "media", "samples", "src", "package.nls.json"],
      };
      small
        .write("package.json", manifest)
        .write("package.nls.json", {})
        .write("README.md", "# Small")
        .write("LICENSE", "MIT");
      small.write("l10n/bundle.l10n.zh-cn.json", {}).write("media/picture.svg", "<svg />");
      small
        .write("docs/observability/dashboard.json", {})
        .write("docs/page.md", "# Page")
        .write("samples/one.json", "{}")
        .write("src/sync/one.ts", "1;");
      small.write("dist/sync/one.js", "1;").write(KIND, "1;");
      small.write("dist/sync/one.js.map", { version: 3, sources: ["../../src/sync/one.ts"] });
    });

    const check = () => small.run("check-tarball.mjs");
    const expectProblems = (...problems: string[]) => {
      const { status, stdout, stderr } = check();
      expect([status, stdout]).to.deep.equal([1, ""]);
      expect(stderr.trim().split("\n")).to.have.members(problems.map((problem) => `tarball: ${problem}`));
    };

    it("passes this package as it is built", () => {
      const { status, stderr, stdout } = spawnSync(process.execPath, ["scripts/check-tarball.mjs"], {
        cwd: ROOT,
        encoding: "utf8",
      });
      expect([status, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.match(/^tarball: \d+ files, \d+ bytes, packed \d+, as expected\.\n$/);
    });

    it("passes what holds of each kind what it should", () => {
      expect(check()).to.include({ status: 0, stderr: "" });
    });

    it("names each file that is of no kind", () => {
      const strange = ["dist/.env", "dist/server.pem", "docs/notes.txt", "samples/.npmrc.json", "src/one.test.ts"];
      for (const path of strange) small.write(path, "");
      expectProblems(...strange.map((path) => `expected nothing else, got ${path}`));
    });

    it("names what is compiled from a source that is gone", () => {
      small.write("dist/sync/two.js", "2;");
      expectProblems("dist/sync/two.js is compiled from what is not there");
    });

    it("names what is missing, a kind or a file of the manifest's", () => {
      small.remove("docs");
      expectProblems("expected documentation, got none", "expected the dashboard and its alerts, got none");
      small
        .write("docs/page.md", "")
        .write("docs/observability/dashboard.json", {})
        .write("dist/bundle/other.cjs", "1;")
        .remove(KIND);
      expectProblems(`expected ${KIND}, which package.json names`);
    });

    it("names each file that holds a secret, or says where it was made", () => {
      const found = {
        "docs/a.md": ["-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE", "a private key"],
        "docs/b.md": [`const token = "npm_${"a".repeat(36)}";`, "a token"],
        "docs/c.md": [`ghp_${"b".repeat(36)}`, "a token"],
        "docs/d.md": ["//localhost/:_authToken=abc", "a token of npm's settings"],
        "docs/e.md": [`{"file":"${homedir()}/src"}`, "the path of this machine"],
      };
      for (const [path, [text]] of Object.entries(found)) small.write(path, text);
      expectProblems(...Object.entries(found).map(([path, [, name]]) => `${path} holds ${name}`));
    });

    it("names a source map that leads out of the package, or holds sources", () => {
      const map = "dist/sync/one.js.map";
      small.write(map, { version: 3, sources: ["../../../elsewhere/one.ts"] });
      expectProblems(`${map} names ../elsewhere/one.ts, which is not in the package`);
      small.write(map, { version: 3, sources: ["../../src/sync/one.ts"], sourcesContent: ["1;"] });
      expectProblems(`${map} holds sources, which are beside it already`);
    });

    it("says that it has become too large", () => {
      small.write(KIND, "1;".repeat(3_000_000));
      expect(check().stderr).to.match(
        /^tarball: expected at most 5500000 bytes, packed 1450000, got 6000\d{3}, packed \d+\n$/,
      );
    });
  });

  describe("check:vsix", () => {
    const MANIFEST = {
      main: `./${KIND}`,
      icon: "media/icon.png",
      contributes: {
        commands: [{ title: "%show.title%", icon: { light: "media/show.svg" } }],
        configuration: { default: null },
      },
    };
    const GOOD = {
      "extension.vsixmanifest": "<xml />",
      "[Content_Types].xml": "<xml />",
      "extension/package.json": JSON.stringify(MANIFEST),
      "extension/package.nls.json": '{"show.title":"Show"}',
      "extension/package.nls.zh-cn.json": '{"show.title":"显示"}',
      "extension/l10n/bundle.l10n.zh-cn.json": "{}",
      "extension/readme.md": "# [Small](https://example.com)",
      "extension/changelog.md": "# Changelog",
      "extension/LICENSE.txt": "MIT",
      "extension/media/icon.png": "\u0000sourceMappingURL=",
      "extension/media/show.svg": "<svg />",
      [`extension/${KIND}`]: "1;",
      "extension/dist/bundle/third-party-licences.txt": "MIT",
    };

    /** @param changes `undefined`: the file is not there. */
    async function problemsOf(changes: Record<string, string | undefined>, size = 300_000): Promise<string[]> {
      const script = pathToFileURL(join(ROOT, "scripts/vsix-contents.mjs")).href;
      const { problemsOfVsix } = (await import(script)) as {
        problemsOfVsix(contents: Map<string, Buffer>, size: number): string[];
      };
      const files = Object.entries<string | undefined>({ ...GOOD, ...changes });
      const there = files.filter((file): file is [string, string] => file[1] !== undefined);
      return problemsOfVsix(new Map(there.map(([path, text]) => [path, Buffer.from(text)])), size);
    }

    it("passes what holds what it should", async () => {
      expect(await problemsOf({})).to.deep.equal([]);
    });

    it("names each file that is of no kind: source maps, sources, tests, packages, settings", async () => {
      const strange = [
        `${KIND}.map`,
        "src/extension/extension.ts",
        "dist/extension/extension.js",
        "test/extension/extension.test.js",
        "dist/bundle/extension.test.cjs",
        "node_modules/a/package.json",
        ".env",
        "media/key.pem",
      ].map((path) => `extension/${path}`);
      const changes = Object.fromEntries(strange.map((path) => [path, ""]));
      expect(await problemsOf(changes)).to.have.members(strange.map((path) => `expected nothing else, got ${path}`));
    });

    it("names each file that holds a secret, says where it was made, or names a source map", async () => {
      const found = {
        "extension/readme.md": [`npm_${"a".repeat(36)}`, "holds a token"],
        "extension/changelog.md": ["-----BEGIN PRIVATE KEY-----\nMHcCAQEE", "holds a private key"],
        "extension/LICENSE.txt": [`${homedir()}/src`, "holds the path of this machine"],
        [`extension/${KIND}`]: ["1;\n//# sourceMappingURL=extension.cjs.map", "names a source map"],
      };
      const changes = Object.fromEntries(Object.entries(found).map(([path, [text]]) => [path, text]));
      expect(await problemsOf(changes)).to.have.members(
        Object.entries(found).map(([path, [, problem]]) => `${path} ${problem}`),
      );
    });

    it("names a link of the page that leads to what is not in it", async () => {
      const path = "extension/readme.md";
      for (const link of ["docs/keys.md", "../LICENSE", "media/icon.png"])
        expect(await problemsOf({ [path]: `[a](${link})` })).to.deep.equal([
          `${path} leads to what is not in the package`,
        ]);
      expect(await problemsOf({ [path]: "[a](#b) [c](http://localhost)" })).to.deep.equal([]);
    });

    it("names what is missing, whether its manifest names it or not", async () => {
      const always = ["readme.md", "changelog.md", "LICENSE.txt"];
      const named = ["media/icon.png", "media/show.svg", `./${KIND}`];
      const missing = [...always, ...named].map((path) => [join("extension", path), undefined]);
      expect(await problemsOf(Object.fromEntries(missing) as Record<string, undefined>)).to.have.members([
        ...always.map((path) => `expected ${path}, which belongs in it`),
        ...named.map((path) => `expected ${path}, which its manifest names`),
      ]);
      expect(await problemsOf({ "extension/package.json": undefined })).to.deep.equal([
        "expected package.json, which belongs in it",
      ]);
    });

    it("names each text that a language does not say", async () => {
      expect(
        await problemsOf({ "extension/package.nls.json": undefined, "extension/package.nls.zh-cn.json": "{}" }),
      ).to.deep.equal(["package.nls.json does not say show.title", "package.nls.zh-cn.json does not say show.title"]);
    });

    it("says that it has become too large", async () => {
      expect(await problemsOf({}, 400_000)).to.deep.equal([]);
      expect(await problemsOf({}, 400_001)).to.deep.equal(["expected at most 400000 bytes, got 400001"]);
    });
  });

  describe("check:advisories", () => {
    let server: Server;
    let severity: string | undefined;
    beforeEach(async () => {
      severity = undefined;
      small.write("package.json", { name: "small", version: "1.0.0", dependencies: { a: "1.0.0" } });
      const root = { name: "small", version: "1.0.0", dependencies: { a: "1.0.0" } };
      const locked = { version: "1.0.0", license: "MIT" };
      const packages = { "": root, "node_modules/a": locked };
      small.write("package-lock.json", { name: "small", version: "1.0.0", lockfileVersion: 3, packages });
      server = createServer((request, response) => {
        const isAsking = request.method === "POST";
        const advisory = {
          id: 1,
          url: "https://example.com/1",
          title: "It leaks",
          severity,
          vulnerable_versions: "<2",
        };
        response.writeHead(isAsking ? 200 : 404).end(JSON.stringify(severity === undefined ? {} : { a: [advisory] }));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    });
    afterEach(() => void server.close());

    const check = (env: Record<string, string> = {}) => {
      const registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      // npm remembers advisories, and is not to remember these.
      const cache = { npm_config_cache: new TemporaryFolder().path };
      return small.runBeside("check-advisories.mjs", { npm_config_registry: registry, ...cache, ...env });
    };

    it("says that there are none", async () => {
      expect(await check()).to.deep.equal({
        status: 0,
        said: "advisories: what is shipped: none.\nadvisories: all, tools included: none.\n",
      });
    });

    it("fails on what is high or critical, names it, and only names what is less", async () => {
      for (const [each, status] of [
        ["critical", 1],
        ["high", 1],
        ["moderate", 0],
      ] as const) {
        severity = each;
        const outcome = await check();
        expect(outcome.status, each).to.equal(status);
        expect(outcome.said).to.contain(`advisories: ${each}: a <2: It leaks https://example.com/1\n`);
        expect(outcome.said).to.contain("advisories: what is shipped: 1.\nadvisories: ");
      }
    });

    it("says so, and does not fail, where the source cannot be reached; GitHub is told to show it", async () => {
      const { port } = server.address() as AddressInfo;
      server.close();
      await once(server, "close");
      const env = { npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_fetch_retries: "0" };
      const line = /advisories: NOT CHECKED: the source of advisories could not be reached \(\w+\)\.\n$/;
      const plain = await small.runBeside("check-advisories.mjs", { ...env, GITHUB_ACTIONS: "" });
      expect(plain.status).to.equal(0);
      expect(plain.said).to.match(new RegExp(`^${line.source}`));
      const shown = await small.runBeside("check-advisories.mjs", { ...env, GITHUB_ACTIONS: "true" });
      expect(shown.said).to.match(new RegExp(`^::warning::${line.source}`));
      // The address may be a private one, with a name and a password in it.
      expect(plain.said + shown.said).not.to.contain("127.0.0.1");
    });
  });

  describe("sbom", () => {
    it("is a CycloneDX bill of exactly what is shipped, each with version, licence and hash", () => {
      const file = join(new TemporaryFolder().path, "bill.json");
      const { status } = spawnSync(process.execPath, ["scripts/sbom.mjs", file], { cwd: ROOT });
      expect(status).to.equal(0);
      const bill = JSON.parse(readFileSync(file, "utf8")) as Bill;
      expect(validate(bill)).to.deep.equal([]);
      expect(bill.metadata.component.name).to.equal("redis-mirrored");
      const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
        packages: Record<string, Locked>;
      };
      const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== "" && dev !== true);
      expect(shipped.length).to.be.greaterThan(5);
      expect(bill.components.map(({ purl }) => decodeURIComponent(purl))).to.have.members(
        shipped.map(([path, { version }]) => `pkg:npm/${path.replace(/^.*node_modules\//, "")}@${version}`),
      );
      const incomplete = bill.components.filter(({ licenses, hashes }) => !licenses?.length || !hashes?.length);
      expect(incomplete).to.deep.equal([]);
    });

    it("is refused by the schema where it is none", () => {
      expect(validate({ bomFormat: "CycloneDX", specVersion: "1.5", components: [{ name: "a" }] })).not.to.deep.equal(
        [],
      );
    });
  });
});

interface Bill {
  readonly metadata: { readonly component: { readonly name: string } };
  readonly components: readonly { purl: string; licenses?: unknown[]; hashes?: unknown[] }[];
}

/** By the schema that the standard's own library brings. */
function validate(bill: unknown): unknown[] {
  const folder = join(dirname(require.resolve("@cyclonedx/cyclonedx-library/package.json")), "res/schema");
  const schema = (name: string) =>
    JSON.parse(readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), "utf8")) as object;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ["spdx", "jsf-0.82"])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const check = ajv.compile(schema("bom-1.5"));
  return check(bill) ? [] : [...(check.errors ?? [])];
}
