import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { FileKeyStore, SecretKeyStore } from "#dist/container/key-stores.js";
import { openFileContext } from "#dist/extension/file-context.js";
import { KeyRingError } from "#dist/sync/errors.js";
import { StoredKeyRing } from "#dist/sync/key-ring.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { CANARY, expectNoCanaryIn, fuzz } from "./fuzz.js";
import { anyJson, anyText, spoilt } from "./hostile.js";

const KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

async function expectKeyOrRefusal(ring: StoredKeyRing): Promise<void> {
  try {
    expect((await ring.encryptionKey()).bytes).to.have.length(32);
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    expectNoCanaryIn(error);
  }
}

describe("a file of the user's, whatever is in it", () => {
  let folder: TemporaryFolder;
  beforeEach(() => (folder = new TemporaryFolder()));
  afterEach(() => folder.remove());

  it("is a key, or refused without a word of it, and stays as it is", () => {
    const keys = fc.array(fc.oneof(fc.constantFrom(KEY, CANARY, ""), anyText)).map((parts) => parts.join(","));
    return fuzz("key-file", fc.oneof(keys, spoilt(fc.constant(KEY)), anyText), async (text) => {
      const path = join(folder.path, "key");
      writeFileSync(path, text);
      const before = readFileSync(path);
      await expectKeyOrRefusal(new StoredKeyRing(new FileKeyStore(path)));
      expect(readFileSync(path).equals(before)).to.equal(true);
    });
  });

  it("is the context's state, or refused by its name, and stays as it is then", () => {
    const secrets = anyJson.map((key) => JSON.stringify({ "redisMirrored.key": key }));
    return fuzz("state-file", fc.oneof(anyText, secrets), async (text) => {
      const paths = ["state.json", "secrets.json"].map((name) => join(folder.path, name));
      for (const path of paths) writeFileSync(path, text);
      const before = readFileSync(paths[0]!);
      const context = await openFileContext(folder.path).catch((error: unknown) => {
        expectNoCanaryIn(error);
        expect((error as Error).message).to.match(/^Expected .*state\.json to hold a JSON object, got something else/);
      });
      expect(readFileSync(paths[0]!).equals(before)).to.equal(true);
      if (context === undefined) return;
      for (const key of context.globalState.keys()) void context.globalState.get(key);
      await expectKeyOrRefusal(new StoredKeyRing(new SecretKeyStore(context.secrets)));
      await context.globalState.update("added", { a: 1 });
      await context.dispose();
      const written = JSON.parse(readFileSync(paths[0]!, "utf8")) as object;
      expect(Object.keys(written).sort()).to.deep.equal([...context.globalState.keys()].sort());
    });
  });
});
