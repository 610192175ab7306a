import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { run } from "#dist/cli/program.js";
import { freePort } from "#dist/cli/redis-server.js";
import { commandNames } from "../support/command.js";
import { HOSTILE_IDS } from "../support/hostile-ids.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { CANARY, expectNoCanaryIn, fuzz } from "./fuzz.js";
import { anyText, spoilt } from "./hostile.js";

/** Those that there are: how each may be called. */
const COMMANDS = [
  "tour",
  "adopt",
  "status",
  "doctor",
  "watch",
  "export",
  "import",
  "inspect",
  "migrate",
  "purge",
  "history",
  "restore",
  "support-bundle",
  "keygen",
  "rotate",
];

const FLAGS =
  "--help -h --json --yes -y --dry-run --check --undo --plain --store --id --forget --all-users --delete --ambiguous --anonymous --decrypt --force --no-kept".split(
    " ",
  );
const OPTIONS =
  "--items --saves --history --profiles --version --user --output --instance --from --to --interval --for".split(" ");

const anyWord = fc.oneof(
  fc.constantFrom("taskHistory", "provider", "alice", "hostile.json", "host", "10", "-1", "1e9", "--", "-", "", "1700"),
  // Neither a folder up from here nor one from the root: what is called reads only its own.
  fc.constantFrom(...HOSTILE_IDS.filter((id) => !id.includes("/"))),
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => text.replaceAll(/[./\\]/g, "_")),
);
const anyArguments = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: anyWord.map((word) => [word]) },
      { weight: 3, arbitrary: fc.constantFrom(...FLAGS).map((flag) => [flag]) },
      { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...OPTIONS), anyWord) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom(...OPTIONS), anyWord).map(([name, word]) => [`${name}=${word}`]),
      },
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.flat());

const anyManifest = spoilt(
  fc.constant(JSON.stringify({ name: "host", dependencies: { a: "1" }, scripts: { build: "tsc" } }, undefined, 2)),
);

/** Calls a command in this process, as `main.ts` does. */
async function call(name: string, args: string[]): Promise<{ status: number; said: string }> {
  let said = "";
  const { log, error } = console;
  const [out, err] = [process.stdout.write, process.stderr.write];
  const keep = (text: unknown) => (said += `${String(text)}\n`);
  Object.assign(console, { log: keep, error: keep });
  process.stdout.write = process.stderr.write = (text: unknown) => Boolean(keep(text));
  try {
    return { status: await run([name, ...args]), said };
  } finally {
    Object.assign(console, { log, error });
    process.stdout.write = out;
    process.stderr.write = err;
  }
}

describe("a command, however it is called", () => {
  const [home, environment] = [process.cwd(), { ...process.env }];
  let folder: TemporaryFolder;
  before(async () => {
    folder = new TemporaryFolder();
    mkdirSync(join(folder.path, "host/src"), { recursive: true });
    mkdirSync(join(folder.path, "redis-mirrored"));
    const port = await freePort();
    // Where nobody listens; and the tour, which would go on for a while, is not for those who have a cluster.
    const given = { REDIS_CLUSTER: `127.0.0.1:${port}`, LEGACY_REDIS_URL: `redis://127.0.0.1:${port}` };
    for (const variable of Object.keys(process.env))
      if (/^(REDIS_|ROO_|LEGACY_|XDG_|APPDATA)/.test(variable)) delete process.env[variable];
    Object.assign(process.env, given, { XDG_CONFIG_HOME: folder.path });
    process.chdir(folder.path);
  });
  after(() => {
    process.chdir(home);
    process.env = environment;
    folder.remove();
  });

  it("ends with a status of its own, and shows neither a stack nor what is in its files", () => {
    const input = fc.record({
      command: fc.constantFrom(...COMMANDS),
      args: anyArguments,
      file: anyText,
      manifest: fc.oneof(anyManifest, anyText),
    });
    return fuzz(
      "commands",
      input,
      async ({ command, args, file, manifest }) => {
        writeFileSync("hostile.json", file);
        writeFileSync("redis-mirrored/key", file);
        writeFileSync("host/package.json", manifest);
        writeFileSync("host/tsconfig.json", file);
        writeFileSync(
          "host/src/ContextProxy.ts",
          `export class ContextProxy {\n  async setValue(key: string, value: string) {}\n}\n`,
        );
        const { status, said } = await call(command, args);
        expect(status).to.be.oneOf([0, 1, 2, 3]);
        expect(said).not.to.match(/^\s+at .*:\d+:\d+\)?$/m);
        if (!args.join(" ").includes(CANARY)) expectNoCanaryIn(said);
      },
      { runs: 60 },
    );
  });

  it("is one of those that are tried here", async () => {
    expect(await commandNames()).to.have.members(COMMANDS);
  });
});
