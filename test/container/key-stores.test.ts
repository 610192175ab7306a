import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { generateKey, StoredKeyRing } from "redis-mirrored";
import { defaultKeyFile, FileKeyStore, SecretKeyStore } from "#dist/container/key-stores.js";

const REPLACER = fileURLToPath(new URL("./key-replacer.js", import.meta.url));

describe("the key file", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"));
    file = join(folder, "below/key");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is made on first use, and only its owner may read it", async () => {
    const key = await new StoredKeyRing(new FileKeyStore(file)).encryptionKey();
    expect(await readFile(file, "utf8")).to.match(/^[A-Za-z0-9_-]{43}\n$/);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect((await stat(join(folder, "below"))).mode & 0o777).to.equal(0o700);
    expect((await new StoredKeyRing(new FileKeyStore(file)).encryptionKey()).bytes).to.deep.equal(key.bytes);
  });

  it("holds one key whichever of several processes is first, and no draft of the others", async () => {
    const rings = Array.from({ length: 8 }, () => new StoredKeyRing(new FileKeyStore(file)));
    const ids = await Promise.all(rings.map(async (ring) => (await ring.encryptionKey()).id));
    expect(new Set(ids).size).to.equal(1);
    expect(await readdir(join(folder, "below"))).to.deep.equal(["key"]);
  });

  it("is left as it is if it holds something else, and the error does not quote it", async () => {
    file = join(folder, "key");
    await writeFile(file, "sk-canary");
    const error = await new StoredKeyRing(new FileKeyStore(file)).encryptionKey().catch((reason: Error) => reason);
    expect(error).to.have.property("code", "KEY_RING");
    expect(String(error)).not.to.contain("sk-canary");
    expect(await readFile(file, "utf8")).to.equal("sk-canary");
  });

  it("is replaced whole, by what only its owner may read, if it still is what was read", async () => {
    const [first, second, third] = [generateKey(), generateKey(), generateKey()];
    const store = new FileKeyStore(file);
    await store.storeIfAbsent(first);
    expect(await store.replace(first, `${second},${first}`)).to.equal(true);
    expect(await store.replace(first, `${third},${first}`)).to.equal(false);
    expect(await readFile(file, "utf8")).to.equal(`${second},${first}\n`);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect(await readdir(join(folder, "below"))).to.deep.equal(["key"]);
  });

  it("holds the key of one, and loses none, where several are added at the same time", async () => {
    const first = generateKey();
    await new FileKeyStore(file).storeIfAbsent(first);
    const keys = Array.from({ length: 8 }, generateKey);
    const replaced = await Promise.all(keys.map((key) => new FileKeyStore(file).replace(first, `${key},${first}`)));
    expect(replaced.filter(Boolean)).to.have.lengthOf(1);
    expect(await readFile(file, "utf8")).to.equal(`${keys[replaced.indexOf(true)]},${first}\n`);
  });

  it("is replaced where a link leads to, and the link stays", async () => {
    const [first, second] = [generateKey(), generateKey()];
    await new FileKeyStore(file).storeIfAbsent(first);
    const link = join(folder, "link");
    await symlink(file, link);
    expect(await new FileKeyStore(link).replace(first, second)).to.equal(true);
    expect(await readFile(file, "utf8")).to.equal(`${second}\n`);
    expect(await readlink(link)).to.equal(file);
  });

  it("gives no key that it does not keep: where a link leads nowhere, the error names it", async () => {
    file = join(folder, "key");
    await symlink(join(folder, "not-mounted", "key"), file);
    const error = await new StoredKeyRing(new FileKeyStore(file)).encryptionKey().catch((reason: unknown) => reason);
    expect(error).to.have.property("code", "KEY_RING");
    expect(error).to.have.property("message").that.contains(file);
    expect(await readdir(folder)).to.deep.equal(["key"]);
  });

  it("is replaced together with the drafts of those that were killed, and with nothing else", async () => {
    const [first, second] = [generateKey(), generateKey()];
    await new FileKeyStore(file).storeIfAbsent(first);
    const draft = `${file}.${randomUUID()}`;
    const others = ["key.backup", `key2.${randomUUID()}`, `key.lock.${randomUUID()}`];
    for (const path of [draft, ...others.map((name) => join(folder, "below", name))])
      await writeFile(path, `${first}\n`, { mode: 0o600 });
    expect(await new FileKeyStore(file).replace(second, first)).to.equal(false);
    expect(await readdir(join(folder, "below"))).to.have.lengthOf(5);
    expect(await new FileKeyStore(file).replace(first, second)).to.equal(true);
    expect(await readdir(join(folder, "below"))).to.have.members(["key", ...others]);
  });

  for (const step of ["writeFile", "rename"]) {
    it(`keeps what another replaced it by while this process was held up before its ${step}`, async () => {
      const [first, second, third] = [generateKey(), generateKey(), generateKey()];
      await new FileKeyStore(file).storeIfAbsent(first);
      const replacer = fork(REPLACER, [file, first, second, step]);
      const nextWord = async () => ((await once(replacer, "message")) as [unknown])[0];
      expect(await nextWord()).to.equal("about to");
      // As if it had not been renewed for too long.
      await rm(`${file}.lock`);
      expect(await new FileKeyStore(file).replace(first, third)).to.equal(true);
      replacer.send("go on");
      expect(await nextWord()).to.equal("KeyRingError");
      expect(await readFile(file, "utf8")).to.equal(`${third}\n`);
      expect(await readdir(join(folder, "below"))).to.deep.equal(["key"]);
    });
  }

  it("is what it was where it cannot be replaced", async () => {
    const first = generateKey();
    await new FileKeyStore(file).storeIfAbsent(first);
    await mkdir(`${file}.lock`);
    const error = await new FileKeyStore(file).replace(first, generateKey()).catch((reason: unknown) => reason);
    expect(error).to.have.property("code", "EISDIR");
    expect(await readFile(file, "utf8")).to.equal(`${first}\n`);
    expect(await readdir(join(folder, "below"))).to.have.members(["key", "key.lock"]);
  });

  it("lies below the user's configuration", () => {
    expect(defaultKeyFile({ XDG_CONFIG_HOME: "/x" })).to.equal(join("/x", "redis-mirrored", "key"));
    expect(defaultKeyFile({ HOME: "/h" })).to.equal(join("/h", ".config", "redis-mirrored", "key"));
  });
});

describe("the key in VS Code's SecretStorage", () => {
  it("is made on first use and then kept", async () => {
    const secrets = new Map<string, string>();
    const storage = {
      get: async (name: string) => secrets.get(name),
      store: async (name: string, value: string) => void secrets.set(name, value),
    };
    const key = await new StoredKeyRing(new SecretKeyStore(storage)).encryptionKey();
    expect([...secrets.keys()]).to.deep.equal(["redisMirrored.key"]);
    expect((await new StoredKeyRing(new SecretKeyStore(storage)).encryptionKey()).id).to.equal(key.id);
  });

  it("is not used where it is not kept", async () => {
    const storage = { get: async () => undefined, store: async () => {} };
    const error = await new StoredKeyRing(new SecretKeyStore(storage))
      .encryptionKey()
      .catch((reason: unknown) => reason);
    expect(error).to.have.property("code", "KEY_RING");
  });

  it("is the one that another window has stored in the meantime", async () => {
    const [ours, theirs] = [generateKey(), generateKey()];
    let kept: string | undefined;
    const store = new SecretKeyStore({ get: async () => kept, store: async () => void (kept = theirs) });
    expect(await store.storeIfAbsent(ours)).to.equal(theirs);
  });

  it("is replaced if it still is what was read, and the answer is whether it is now what it should be", async () => {
    const [first, second, third] = [generateKey(), generateKey(), generateKey()];
    let kept = first;
    const store = new SecretKeyStore({ get: async () => kept, store: async (_name, value) => void (kept = value) });
    expect(await store.replace(second, third)).to.equal(false);
    expect(kept).to.equal(first);
    expect(await store.replace(first, second)).to.equal(true);
    expect(kept).to.equal(second);
    const raced = new SecretKeyStore({ get: async () => kept, store: async () => void (kept = first) });
    expect(await raced.replace(second, third)).to.equal(false);
  });
});
