import { expect } from "chai";
import { createMirror, type Mirror, type MirrorOptions, parseKeys, TOKENS } from "redis-mirrored";
import { contributeKeyCommands } from "#dist/extension/key-commands.js";
import { MirrorKeys } from "#dist/extension/mirror-keys.js";
import type { HostContext } from "#dist/extension/roo-types.js";
import { FakeSecrets } from "../support/fake-secrets.js";
import { FakeWindow } from "../support/fake-window.js";
import { hurriedMirror } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";

const NAME = "redisMirrored.key";
const [OURS, OLDER, THEIRS] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte).toString("base64url")) as [
  string,
  string,
  string,
];
const idOf = (key: string) => parseKeys(key)[0]!.id;

describe("the commands for keys", () => {
  let server: RedisServer;
  let secrets: FakeSecrets;
  let window: FakeWindow;
  let lines: string[];
  let mirrors: Mirror[];
  before(async () => void (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => {
    await (await server.client()).flushAll();
    secrets = new FakeSecrets();
    window = new FakeWindow();
    [lines, mirrors] = [[], []];
  });
  afterEach(async () => {
    for (const mirror of mirrors) await mirror.close();
    // Whatever a test was about: no key, nor a part of it that would help, is shown or logged.
    const seen = [...window.shown, ...lines].join("\n");
    const known = [OURS, OLDER, THEIRS, window.typed ?? OURS, ...(secrets.values.get(NAME) ?? OURS).split(",")];
    for (const key of known) expect(seen).not.to.contain(key.slice(0, 12));
    expect(seen).not.to.match(/[A-Za-z0-9_-]{43}/);
  });

  function open(options: MirrorOptions = {}): Mirror {
    const log = (line: string) => void lines.push(line);
    const mirror = createMirror({
      redis: { host: "127.0.0.1", port: server.port },
      userId: "alice",
      env: {},
      secrets,
      logger: { info: log, warn: log, debug: log },
      ...options,
    });
    mirrors.push(mirror);
    const context = { secrets, subscriptions: [] } as unknown as HostContext;
    contributeKeyCommands(context, mirror, window);
    return mirror;
  }

  const keep = (...keys: string[]) => void secrets.values.set(NAME, keys.join(","));
  const kept = () => secrets.values.get(NAME)?.split(",");
  const last = () => window.shown.at(-1)!;

  async function save(keys: string[], value: unknown, record = "provider"): Promise<void> {
    const { mirror, service } = hurriedMirror(server.port, { keys });
    service.set({ userId: "alice", record }, value);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  }

  async function read(keys: string[], record = "provider"): Promise<unknown> {
    const { mirror, service } = hurriedMirror(server.port, { keys });
    const value = await service.get({ userId: "alice", record });
    await mirror.close();
    return value;
  }

  async function keyIdInRedis(record = "provider"): Promise<string> {
    const jwe = JSON.parse((await server.get(`roo:alice:${record}`))!) as { protected: string };
    return (JSON.parse(Buffer.from(jwe.protected, "base64url").toString()) as { kid: string }).kid;
  }

  it("are three, and end with what they were contributed to", () => {
    const subscriptions: { dispose(): unknown }[] = [];
    contributeKeyCommands({ secrets, subscriptions } as unknown as HostContext, undefined, window);
    expect([...window.commands.keys()]).to.deep.equal(
      ["showKey", "importKey", "rotateKey"].map((name) => `redisMirrored.${name}`),
    );
    expect(secrets.listenerCount).to.equal(1);
    for (const subscription of subscriptions) subscription.dispose();
    expect([window.commands.size, secrets.listenerCount]).to.deep.equal([0, 0]);
  });

  it("read the keys anew also for a mirror that is switched off meanwhile", async () => {
    keep(OURS);
    const mirror = open();
    mirror.container.get(TOKENS.RedisSyncService).set({ userId: "alice", record: "provider" }, {});
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    secrets.onGet = () => mirror.disable();
    await new MirrorKeys(secrets, mirror).reload();
    expect(mirror.status.state).to.equal("disabled");
  });

  describe("showKey", () => {
    it("copies the key that encrypts, and says its id", async () => {
      keep(OURS, OLDER);
      open();
      await window.run("redisMirrored.showKey");
      expect(window.clipboard).to.equal(OURS);
      expect(last()).to.match(/^i /).and.to.contain(idOf(OURS));
    });

    it("copies nothing, and makes none, where it is not agreed to", async () => {
      open();
      window.isAgreeing = false;
      await window.run("redisMirrored.showKey");
      expect(window.clipboard).to.equal(undefined);
      expect(kept()).to.equal(undefined);
      expect(window.shown).to.have.lengthOf(1);
    });

    it("makes the key where there is none yet, and the mirror encrypts with it", async () => {
      const mirror = open();
      await window.run("redisMirrored.showKey");
      expect(kept()).to.deep.equal([window.clipboard]);
      const { id } = await mirror.container.get(TOKENS.KeyRing).encryptionKey();
      expect(id).to.equal(idOf(window.clipboard!));
    });

    it("copies the one that the settings name, which goes before what is kept", async () => {
      keep(OLDER);
      open({ env: { ROO_MIRROR_KEY: `${OURS},${THEIRS}` } });
      await window.run("redisMirrored.showKey");
      expect(window.clipboard).to.equal(OURS);
    });

    it("says that the store cannot be read, and not what the store said", async () => {
      keep(OURS);
      open();
      secrets.onGet = () => {
        throw new Error(`refused ${OURS}`);
      };
      await window.run("redisMirrored.showKey");
      expect(last()).to.equal("! It could not be finished: VS Code's SecretStorage could not be read or written.");
      expect(window.clipboard).to.equal(undefined);
    });

    it("says that the clipboard was of no use, and not what it said", async () => {
      keep(OURS);
      open();
      window.copy = (text) => Promise.reject(new Error(`cannot copy ${text}`));
      await window.run("redisMirrored.showKey");
      expect(last()).to.equal("! It could not be finished: VS Code did not do what it was asked for.");
    });
  });

  describe("importKey", () => {
    it("puts it in front, and what lies under the old one can be read as before", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: {} });
      const mirror = open();
      const ring = mirror.container.get(TOKENS.KeyRing);
      expect((await ring.encryptionKey()).id).to.equal(idOf(OURS));
      window.typed = ` ${THEIRS}\n`;
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([THEIRS, OURS]);
      expect((await ring.encryptionKey()).id).to.equal(idOf(THEIRS));
      expect(await ring.decryptionKeyIds()).to.deep.equal([idOf(THEIRS), idOf(OURS)]);
      expect(last()).to.match(/^i /).and.to.contain(idOf(THEIRS));
      expect(
        await mirror.container.get(TOKENS.RedisSyncService).get({ userId: "alice", record: "provider" }),
      ).to.deep.equal({ apiConfigs: {} });
    });

    it("is the only one where there was none", async () => {
      open();
      window.typed = THEIRS;
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([THEIRS]);
    });

    it("puts one that is there already in front, once", async () => {
      keep(OURS, OLDER, THEIRS);
      open();
      window.typed = THEIRS;
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([THEIRS, OURS, OLDER]);
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([THEIRS, OURS, OLDER]);
      expect(last()).to.equal(`i The key ${idOf(THEIRS)} is in use already.`);
    });

    it("changes nothing where it is cancelled", async () => {
      keep(OURS);
      open();
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([OURS]);
      expect(window.shown).to.have.lengthOf(1);
    });

    for (const [what, typed, problem] of [
      ["a passphrase", "correct horse battery staple", /got 28 characters that are not base64url; make one: /],
      ["a key that is too short", Buffer.alloc(16, 7).toString("base64url"), /got 16 bytes/],
      ["43 characters that are no 32 bytes", "a".repeat(43), /43 characters that no 32 bytes are written as/],
      ["several keys", `${THEIRS},${OLDER}`, /^Expected one key, got 2$/],
    ] as const)
      it(`refuses ${what}, also if the window takes it`, async () => {
        keep(OURS);
        open();
        window.typed = typed;
        await window.run("redisMirrored.importKey");
        expect(window.problem).to.match(problem);
        expect(last()).to.equal(`! It could not be finished: ${window.problem}`);
        expect(kept()).to.deep.equal([OURS]);
      });

    it("says that the store refuses it, and not what the store said", async () => {
      keep(OURS);
      open();
      secrets.onStore = (_key, value) => {
        throw new Error(`refused ${value}`);
      };
      window.typed = THEIRS;
      await window.run("redisMirrored.importKey");
      expect(last()).to.equal("! It could not be finished: VS Code's SecretStorage could not be read or written.");
      expect(kept()).to.deep.equal([OURS]);
    });

    it("loses no key that another window puts there meanwhile", async () => {
      keep(OURS);
      open();
      window.typed = THEIRS;
      // After it was stored, and before whoever stored it has looked.
      const interfere = () => {
        secrets.onGet = () => {};
        keep(OLDER, OURS);
      };
      secrets.onStore = () => {
        secrets.onStore = () => {};
        secrets.onGet = interfere;
      };
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([THEIRS, OLDER, OURS]);
    });

    it("does not touch what is kept where the settings name the keys", async () => {
      keep(OURS);
      open({ keys: [OLDER] });
      window.typed = THEIRS;
      await window.run("redisMirrored.importKey");
      expect(kept()).to.deep.equal([OURS]);
      expect(last()).to.match(/^! .*ROO_MIRROR_KEY/);
    });
  });

  describe("rotateKey", () => {
    it("takes a new key, encrypts anew what is in Redis, and shows how far it is", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: { a: {} } });
      await save([OURS], { mcpServers: {} }, "mcpSettings");
      const ring = open().container.get(TOKENS.KeyRing);
      expect((await ring.encryptionKey()).id).to.equal(idOf(OURS));
      // VS Code may tell of it whenever it likes.
      secrets.tell = () => {};
      await window.run("redisMirrored.rotateKey");
      const [fresh, ...others] = kept()!;
      expect(others).to.deep.equal([OURS]);
      expect((await ring.encryptionKey()).id).to.equal(idOf(fresh!));
      expect(await keyIdInRedis()).to.equal(idOf(fresh!));
      expect(await keyIdInRedis("mcpSettings")).to.equal(idOf(fresh!));
      expect(await read([fresh!])).to.deep.equal({ apiConfigs: { a: {} } });
      expect(window.progress).to.deep.equal([
        [0, 2],
        [1, 2],
      ]);
      expect(last()).to.equal(`info 2 encrypted anew, with the key ${idOf(fresh!)}. [Forget Older Keys]`);
      expect(await server.mirrorConnections()).to.equal(0);
    });

    it("changes nothing where it is not agreed to", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: {} });
      open();
      window.isAgreeing = false;
      await window.run("redisMirrored.rotateKey");
      expect(kept()).to.deep.equal([OURS]);
      expect(await keyIdInRedis()).to.equal(idOf(OURS));
      expect(await server.mirrorConnections()).to.equal(0);
    });

    it("goes on with what was begun before it takes another key, so also after an import", async () => {
      keep(THEIRS, OURS);
      await save([OURS], { apiConfigs: {} });
      open();
      await window.run("redisMirrored.rotateKey");
      expect(kept()).to.deep.equal([THEIRS, OURS]);
      expect(await keyIdInRedis()).to.equal(idOf(THEIRS));
    });

    it("says what it leaves under keys that are not here, by their ids", async () => {
      keep(OURS);
      await save([OLDER], { apiConfigs: {} });
      open();
      await window.run("redisMirrored.rotateKey");
      expect(last())
        .to.match(/^warning 0 encrypted anew.* 1 left as they were/)
        .and.to.contain(idOf(OLDER));
      expect(await keyIdInRedis()).to.equal(idOf(OLDER));
    });

    it("changes nothing while Redis is not there, before it asks or after", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: {} });
      const proxy = await TcpProxy.start(server.port);
      open({ redis: { host: "127.0.0.1", port: proxy.port } });
      window.onAsked = () => proxy.stop();
      await window.run("redisMirrored.rotateKey");
      expect(last()).to.match(/^! It could not be finished: /);
      const asked = window.shown.filter((line) => line.endsWith("[Rotate]")).length;
      await window.run("redisMirrored.rotateKey");
      expect(last()).to.match(/^! It could not be finished: /);
      expect(window.shown.filter((line) => line.endsWith("[Rotate]"))).to.have.lengthOf(asked);
      expect(asked).to.equal(1);
      expect(kept()).to.deep.equal([OURS]);
      expect(await keyIdInRedis()).to.equal(idOf(OURS));
    });

    it("says that it is not finished where Redis goes midway, and finishes when it is called again", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: {} });
      const proxy = await TcpProxy.start(server.port);
      open({ redis: { host: "127.0.0.1", port: proxy.port } });
      secrets.onStore = () => proxy.stop();
      await window.run("redisMirrored.rotateKey");
      const [fresh, ...others] = kept()!;
      expect(others).to.deep.equal([OURS]);
      expect(last())
        .to.match(/^! The key .* Rotate again to go on\.$/)
        .and.to.contain(idOf(fresh!));
      expect(await keyIdInRedis()).to.equal(idOf(OURS));

      secrets.onStore = () => {};
      open();
      await window.run("redisMirrored.rotateKey");
      expect(kept()).to.deep.equal([fresh, OURS]);
      expect(await keyIdInRedis()).to.equal(idOf(fresh!));
    });

    it("encrypts nothing with a key that the store refuses", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: {} });
      open();
      secrets.onStore = (_key, value) => {
        throw new Error(`refused ${value}`);
      };
      await window.run("redisMirrored.rotateKey");
      expect(last()).to.equal("! It could not be finished: VS Code's SecretStorage could not be read or written.");
      expect(kept()).to.deep.equal([OURS]);
      expect(await keyIdInRedis()).to.equal(idOf(OURS));
    });

    it("keeps the key it encrypted with, where another window puts its own in the place of it meanwhile", async () => {
      keep(OURS);
      await save([OURS], { apiConfigs: {} });
      open();
      let fresh: string | undefined;
      const { withProgress } = window;
      window.withProgress = (title, work) =>
        withProgress.call(window, title, (onProgress) =>
          work((done, total) => {
            [fresh] = kept()!;
            keep(THEIRS, OURS);
            onProgress(done, total);
          }),
        ) as ReturnType<typeof work>;
      await window.run("redisMirrored.rotateKey");
      expect(kept()).to.deep.equal([THEIRS, OURS, fresh]);
      expect(await keyIdInRedis()).to.equal(idOf(fresh!));
    });

    describe("once nothing is under the older keys", () => {
      const asked = () => window.shown.filter((line) => line.endsWith("[Forget]"));
      const rotateAndForget = async () => {
        window.chosen = "Forget Older Keys";
        await window.run("redisMirrored.rotateKey");
      };
      const said = (text: string) => until(`it says ${text}`, async () => last().startsWith(text));
      const saveForBob = async () => {
        const { mirror, service } = hurriedMirror(server.port, { keys: [OURS], userId: "bob" });
        service.set({ userId: "bob", record: "provider" }, { apiConfigs: {} });
        expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
      };

      it("forgets them where that is wanted, after a question, and the mirror with it", async () => {
        keep(OURS, OLDER);
        await save([OURS], { apiConfigs: {} });
        const ring = open().container.get(TOKENS.KeyRing);
        expect((await ring.encryptionKey()).id).to.equal(idOf(OURS));
        secrets.tell = () => {};
        await rotateAndForget();
        await said("i The key ");
        const [fresh, ...others] = kept()!;
        expect(others).to.deep.equal([]);
        expect(asked()).to.have.lengthOf(1);
        expect(asked()[0]).to.contain(`(${idOf(OURS)}, ${idOf(OLDER)})?`);
        expect(await read([fresh!])).to.deep.equal({ apiConfigs: {} });
        expect(await ring.decryptionKey(idOf(OURS))).to.equal(undefined);
        expect(await server.mirrorConnections()).to.equal(0);
      });

      it("forgets none where it is not agreed to", async () => {
        keep(OURS);
        await save([OURS], { apiConfigs: {} });
        open();
        window.onAsked = () => (window.isAgreeing = asked().length === 0);
        await rotateAndForget();
        await until("it has asked", async () => asked().length === 1);
        expect(kept()!.slice(1)).to.deep.equal([OURS]);
      });

      it("forgets none that somebody else's records are under, and does not ask", async () => {
        keep(OURS);
        await save([OURS], { apiConfigs: {} });
        await saveForBob();
        open();
        await rotateAndForget();
        await said("! No key is forgotten: ");
        expect(last()).to.contain("older ones (1), or may be (0)");
        expect(kept()!.slice(1)).to.deep.equal([OURS]);
        expect(asked()).to.deep.equal([]);
      });

      it("forgets none that something may be under which was not looked at", async () => {
        keep(OURS);
        open();
        // Longer than a value of the mirror's own may be.
        await (await server.client()).set("roo:bob:provider", `{${" ".repeat(32 * 2 ** 20)}`);
        await rotateAndForget();
        await said("! No key is forgotten: ");
        expect(last()).to.contain("older ones (0), or may be (1)");
        expect(kept()!.slice(1)).to.deep.equal([OURS]);
      });

      it("forgets none that was saved under while the question was open", async () => {
        keep(OURS);
        await save([OURS], { apiConfigs: {} });
        open();
        window.onAsked = () => asked().length > 0 && saveForBob();
        await rotateAndForget();
        await said("! No key is forgotten: ");
        expect(kept()!.slice(1)).to.deep.equal([OURS]);
      });

      it("looks at the Redis that the mirror uses when it is wanted, not at the one of the rotation", async () => {
        keep(OURS);
        await save([OURS], { apiConfigs: {} });
        const mirror = open();
        const other = await RedisServer.start();
        try {
          const { mirror: there, service } = hurriedMirror(other.port, { keys: [OURS] });
          service.set({ userId: "alice", record: "provider" }, { apiConfigs: {} });
          expect(await there.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
          const { offer } = window;
          window.offer = async (...args) => {
            await mirror.configure({ redis: { host: "127.0.0.1", port: other.port } });
            return offer.apply(window, args);
          };
          await rotateAndForget();
          await said("! No key is forgotten: ");
          expect(kept()!.slice(1)).to.deep.equal([OURS]);
        } finally {
          await other.kill();
        }
      });

      it("forgets none where another window has changed the keys since", async () => {
        keep(OURS);
        await save([OURS], { apiConfigs: {} });
        open();
        window.onAsked = () => void (asked().length > 0 && keep(THEIRS, OURS));
        await rotateAndForget();
        await said("! It could not be finished: Another window changes the keys");
        expect(kept()).to.deep.equal([THEIRS, OURS]);
      });
    });

    for (const [why, options] of [
      ["the mirror is off", { enabled: false }],
      ["nobody is signed in", { userId: () => undefined }],
      ["the settings name the keys", { keys: [OURS] }],
    ] as const)
      it(`changes nothing where ${why}`, async () => {
        keep(OURS);
        open(options as MirrorOptions);
        await window.run("redisMirrored.rotateKey");
        expect(last()).to.match(/^! /);
        expect(kept()).to.deep.equal([OURS]);
      });

    it("has nothing to do where there is no key yet", async () => {
      open();
      await window.run("redisMirrored.rotateKey");
      expect(kept()).to.equal(undefined);
      expect(last()).to.match(/^i There is no key to rotate yet/);
    });
  });

  it("are followed by the other windows: what one keeps, the mirror of another encrypts with", async () => {
    keep(OURS);
    const ring = open().container.get(TOKENS.KeyRing);
    expect((await ring.encryptionKey()).id).to.equal(idOf(OURS));
    const wasRead = new Promise<void>((resolve) => (secrets.onGet = () => resolve()));
    await secrets.store(NAME, `${THEIRS},${OURS}`);
    await wasRead;
    await new Promise(setImmediate);
    expect((await ring.encryptionKey()).id).to.equal(idOf(THEIRS));

    let reads = 0;
    secrets.onGet = () => reads++;
    secrets.tell("somebody.else");
    expect(reads).to.equal(0);
  });
});
