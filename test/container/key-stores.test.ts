import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { generateKey, StoredKeyRing } from "redis-mirrored";
import { defaultKeyFile, FileKeyStore, SecretKeyStore } from "#dist/container/key-stores.js";

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

  it("is the one that another window has stored in the meantime", async () => {
    const [ours, theirs] = [generateKey(), generateKey()];
    let kept: string | undefined;
    const store = new SecretKeyStore({ get: async () => kept, store: async () => void (kept = theirs) });
    expect(await store.storeIfAbsent(ours)).to.equal(theirs);
  });
});
