import { writeFileSync } from "node:fs";
import { expect } from "chai";
import { SourceFile } from "#dist/cli/adopt/source-file.js";
import { AdoptedCheckout, addedLines } from "./adopted-checkout.js";
import { type Files, HOST_KINDS, miniatureHost, restyle } from "./miniature-hosts.js";

const PROXY = "src/core/config/ContextProxy.ts";
const MODES = "src/core/config/CustomModesManager.ts";
const PROFILES = "src/core/config/ProviderSettingsManager.ts";
const STORE = "src/core/history/TaskHistoryStore.ts";
const PROVIDER = "src/core/webview/ClineProvider.ts";

const DECORATORS = {
  "one-array": [
    `@RedisRestored(["taskHistory", "customInstructions", "pinnedApiConfigs"], { read: "stateCache", adopt: "setValue" })`,
    "@RedisMirrored((record, value) => ({ record, value }))",
    `@RedisMirrored(["taskHistory", "customInstructions", "pinnedApiConfigs", "customModes", "provider"], { value() {} })`,
  ],
  "file-per-task": [
    `@RedisRestored(["customInstructions", "pinnedApiConfigs"], { read: "getValue", adopt: "setValue" })`,
    "@RedisMirrored((record, value) => (isPassThroughStateKey(record) ? undefined : { record, value }))",
    `@RedisMirrored(["customInstructions", "pinnedApiConfigs", "customModes", "provider"], { value: () => undefined })`,
    `@RedisMirrored("taskHistory", { result: (self) => self.taskHistoryStore.getAll() })`,
    `@RedisRestored("taskHistory", { read: "getAll", adopt: (me, v) => Promise.all(v.map((i: any) => me.upsert(i))) })`,
  ],
  bridge: [
    `@RedisRestored(["customInstructions", "pinnedApiConfigs"], { read: "getValue", adopt: "setValue" })`,
    "@RedisMirrored((record, value) => (isPassThroughStateKey(record) ? undefined : { record, value }))",
    `@RedisMirrored(["customInstructions", "pinnedApiConfigs", "customModes", "provider"], { value: () => undefined })`,
    `@RedisMirrored((_context, history) => history && { record: "taskHistory", value: history })`,
    `@RedisRestored("taskHistory", { adopt: (self, all, ctx) => self.updateTaskHistory(ctx?.globalState && ctx, all) })`,
  ],
};
const EVERYWHERE = [
  `@RedisRestored("provider", { adopt: "store", isEmpty: (value, self) => value === self.defaultProviderProfiles })`,
  `@RedisMirrored("provider")`,
];
/** Of those that do not keep them in Redis themselves. */
const OF_MODES = [
  `@RedisRestored("customModes", { adopt: (me, v) => Promise.all(v.map((m: any) => me.updateCustomMode(m.slug, m))) })`,
  `@RedisMirrored("customModes", { result: (self) => self.context.globalState.get("customModes") })`,
];

describe("adopting a host", () => {
  let checkout: AdoptedCheckout | undefined;
  const open = (files: Files) => (checkout = new AdoptedCheckout(files));
  afterEach(() => {
    checkout?.remove();
    checkout = undefined;
  });

  for (const kind of HOST_KINDS) {
    describe(`of the kind ${kind}`, () => {
      const files = miniatureHost(kind);

      it("inserts one line a method, what that imports, and nothing else", async () => {
        const { status } = await open(files).run(["--yes"]);

        expect(status).to.equal(0);
        const after = checkout!.files;
        const added = Object.entries(files).flatMap(([path, text]) => addedLines(text, after[path]!));
        const decorators = added.filter((line) => line.trim().startsWith("@")).map((line) => line.trim());
        expect(decorators).to.have.members([
          ...DECORATORS[kind],
          ...EVERYWHERE,
          ...(kind === "bridge" ? [] : OF_MODES),
        ]);
        const others = added.filter((line) => !/^import |"redis-mirrored": "\^\d/.test(line));
        expect(others).to.have.lengthOf.at.most(10);
        for (const line of others) expect(line.replaceAll("\t", "    ")).to.have.lengthOf.at.most(120);
        const removed = Object.entries(files).flatMap(([path, text]) => addedLines(after[path]!, text));
        expect(removed).to.deep.equal([]);
      });

      it("leaves sources that a parser takes, with the dependency where it is sorted", async () => {
        await open(files).run(["--yes"]);
        for (const [path, text] of Object.entries(checkout!.files))
          if (path.endsWith(".ts")) expect(new SourceFile(path, text).errors, path).to.equal(0);
        const { dependencies } = JSON.parse(checkout!.files["src/package.json"]!) as { dependencies: object };
        expect(Object.keys(dependencies)).to.deep.equal(["axios", "redis-mirrored", "zod"]);
      });

      it("changes nothing the second time", async () => {
        await open(files).run(["--yes"]);
        const once = checkout!.files;
        const { status, said, asked } = await checkout!.run([], true);
        expect({ status, asked }).to.deep.equal({ status: 0, asked: [] });
        expect(said).to.contain("Everything is in place.").and.not.to.contain("The change");
        expect(checkout!.files).to.deep.equal(once);
      });

      it("checks without changing: status 1 before, 0 after", async () => {
        const before = await open(files).run(["--check"], true);
        expect(before).to.deep.include({ status: 1, asked: [] });
        expect(before.said).to.contain("are missing");
        expect(checkout!.files).to.deep.equal(files);
        await checkout!.run(["--yes"]);
        expect((await checkout!.run(["--check"])).status).to.equal(0);
      });
    });
  }

  describe("with a person at the terminal", () => {
    it("shows the plan and the diff, asks, and says what to do next", async () => {
      const { status, said, asked } = await open(miniatureHost("one-array")).run([], true);
      expect(asked).to.deep.equal(["Change 5 files? [Y/n]"]);
      expect(status).to.equal(0);
      expect(said)
        .to.contain("miniature 3.2.1 in ")
        .and.to.contain("the history is one array in global state")
        .and.to.match(/\+ {2}ContextProxy\.initialize +src\/core\/config\/ContextProxy\.ts:17 +fills/)
        .and.to.contain('+import { RedisMirrored, RedisRestored } from "redis-mirrored"')
        .and.to.contain("pnpm install")
        .and.to.contain("pnpm bundle")
        .and.to.match(/npx redis-mirrored inspect +in src: shows/)
        .and.to.contain("adopt --undo")
        .and.to.contain("docs/integration.md");
    });

    it("changes nothing if the person declines, or if nobody is there", async () => {
      const files = miniatureHost("one-array");
      const declined = await open(files).run([], false);
      expect(declined.status).to.equal(1);
      expect(declined.said).to.contain("Nothing was changed.");
      const unattended = await checkout!.run([]);
      expect(unattended.status).to.equal(1);
      expect(unattended.said).to.contain("--yes does not ask");
      expect(checkout!.files).to.deep.equal(files);
    });

    it("writes none of the files if one has changed while the question was open", async () => {
      open(miniatureHost("one-array"));
      const changed = { [PROFILES]: "// somebody else's\n" };
      const { status, said } = await checkout!.run([], () => {
        checkout!.write(changed);
        return true;
      });
      expect(status).to.equal(1);
      expect(said).to.contain(`Nothing was changed: ${PROFILES} is no more what it was.`);
      expect(checkout!.files).to.deep.equal({ ...miniatureHost("one-array"), ...changed });
    });
  });

  describe("in the file's own style", () => {
    it("keeps single quotes, no semicolons, spaces, CRLF and the byte order mark", async () => {
      const style = { eol: "\r\n", quote: "'", hasSemicolons: false, indent: "  ", hasByteOrderMark: true } as const;
      await open(restyle(miniatureHost("bridge"), style)).run(["--yes"]);
      const { [PROFILES]: profiles, "src/extension.ts": extension, [PROXY]: proxy } = checkout!.files;
      expect(profiles)
        .to.match(
          /^\uFEFFimport \{ ExtensionContext \} from 'vscode'\r\nimport \{ RedisMirrored, RedisRestored \} from 'redis-mirrored'\r\n/,
        )
        .and.to.contain("\r\n  @RedisMirrored('provider')\r\n  private async store(");
      expect(extension)
        .to.contain(
          "= context // kept for deactivate\r\n  const userId = () => TaskHistoryBridge.getCurrentUserId()\r\n",
        )
        .and.to.contain("installMirror({ userId, memento: context.globalState, secrets: context.secrets }))\r\n");
      expect(`${profiles}${extension}${proxy}`)
        .not.to.match(/[^\r]\n/)
        .and.not.to.contain(";\r\n");
    });

    it("ends statements with semicolons where the file does", async () => {
      await open(miniatureHost("one-array")).run(["--yes"]);
      expect(checkout!.files["src/extension.ts"])
        .to.contain(`import { installMirror } from "redis-mirrored";\n`)
        .and.to.contain("secrets: context.secrets }));\n");
    });
  });

  describe("where exactly", () => {
    it("decorates the implementation below its comment, not an overload, and above other decorators", async () => {
      await open(miniatureHost("one-array")).run(["--yes"]);
      expect(checkout!.files[PROXY])
        .to.contain("value: T): Thenable<void>;\n\t@RedisMirrored((record, value) => ({ record, value }))\n\tupdate")
        .and.to.contain(`\t */\n\t@RedisRestored(["task`);
      expect(checkout!.files[MODES]).to.match(/All of them\. \*\/\n\t@RedisRestored\(.*\n\t@once\n/);
    });

    it("puts the import below those from packages, and the line below the one that keeps the context", async () => {
      await open(miniatureHost("one-array")).run(["--yes"]);
      expect(checkout!.files[PROXY]).to.contain(`from "zod";\nimport { RedisMirrored, RedisRestored } from`);
      expect(checkout!.files["src/extension.ts"]).to.contain(
        "= context; // kept for deactivate\n\tcontext.subscriptions.push(installMirror(",
      );
    });

    it("makes it the first line of an `activate` that keeps nothing, whatever the context is called there", async () => {
      const files = miniatureHost("one-array");
      const source = `import { ContextProxy } from "./core/config/ContextProxy";
const activate = async (vs: object) => {
	new ContextProxy(vs);
};
export { activate };
`;
      await open({ ...files, "src/extension.ts": source }).run(["--yes"]);
      expect(checkout!.files["src/extension.ts"]).to.contain(
        "=> {\n\tvs.subscriptions.push(installMirror({ memento: vs.globalState, secrets: vs.secrets }));\n\tnew Context",
      );
    });

    it("ends the line with a semicolon where what follows would be taken for a part of it", async () => {
      const style = { eol: "\n", quote: '"', hasSemicolons: false, indent: "\t", hasByteOrderMark: false } as const;
      const files = restyle(miniatureHost("one-array"), style);
      const next = files["src/extension.ts"]!.replace(" // kept for deactivate", ";\n\t[1].map(String)");
      await open({ ...files, "src/extension.ts": next }).run(["--yes"]);
      expect(checkout!.files["src/extension.ts"]).to.contain("secrets: context.secrets }));\n\t[1].map(String)\n");
    });

    it("extends the file's own import, and calls what it has by the name it has there", async () => {
      const files = miniatureHost("one-array");
      const own = `import { RedisMirrored as Mirrored } from "redis-mirrored";\n${files[PROFILES]}`;
      await open({ ...files, [PROFILES]: own }).run(["--yes"]);
      expect(checkout!.files[PROFILES])
        .to.contain(`import { RedisMirrored as Mirrored, RedisRestored } from "redis-mirrored";`)
        .and.to.contain(`\t@Mirrored("provider")\n`);
    });

    it("finds the classes in any layout, and not in tests, builds, declarations and packages", async () => {
      const moved = Object.fromEntries(
        Object.entries(miniatureHost("file-per-task")).map(([path, text]) => [
          path.replace("src/core/config/", "src/lib/").replace(/(ContextProxy|TaskHistoryStore)\.ts/, "$1s.ts"),
          text,
        ]),
      );
      const decoys = Object.fromEntries(
        ["node_modules/x/a.ts", "dist/a.ts", "__tests__/a.ts", "a.spec.ts", "a.test.ts", "a.d.ts", ".cache/a.ts"].map(
          (path) => [`src/${path}`, "export class ContextProxy {}\n"],
        ),
      );
      const { status } = await open({ ...moved, ...decoys }).run(["--yes"]);
      expect(status).to.equal(0);
      expect(checkout!.files["src/lib/ContextProxys.ts"]).to.contain("@RedisMirrored(");
      expect(checkout!.files).to.include(decoys);
    });

    it("works from a part of the checkout too", async () => {
      open(miniatureHost("one-array"));
      const { status } = await checkout!.run(["--yes"], undefined, `${checkout!.path}/src`);
      expect(status).to.equal(0);
      expect(checkout!.files["src/package.json"]).to.contain(`"redis-mirrored": "^`);
    });

    it("takes of several `activate` the one that knows the host's classes", async () => {
      const files = miniatureHost("one-array");
      const other = `export function activate(context: object) {\n\tvoid context;\n}\n`;
      const { status } = await open({ ...files, "src/other.ts": other }).run(["--yes"]);
      expect(status).to.equal(0);
      expect(checkout!.files["src/other.ts"]).to.equal(other);
    });

    it("takes the host's own classes where another package declares one of that name", async () => {
      const other = {
        "apps/web/package.json": `{ "name": "web" }\n`,
        "apps/web/proxy.ts": "export class ContextProxy {}\n",
      };
      const { status } = await open({ ...miniatureHost("one-array"), ...other }).run(["--yes"]);
      expect(status).to.equal(0);
      expect(checkout!.files).to.include(other);
    });

    for (const [title, from, to] of [
      ["no method tells of each change", "scheduleGlobalStateWriteThrough", "later"],
      ["who is told does not have the store", "taskHistoryStore", "tasks"],
    ] as const) {
      it(`decorates the store's own methods where ${title}`, async () => {
        const files = miniatureHost("file-per-task");
        const provider = files[PROVIDER]!.replaceAll(from, to);
        const { status } = await open({ ...files, [PROVIDER]: provider }).run(["--yes"]);
        expect(status).to.equal(0);
        const line = `\t@RedisMirrored("taskHistory", { result: (self) => self.getAll() })\n`;
        for (const method of ["upsert", "delete", "deleteMany"])
          expect(checkout!.files[STORE]).to.contain(`${line}\tasync ${method}(`);
      });
    }

    it("does not take the decorator of one of the store's methods for that of another, which is missing", async () => {
      const files = miniatureHost("file-per-task");
      const provider = files[PROVIDER]!.replaceAll("taskHistoryStore", "tasks");
      const store = files[STORE]!.replace("deleteMany", "deleteAll");
      await open({ ...files, [PROVIDER]: provider, [STORE]: store }).run(["--yes"]);
      const { status, said } = await checkout!.run(["--check"]);
      expect(status).to.equal(1);
      expect(said).to.contain("TaskHistoryStore has no method deleteMany");
    });

    it("tells the copy of the history by its name where there is no test for it", async () => {
      const files = miniatureHost("file-per-task");
      const proxy = files[PROXY]!.replaceAll("isPassThroughStateKey", "isCopy");
      await open({ ...files, [PROXY]: proxy }).run(["--yes"]);
      expect(checkout!.files[PROXY]).to.contain(
        `@RedisMirrored((record, value) => (record === "taskHistory" ? undefined : { record, value }))`,
      );
    });
  });

  describe("where something cannot be inserted", () => {
    const files = miniatureHost("one-array");
    const line = `@RedisMirrored("provider")`;
    for (const [title, changed, said] of [
      ["a class is missing", { [PROFILES]: "export {};\n" }, "there is no class ProviderSettingsManager"],
      [
        "a method is missing",
        { [PROFILES]: files[PROFILES]!.replace("async store(", "async save(") },
        "has no method store",
      ],
      [
        "a method is a field",
        {
          [PROFILES]: files[PROFILES]!.replace(
            /private async store\([^]*\n\t\}\n/,
            "store = async (p: Profiles) => p;\n",
          ),
        },
        "ProviderSettingsManager.store is no method",
      ],
      [
        "a class is declared twice",
        { "src/b.ts": files[PROFILES]! },
        "declared more than once: src/b.ts, src/core/config/ProviderSettingsManager.ts",
      ],
      [
        "the name means something else",
        { [PROFILES]: `import { RedisMirrored } from "./own";\n${files[PROFILES]}void RedisMirrored;\n` },
        "RedisMirrored means something else in this file",
      ],
      [
        "a file cannot be parsed",
        { [PROFILES]: `${files[PROFILES]}\nclass {` },
        "ProviderSettingsManager.ts could not be read, and was passed over",
      ],
    ] as [string, Files, string][]) {
      it(`says so, and what to paste by hand, if ${title}; the rest is done`, async () => {
        const { status, said: text } = await open({ ...files, ...changed }).run(["--yes"]);
        expect(status).to.equal(1);
        expect(text)
          .to.contain(said)
          .and.to.match(/Above the method that does this here, paste\n {10}@RedisMirrored\("provider"\)\n/)
          .and.to.contain(`and import it: import { RedisMirrored } from "redis-mirrored"`);
        expect(checkout!.files[PROXY]).to.contain("@RedisMirrored(");
        expect((await checkout!.run(["--check"])).status).to.equal(1);
      });
    }

    it("names what a decorator would call and the class has not", async () => {
      const changed = files[PROFILES]!.replaceAll("defaultProviderProfiles", "defaults");
      const { said } = await open({ ...files, [PROFILES]: changed }).run(["--check"]);
      expect(said).to.contain("ProviderSettingsManager has no defaultProviderProfiles, which the decorator would call");
    });

    it("says so if there is no `activate`, or if one would not know the user", async () => {
      const none = await open({ ...files, "src/extension.ts": "export {};\n" }).run(["--check"]);
      expect(none.said).to.contain("no function `activate` is exported").and.to.contain("push(installMirror({ memento");
      checkout!.remove();
      const bridge = miniatureHost("bridge");
      const extension = bridge["src/extension.ts"]!.replaceAll("TaskHistoryBridge", "Other");
      const stranger = await open({ ...bridge, "src/extension.ts": extension }).run(["--check"]);
      expect(stranger.said).to.contain("TaskHistoryBridge, which knows the user, is not imported there");
    });

    it("says so if `activate` calls something else the user", async () => {
      const bridge = miniatureHost("bridge");
      const extension = bridge["src/extension.ts"]!.replace("\tawait proxy", "\tconst userId = 1;\n\tawait proxy");
      const { said } = await open({ ...bridge, "src/extension.ts": extension }).run(["--check"]);
      expect(said)
        .to.contain("`userId` means something else there")
        .and.to.contain("const userId = () => TaskHistoryBridge.getCurrentUserId()");
    });

    it("counts a decorator that was pasted above another method", async () => {
      const changed = files[PROFILES]!.replace("private async store(", `${line}\n\tprivate async save(`).replace(
        /^/,
        `import { RedisMirrored } from "redis-mirrored";\n`,
      );
      const { said } = await open({ ...files, [PROFILES]: changed }).run(["--check"]);
      expect(said)
        .to.match(/✔ {2}ProviderSettingsManager\.save +src/)
        .and.not.to.contain("no method store");
    });
  });

  describe("once more, after an update", () => {
    it("adds only what is missing, and leaves what was edited as it is, saying so", async () => {
      await open(miniatureHost("one-array")).run(["--yes"]);
      const adopted = checkout!.files;
      const edited = adopted[PROFILES]!.replace(/\t@RedisRestored.*\n/, "").replace(
        `@RedisMirrored("provider")`,
        `@RedisMirrored( 'provider', { userId: () => "me" } )`,
      );
      checkout!.write({ [PROFILES]: edited });

      const { status, said } = await checkout!.run(["--yes"]);

      expect(status).to.equal(0);
      expect(said).to.contain("1 line more, in 1 file");
      expect(said).to.contain("~  ProviderSettingsManager.store is decorated in another way");
      expect(checkout!.files[PROFILES])
        .to.match(/\t@RedisRestored\("provider", .*\n\tprivate async load/)
        .and.to.contain(`@RedisMirrored( 'provider', { userId: () => "me" } )`);
    });

    it("takes other quotes, spaces and lines for the same decorator", async () => {
      await open(miniatureHost("one-array")).run(["--yes"]);
      const reformatted = checkout!.files[PROFILES]!.replace(`("provider")`, `(\n\t\t'provider',\n\t)`);
      checkout!.write({ [PROFILES]: reformatted });
      const { status, said } = await checkout!.run(["--check"]);
      expect(status).to.equal(0);
      expect(said).not.to.contain("another way");
    });

    it("leaves a mirror that is installed in another file alone", async () => {
      const own = `import { installMirror } from "redis-mirrored";\nexport const mirror = installMirror();\n`;
      await open({ ...miniatureHost("one-array"), "src/mirror.ts": own }).run(["--yes"]);
      expect(checkout!.files["src/extension.ts"]).to.equal(miniatureHost("one-array")["src/extension.ts"]);
    });
  });

  describe("what it warns of", () => {
    it("an inline RedisSyncService, which stays", async () => {
      const inline = { "src/services/RedisSyncService.ts": "export class RedisSyncService {}\n" };
      const { said } = await open({ ...miniatureHost("bridge"), ...inline }).run(["--yes"]);
      expect(said)
        .to.contain("src/services/RedisSyncService.ts writes to Redis as well")
        .and.to.contain("docs/upgrading.md");
      expect(checkout!.files).to.include(inline);
    });

    const typescript = (range: string) => ({
      "src/package.json": `{ "name": "x", "devDependencies": { "typescript": "${range}" } }\n`,
    });
    for (const [title, changed, said] of [
      ["none, with `experimentalDecorators`", {}, undefined],
      [
        "none, with those of a file that is extended",
        {
          "src/tsconfig.json": `{ "extends": ["./a", "./base"] }`,
          "src/a.json": "{}",
          "src/base.json": `{ "compilerOptions": { "experimentalDecorators": true } }`,
          ...typescript("^4.9.0"),
        },
        undefined,
      ],
      ["none, with TypeScript 5 and standard ones", { "src/tsconfig.json": "{}", ...typescript("~5.0.0") }, undefined],
      [
        "that they do not compile, with TypeScript 4",
        { "src/tsconfig.json": "{}", ...typescript("^4.9.0") },
        "Decorators do not compile here yet",
      ],
      [
        "that it cannot tell, with one that cannot be parsed",
        { "src/tsconfig.json": "{ not JSON" },
        "could not be found out",
      ],
      [
        "that it cannot tell, without either",
        { "src/tsconfig.json": "{}", "src/package.json": `{ "name": "x" }\n` },
        "could not be found out",
      ],
    ] as [string, Files, string | undefined][]) {
      it(`decorators that do not compile: ${title}`, async () => {
        const { said: text } = await open({ ...miniatureHost("one-array"), ...changed }).run(["--check"]);
        if (said === undefined) expect(text).not.to.contain("ecorators do not compile").and.not.to.contain("found out");
        else expect(text).to.contain(said);
      });
    }

    it("a file that is no UTF-8, which is passed over", async () => {
      open(miniatureHost("one-array"));
      writeFileSync(
        `${checkout!.path}/src/latin.ts`,
        Buffer.from("export class ContextProxy { /* \xE9 */ }\n", "latin1"),
      );
      const { status, said } = await checkout!.run(["--yes"]);
      expect(status).to.equal(0);
      expect(said).to.contain("src/latin.ts could not be read");
    });
  });

  describe("as JSON", () => {
    it("says what there is and what is missing, and changes nothing without --yes", async () => {
      const files = miniatureHost("one-array");
      const { status, said, asked } = await open(files).run(["--json"], true);
      expect({ status, asked }).to.deep.equal({ status: 1, asked: [] });
      const report = JSON.parse(said) as { host: object; places: { subject: string; status: string }[] };
      expect(report.host).to.include({ name: "miniature", version: "3.2.1", kind: "one-array" });
      expect(report.places[0]).to.include({
        subject: "ContextProxy.initialize",
        status: "absent",
        path: PROXY,
        lineNumber: 17,
        reason: null,
      });
      expect(checkout!.files).to.deep.equal(files);
    });

    it("with --yes says which files it has changed, and with --undo which lines it has taken out", async () => {
      const files = miniatureHost("one-array");
      const { status, said } = await open(files).run(["--json", "--yes"]);
      expect(status).to.equal(0);
      expect((JSON.parse(said) as { changed: string[] }).changed).to.include.members([PROXY, "src/package.json"]);
      expect(JSON.parse((await checkout!.run(["--undo", "--json"])).said)).to.include({ isWritten: false });
      const undone = JSON.parse((await checkout!.run(["--undo", "--json", "--yes"])).said) as { removed: object[] };
      expect(undone.removed).to.deep.include({ subject: "dependencies", path: "src/package.json" });
      expect(checkout!.files).to.deep.equal(files);
    });
  });

  describe("a call that cannot be understood", () => {
    it("is a folder that is none", async () => {
      open({});
      const error: unknown = await checkout!
        .run(["--check"], undefined, "/nowhere/at/all")
        .catch((reason: unknown) => reason);
      expect(error).to.have.property("name", "UsageError");
      expect(error).to.have.property("message").that.contains("Expected a folder, got `/nowhere/at/all`");
    });

    it("is a host whose package.json is none", async () => {
      const files = { ...miniatureHost("one-array"), "src/package.json": "{ not JSON" };
      const error: unknown = await open(files)
        .run([])
        .catch((reason: unknown) => reason);
      expect(error).to.have.property("name", "UsageError");
      expect(error).to.have.property("message").that.contains("src/package.json to hold a JSON object");
    });

    it("is a folder without a host", async () => {
      const error: unknown = await open({ "a.ts": "export class Other {}\n" })
        .run([])
        .catch((reason: unknown) => reason);
      expect(error).to.have.property("name", "UsageError");
      expect(error).to.have.property("message").that.contains("declares any of ContextProxy, ");
    });
  });
});
