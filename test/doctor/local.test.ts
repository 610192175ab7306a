import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { parseKeys } from "redis-mirrored";
import { FakeSecrets } from "../support/fake-secrets.js";
import { KEY } from "../support/mirrors.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { expectOne, findingsAt, findingsOf, of } from "./diagnosis.js";
import { IMPATIENT } from "./impatient-clock.js";

/** Where nothing listens, so that what needs Redis is soon done with. */
const NOBODY = 1;
const OTHER_KEY = Buffer.alloc(32, 7).toString("base64url");
const [ID, OTHER_ID] = parseKeys(`${KEY},${OTHER_KEY}`).map(({ id }) => id) as [string, string];

describe("the doctor, of what needs no Redis", () => {
  it("says of each setting that is wrong what it has to be, and not what was there instead", async () => {
    const env = { REDIS_PORT: "63790x", REDIS_ENABLED: "perhaps" };
    const findings = await findingsOf({ env, keys: ["a passphrase"] });
    const settings = of(findings, "settings");
    expect(settings.map(({ severity }) => severity)).to.deep.equal(["error", "error"]);
    expect(settings[0]!.message).to.contain("`REDIS_PORT` is not what it has to be: an integer from 1 to 65535.");
    expect(settings[0]!.remedy).to.equal("Correct REDIS_PORT, or remove it.");
    expect(settings[1]!.message).to.contain("`keys` is not what it has to be: keys of 32 bytes");
    expect(JSON.stringify(findings)).not.to.match(/63790x|passphrase/);
    expectOne(findings, "skipped", "note", "since the settings cannot be used: user, keys, resolve");
  });

  it("says that the mirror is off, by what, and looks at the rest all the same", async () => {
    const off = await findingsOf({ env: { REDIS_ENABLED: "false", REDIS_PORT: String(NOBODY) } });
    expectOne(
      off,
      "settings",
      "warning",
      "switched off by `REDIS_ENABLED`",
      "Set REDIS_ENABLED to true, or remove it.",
    );
    expectOne(off, "reach", "error", "refuses connections");
    expectOne(await findingsAt(NOBODY, { enabled: false }), "settings", "warning", "switched off by `enabled`");
    // What is wrong counts too, if one wants it on.
    const wrong = await findingsOf({ env: { REDIS_ENABLED: "false", REDIS_PORT: "x" } });
    expectOne(wrong, "settings", "error", "REDIS_PORT");
    expectOne(await findingsAt(NOBODY), "settings", "ok", "can be used");
  });

  it("says whose records they are, and by whose word", async () => {
    const user = async (userId: string | (() => string | undefined) | undefined, env = {}) =>
      of(await findingsAt(NOBODY, { ...(userId === undefined ? { userId: "" } : { userId }), env }), "user");
    expect(await user("alice")).to.deep.equal([
      { check: "user", severity: "ok", message: "The user is `alice`, as the settings say." },
    ]);
    expect((await user(undefined, { ROO_USER_ID: "bob" }))[0]!.message).to.contain("`bob`, as the settings say");
    expect((await user(() => "carol"))[0]!.message).to.equal("The host says that the user is `carol`.");
    expect((await user("\u001b[2J"))[0]!.message).to.contain("`\\u{1b}[2J`");
    for (const nobody of [
      () => undefined,
      () => {
        throw new Error("not yet");
      },
    ])
      expect((await user(nobody))[0]).to.include({ severity: "note" });
    const [unnamed] = await user(undefined);
    expect(unnamed).to.include({ severity: "note" });
    expect(unnamed!.message).to.contain("no other machine shares these records");
    expect(unnamed!.remedy).to.contain("set ROO_USER_ID to the same value");
  });

  describe("the keys", () => {
    let folder: TemporaryFolder;
    let file: string;
    beforeEach(() => {
      folder = new TemporaryFolder();
      file = join(folder.path, "redis-mirrored", "key");
      mkdirSync(dirname(file));
    });
    afterEach(() => folder.remove());

    const withFile = async (text?: string, mode = 0o600) => {
      if (text !== undefined) writeFileSync(file, text);
      if (text !== undefined) chmodSync(file, mode);
      return findingsAt(NOBODY, { keys: [], env: { XDG_CONFIG_HOME: folder.path } });
    };

    it("are named by their ids, and where they are from", async () => {
      const findings = await findingsAt(NOBODY, { keys: [KEY, OTHER_KEY] });
      expectOne(findings, "keys", "ok", `2 keys at hand, from keys: ${ID} encrypts, ${OTHER_ID} only decrypt.`);
      const fromEnvironment = await findingsAt(NOBODY, { keys: [], env: { ROO_MIRROR_KEY: KEY } });
      expectOne(fromEnvironment, "keys", "ok", `1 key at hand, from ROO_MIRROR_KEY: ${ID} encrypts.`);
      expectOne(await withFile(`${KEY}\n`), "keys", "ok", `from the file ${file}: ${ID} encrypts.`);
    });

    it("are yet to be made, and are not made by looking", async () => {
      for (const _time of [1, 2])
        expectOne(await withFile(), "keys", "note", "one is made with the first encrypted save");
      const secrets = new FakeSecrets();
      expectOne(await findingsAt(NOBODY, { keys: [], secrets }), "keys", "note", "kept in VS Code's SecretStorage");
      await secrets.store("redisMirrored.key", OTHER_KEY);
      expectOne(await findingsAt(NOBODY, { keys: [], secrets }), "keys", "ok", `${OTHER_ID} encrypts.`);
    });

    it("lie where others may read them", async () => {
      const [good, exposed] = of(await withFile(KEY, 0o644), "keys");
      expect(good).to.include({ severity: "ok" });
      expect(exposed).to.include({
        severity: "warning",
        message: `The file ${file} can be read by others than its owner.`,
      });
      expect(exposed!.remedy).to.contain(`chmod 600 ${file}`).and.to.contain("rotate");
    });

    it("are none, or cannot be read", async () => {
      const findings = await withFile("a passphrase");
      expectOne(findings, "keys", "error", "is no key", "npx redis-mirrored keygen --store");
      expect(JSON.stringify(findings)).not.to.contain("passphrase");
      const locked = {
        get: () => Promise.reject(new Error(`cannot decrypt ${KEY}`)),
        store: () => Promise.resolve(),
      };
      const lockedFindings = await findingsAt(NOBODY, { keys: [], secrets: locked });
      expectOne(lockedFindings, "keys", "error", "cannot be read from VS Code's SecretStorage", "ROO_MIRROR_KEY");
      expect(JSON.stringify(lockedFindings)).not.to.contain(KEY);
    });

    it("are waited for, but not for ever", async () => {
      const silent = { get: () => new Promise<undefined>(() => {}), store: () => Promise.resolve() };
      const findings = await findingsAt(NOBODY, { keys: [], secrets: silent }, { clock: IMPATIENT });
      expectOne(findings, "keys", "error", "cannot be read from VS Code's SecretStorage", /^Unlock the keychain/);
    });
  });
});
