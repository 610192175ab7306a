import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { parseKeys } from "redis-mirrored";
import { runCommand } from "../support/command.js";
import { KEY } from "../support/mirrors.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const KEY_LINE = /^[A-Za-z0-9_-]{43}\n$/;

describe("keygen", function () {
  // Each command is a process of its own.
  this.timeout(30_000);
  let folder: TemporaryFolder;
  let file: string;
  let env: Record<string, string>;
  beforeEach(() => {
    folder = new TemporaryFolder();
    file = join(folder.path, "redis-mirrored", "key");
    env = { XDG_CONFIG_HOME: folder.path };
  });
  afterEach(() => folder.remove());

  async function keep(text: string): Promise<void> {
    await mkdir(join(folder.path, "redis-mirrored"));
    await writeFile(file, text, { mode: 0o600 });
  }

  it("prints a key and nothing else, another one each time, and keeps none", async () => {
    const made = [
      await runCommand(env, "keygen"),
      await runCommand({ ...env, ROO_MIRROR_KEY: "a passphrase" }, "keygen"),
    ];
    for (const { status, stdout, stderr } of made) {
      expect([status, stderr]).to.deep.equal([0, ""]);
      expect(stdout).to.match(KEY_LINE);
      expect(parseKeys(stdout)[0]!.bytes).to.have.lengthOf(32);
    }
    expect(made[0]!.stdout).not.to.equal(made[1]!.stdout);
    expect(await stat(file).catch(({ code }: NodeJS.ErrnoException) => code)).to.equal("ENOENT");
  });

  it("keeps a key where the mirror finds it, and says its id instead of it", async () => {
    const { status, stdout, stderr } = await runCommand(env, "keygen", "--store");
    const kept = await readFile(file, "utf8");
    expect(kept).to.match(KEY_LINE);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect([status, stdout, stderr]).to.deep.equal([0, `${file} holds a new key, ${parseKeys(kept)[0]!.id}.\n`, ""]);
  });

  it("leaves a key that is kept as it is, and says how to take a new one", async () => {
    await keep(`${KEY}\n`);
    const { status, stdout, stderr } = await runCommand(env, "keygen", "--store");
    expect([status, stdout]).to.deep.equal([1, ""]);
    expect(stderr).to.contain(`${file} holds a key already, 8WO9vYBopsW`).and.to.contain("`redis-mirrored rotate`");
    expect(await readFile(file, "utf8")).to.equal(`${KEY}\n`);
  });

  it("says that a kept key is not used where the environment has one", async () => {
    const { status, stderr } = await runCommand({ ...env, ROO_MIRROR_KEY: KEY }, "keygen", "--store");
    expect([status, stderr]).to.deep.equal([0, "ROO_MIRROR_KEY is set, and goes before the key file.\n"]);
  });

  it("shows the ids of the keys of the environment, else of the file, and no key", async () => {
    const other = Buffer.alloc(32, 7).toString("base64url");
    await keep(`${other},${KEY}\n`);
    const fromFile = await runCommand(env, "keygen", "--id");
    const fromEnvironment = await runCommand({ ...env, ROO_MIRROR_KEY: `${KEY},${other}` }, "keygen", "--id");
    const [id] = parseKeys(other).map((key) => key.id);
    expect(fromFile.stdout).to.equal(`${id}  encrypts  ${file}\n8WO9vYBopsW  decrypts  ${file}\n`);
    expect(fromEnvironment.stdout).to.equal(`8WO9vYBopsW  encrypts  ROO_MIRROR_KEY\n${id}  decrypts  ROO_MIRROR_KEY\n`);
    expect([fromFile.stderr, fromEnvironment.stderr]).to.deep.equal(["", ""]);
  });

  it("says that there is no key at hand, and makes none", async () => {
    const { status, stderr } = await runCommand(env, "keygen", "--id");
    expect([status, stderr]).to.deep.equal([
      1,
      `No key at hand: ROO_MIRROR_KEY is not set, and there is no ${file}. One is made on first use.\n`,
    ]);
  });

  it("says of a key file that others may read that they may", async () => {
    await keep(KEY);
    await chmod(file, 0o640);
    const { status, stderr } = await runCommand(env, "keygen", "--id");
    expect(status).to.equal(0);
    expect(stderr).to.contain(`${file} can be read by others than its owner (mode 640)`);
  });

  for (const [title, text] of [
    ["a passphrase", "correct horse battery staple"],
    ["a short key", "c2hvcnQtY2FuYXJ5"],
  ] as const)
    it(`refuses ${title}, wherever it is from, with the command that makes a key and without quoting it`, async () => {
      await keep(text);
      const outcomes = [
        await runCommand(env, "keygen", "--id"),
        await runCommand(env, "keygen", "--store"),
        await runCommand({ ...env, ROO_MIRROR_KEY: text }, "keygen", "--id"),
      ];
      expect(outcomes.map(({ stderr }) => stderr.split(":")[0])).to.deep.equal([file, file, "ROO_MIRROR_KEY"]);
      for (const { status, stdout, stderr } of outcomes) {
        expect([status, stdout]).to.deep.equal([1, ""]);
        expect(stderr).to.match(/to be 32 bytes in base64url .*; make one: npx redis-mirrored keygen\n$/);
        expect(stderr).not.to.contain(text);
      }
    });

  it("does not take two things for one", async () => {
    const { status, stderr } = await runCommand(env, "keygen", "--store", "--id");
    expect([status, stderr]).to.deep.equal([2, "Expected --store or --id, got both\n"]);
  });
});
