import { expect } from "chai";
import fc from "fast-check";
import { AdoptedCheckout } from "./adopted-checkout.js";
import { type Files, HOST_KINDS, miniatureHost, restyle } from "./miniature-hosts.js";

const PROXY = "src/core/config/ContextProxy.ts";
const PROFILES = "src/core/config/ProviderSettingsManager.ts";
const EXTENSION = "src/extension.ts";
const MANIFEST = "src/package.json";

/** Ways in which a manifest may name its dependencies, or not; a tab stands for one level. */
const MANIFESTS = [
  `{\n\t"name": "x",\n\t"dependencies": {\n\t\t"axios": "1",\n\t\t"zod": "3"\n\t}\n}\n`,
  `{\n\t"name": "x",\n\t"dependencies": {\n\t\t"zod": "3"\n\t},\n\t"private": true\n}`,
  `{\n\t"dependencies": {\n\t\t"axios": "1"\n\t}\n}\n`,
  `{\n\t"dependencies": {\n\t\t"axios": "1", // why\n\t\t"axe": "2",\n\t},\n}\n`,
  `{\n\t"dependencies": {\n\t\t"zod": "3",\n\t},\n}\n`,
  `{\n\t"name": "x",\n\t"dependencies": {},\n\t"private": true\n}\n`,
  `{\n\t"name": "x",\n\t"dependencies": { }\n}\n`,
  `{\n\t"name": "x",\n\t"dependencies": {\n\t},\n\t"private": true\n}\n`,
  `{\n\t"name": "x"\n}\n`,
  `{\n\t"name": "x",\n}\n`,
  `{\n\t"name": "x",\n\n\t"devDependencies": {}\n}\n`,
  `{ "name": "x", "dependencies": { "axios": "1", "zod": "3" } }`,
  `{"name":"x","dependencies":{"axios":"1"}}`,
  `{"name":"x","dependencies":{}}`,
  `{"name":"x"}`,
];

/** What somebody may have written around the places, as what is replaced by what. */
const VARIATIONS: readonly (readonly [path: string, from: RegExp, to: string])[] = [
  [PROXY, /\tpublic async initialize\(\)/, "\t// about it\n\n\tpublic async initialize()"],
  [PROXY, /\tpublic async initialize\(\)/, "\tpublic /* one */ async /* two */ initialize()"],
  [PROXY, /import \{ z \} from "zod";/, `import { z } from "zod"; // why`],
  [PROXY, /import \{ z \} from "zod";/, `import { z } from "zod"; /* one\n two */`],
  [PROXY, /import \{ z \} from "zod";/, `import {\n\tz,\n} from "zod";`],
  [PROXY, /import \* as vscode.*\n/, ""],
  [PROXY, /^[^]*?(?=const COPIES)/, "/* no import at all */\n"],
  [PROXY, /^/, "/* a licence */\n"],
  [PROXY, /\n$/, ""],
  [PROXY, /updateGlobalState<T>\(key: string, value: T\): Thenable<void>;\n\t/, ""],
  [PROFILES, /\tprivate async store\(/, "\t/** why */ private async store("],
  [PROFILES, /\n\tprivate async store\(/, "private async store("],
  [PROFILES, /\tprivate async load\(/, "\t@once\n\t@twice() private async load("],
  [PROFILES, /^/, `import { TOKENS } from "redis-mirrored";\nvoid TOKENS;\n`],
  [PROFILES, /^/, `import {\n\tTOKENS,\n\ttype Mirror,\n} from "redis-mirrored";\nvoid TOKENS;\n`],
  [PROFILES, /^/, `import type { Mirror } from "redis-mirrored";\n`],
  [EXTENSION, /\n\textensionContext = context;.*/, ""],
  [EXTENSION, /\n\textensionContext = context;.*/, "\n\textensionContext = context\n\t;[1].map(String);"],
  [EXTENSION, /\n\textensionContext = context;.*/, "\n\textensionContext = context;  \n\t[1].map(String);"],
  [EXTENSION, /\n\textensionContext = context;.*/, "\n\textensionContext = context; void 0;"],
  [
    EXTENSION,
    /\{\n\textensionContext[^]*?\n\}/,
    "{ extensionContext = context; void new ContextProxy(context); USER }",
  ],
  [EXTENSION, /\{\n\textensionContext[^]*?\n\}/, "{ void new ContextProxy(context); USER }"],
];

const hosts = fc
  .record({
    kind: fc.constantFrom(...HOST_KINDS),
    manifest: fc.constantFrom(...MANIFESTS),
    variations: fc.subarray(VARIATIONS.map((variation) => variation)),
    style: fc.record({
      eol: fc.constantFrom("\n", "\r\n"),
      quote: fc.constantFrom('"', "'"),
      hasSemicolons: fc.boolean(),
      indent: fc.constantFrom("\t", "  ", "    "),
      hasByteOrderMark: fc.boolean(),
    }),
  })
  .map(({ kind, manifest, variations, style }) => {
    const files: Record<string, string> = { ...miniatureHost(kind), [MANIFEST]: manifest };
    const user = kind === "bridge" ? "void TaskHistoryBridge;" : "";
    for (const [path, from, to] of variations) files[path] = files[path]!.replace(from, to.replace("USER", user));
    return restyle(files, style);
  });

describe("undoing an adoption", () => {
  let checkout: AdoptedCheckout | undefined;
  const open = (files: Files) => (checkout = new AdoptedCheckout(files));
  afterEach(() => {
    checkout?.remove();
    checkout = undefined;
  });

  it("gives every file back byte for byte, however it is written", async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(hosts, async (files) => {
        open(files);
        try {
          const { status, said } = await checkout!.run(["--yes"]);
          expect(status, said).to.equal(0);
          const adopted = checkout!.files;
          expect(adopted).not.to.deep.equal(files);
          await checkout!.run(["--yes"]);
          expect(checkout!.files).to.deep.equal(adopted);
          expect((await checkout!.run(["--undo", "--yes"])).status).to.equal(0);
          // A file that imported something of its own before still needs the package.
          const isStillNeeded = Object.values(files).some((text) => text.includes("redis-mirrored"));
          const manifest = (isStillNeeded ? adopted : files)[MANIFEST];
          expect(checkout!.files).to.deep.equal({ ...files, [MANIFEST]: manifest });
        } finally {
          checkout!.remove();
        }
      }),
      { numRuns: 60 },
    );
  });

  it("shows what it takes out, and asks first", async () => {
    await open(miniatureHost("bridge")).run(["--yes"]);
    const adopted = checkout!.files;
    const declined = await checkout!.run(["--undo"], false);
    expect(declined).to.deep.include({ status: 1, asked: ["Change 5 files? [Y/n]"] });
    expect(declined.said)
      .to.match(/- {2}TaskHistoryBridge\.getTaskHistory +src\/api\/bridge\.ts:\d+/)
      .and.to.match(/- {2}activate\(\) +src\/extension\.ts:\d+/)
      .and.to.contain(`-import { installMirror } from "redis-mirrored"`);
    expect(checkout!.files).to.deep.equal(adopted);
    expect((await checkout!.run(["--undo"], true)).status).to.equal(0);
    expect(checkout!.files).to.deep.equal(miniatureHost("bridge"));
  });

  it("leaves what else was changed in the meantime", async () => {
    const files = miniatureHost("one-array");
    await open(files).run(["--yes"]);
    const change = (text: string) => text.replace("JSON.stringify(profiles)", "JSON.stringify(profiles, null, 2)");
    checkout!.write({ [PROFILES]: change(checkout!.files[PROFILES]!) });
    await checkout!.run(["--undo", "--yes"]);
    expect(checkout!.files).to.deep.equal({ ...files, [PROFILES]: change(files[PROFILES]!) });
  });

  it("takes out decorators, the line in `activate` and a range that were edited since", async () => {
    const files = miniatureHost("one-array");
    await open(files).run(["--yes"]);
    const adopted = checkout!.files;
    checkout!.write({
      [PROFILES]: adopted[PROFILES]!.replace(`("provider")`, `("provider", {\n\t\tuserId: () => "me",\n\t})`),
      [EXTENSION]: adopted[EXTENSION]!.replace("{ memento: ", `{\n\t\tinstanceId: "a",\n\t\tmemento: `),
      [MANIFEST]: adopted[MANIFEST]!.replace(/("redis-mirrored": )"[^"]+"/, `$1"workspace:*"`),
    });
    expect((await checkout!.run(["--undo", "--yes"])).status).to.equal(0);
    expect(checkout!.files).to.deep.equal(files);
  });

  it("leaves what was decorated elsewhere by hand, with its import and the dependency, and names it", async () => {
    const files = miniatureHost("one-array");
    await open(files).run(["--yes"]);
    const adopted = checkout!.files[PROFILES]!;
    const own = adopted.replace(/\n\}\n$/, `\n\n\t@RedisMirrored("bookmarks")\n\tbookmark() {}\n}\n`);
    checkout!.write({ [PROFILES]: own });

    const { said } = await checkout!.run(["--undo", "--yes"]);

    expect(said).to.match(/~ {2}RedisMirrored +src\/core\/config\/ProviderSettingsManager\.ts:2/);
    expect(said).to.match(/~ {2}dependencies +src\/package\.json/);
    expect(checkout!.files[PROFILES])
      .to.contain(`import { RedisMirrored } from "redis-mirrored";\n`)
      .and.to.contain(`@RedisMirrored("bookmarks")`)
      .and.not.to.contain(`"provider"`);
    expect(checkout!.files[MANIFEST]).to.contain(`"redis-mirrored"`);
    expect(checkout!.files[PROXY]).to.equal(files[PROXY]);
  });

  it("takes out an import that was left when its decorators were deleted by hand", async () => {
    const files = miniatureHost("one-array");
    await open(files).run(["--yes"]);
    checkout!.write({ [PROFILES]: checkout!.files[PROFILES]!.replace(/\t@Redis.*\n/g, "") });
    await checkout!.run(["--undo", "--yes"]);
    expect(checkout!.files).to.deep.equal(files);
  });

  it("knows the places of every kind of host, whatever this one has become", async () => {
    const files = miniatureHost("file-per-task");
    const provider = "src/core/webview/ClineProvider.ts";
    const renamed = files[provider]!.replaceAll("scheduleGlobalStateWriteThrough", "later");
    await open({ ...files, [provider]: renamed }).run(["--yes"]);
    checkout!.write({ [provider]: files[provider]! });
    await checkout!.run(["--undo", "--yes"]);
    expect(checkout!.files).to.deep.equal(files);
  });

  it("says so where there is nothing to take out", async () => {
    const { status, said, asked } = await open(miniatureHost("one-array")).run(["--undo"], true);
    expect({ status, asked }).to.deep.equal({ status: 0, asked: [] });
    expect(said).to.contain("There is nothing to take out.");
  });
});
