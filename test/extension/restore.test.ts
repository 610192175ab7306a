import { expect } from "chai";
import { Catalogue, defineRecord } from "redis-mirrored";
import { describeFailure } from "#dist/extension/commands.js";
import { previewTexts } from "#dist/extension/preview.js";
import type { TreeNode } from "#dist/extension/window.js";
import {
  type ExtensionWindow,
  type ExtensionWindowOptions,
  ExtensionWindows,
  taskOf,
} from "../support/extension-window.js";
import { FakeWindow } from "../support/fake-window.js";
import { KEY, saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { slowDownWrites, TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";

const CANARY = "sk-ant-canary-7f3a9e";

describe("in a window with a real server", () => {
  let server: RedisServer;
  const windows = new ExtensionWindows();
  before(async () => void (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));
  afterEach(async () => {
    for (const { window } of await windows.closeAll()) {
      const { shown, lines, compared, read } = window;
      expect(JSON.stringify([shown, lines, compared, read])).not.to.contain(CANARY);
    }
  });

  const open = (options: ExtensionWindowOptions = {}) =>
    windows.open({ keys: [KEY], redis: { host: "127.0.0.1", port: server.port }, ...options });

  /** Picks the first record of that name, then the version at that place. */
  function picking({ window }: ExtensionWindow, record: string, index: number): void {
    window.picks = (_title, choices) => (choices.find(({ value }) => value === record) ?? choices[index])!.value;
  }

  async function valuesOf({ mirror }: ExtensionWindow, record: string): Promise<unknown[]> {
    const versions = await mirror.history({ record });
    return Promise.all(versions.map(({ version }) => mirror.readVersion({ record, version })));
  }

  describe("Restore from Redis", () => {
    it("shows a version beside what is here, asks, takes it over, and can be undone", async () => {
      const extension = await open();
      const { contextProxy } = extension.stores;
      await contextProxy.update("customInstructions", "first");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await contextProxy.update("customInstructions", "");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await contextProxy.update("customInstructions", "second, not sent yet");

      picking(extension, "customInstructions", 1);
      await extension.window.run("redisMirrored.restore");
      const [{ left, right }] = extension.window.compared as [(typeof extension.window.compared)[0]];
      expect([left.text, right.text]).to.deep.equal(['"second, not sent yet"\n', '"first"\n']);
      expect(contextProxy.get("customInstructions")).to.equal("first");
      expect(extension.window.shown.at(-1)).to.match(/^i The local customInstructions is what it was at /);
      await extension.mirror.flush({ timeoutMs: 5_000 });
      expect(await server.get("roo:alice:customInstructions")).to.equal('"first"');

      const values = await valuesOf(extension, "customInstructions");
      expect(values).to.include("second, not sent yet");
      picking(extension, "customInstructions", values.indexOf("second, not sent yet"));
      await extension.window.run("redisMirrored.restore");
      expect(contextProxy.get("customInstructions")).to.equal("second, not sent yet");
    });

    it("offers of a record that was deleted what was kept, and not the deletion", async () => {
      const extension = await open();
      const { contextProxy } = extension.stores;
      await contextProxy.update("customInstructions", "kept");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await contextProxy.update("customInstructions", undefined);
      await extension.mirror.flush({ timeoutMs: 5_000 });
      expect(await extension.mirror.history({ record: "customInstructions" })).to.have.lengthOf(2);
      picking(extension, "customInstructions", 0);
      await extension.window.run("redisMirrored.restore");
      expect(contextProxy.get("customInstructions")).to.equal("kept");
    });

    it("changes nothing where it is not agreed to, or cancelled", async () => {
      const extension = await open();
      await extension.stores.contextProxy.update("customInstructions", "mine");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await extension.window.run("redisMirrored.restore");
      picking(extension, "customInstructions", 0);
      extension.window.isAgreeing = false;
      await extension.window.run("redisMirrored.restore");
      expect(extension.window.shown.at(-1)).to.equal("i Nothing was changed.");
      expect(extension.stores.contextProxy.get("customInstructions")).to.equal("mine");
    });

    it("brings back a list of tasks, and profiles without showing what is secret in them", async () => {
      const extension = await open();
      const { providerSettings, taskHistory } = extension.stores;
      const tasks = [taskOf("a", 1), taskOf("b", 2)];
      await taskHistory.updateTaskHistory(extension.context, tasks);
      await providerSettings.saveProfile("work", { apiProvider: "anthropic", apiKey: CANARY });
      await extension.mirror.sync({ timeoutMs: 5_000 });
      await taskHistory.updateTaskHistory(extension.context, []);
      await extension.mirror.flush({ timeoutMs: 5_000 });
      // By an instance that has not seen them, as of a fresh machine.
      await saveBriefly(server.port, {}, { provider: { currentApiConfigName: "x", apiConfigs: { x: {} } } });

      picking(extension, "taskHistory", 1);
      await extension.window.run("redisMirrored.restore");
      expect((await taskHistory.getTaskHistory(extension.context)).map(({ id }) => id).sort()).to.deep.equal([
        "a",
        "b",
      ]);

      const versions = await extension.mirror.history({ record: "provider" });
      const index = await Promise.all(
        versions.map(async ({ version }) =>
          JSON.stringify(await extension.mirror.readVersion({ record: "provider", version })).includes(CANARY),
        ),
      );
      picking(extension, "provider", index.indexOf(true));
      await extension.window.run("redisMirrored.restore");
      expect(await providerSettings.activateProfile("work")).to.include({ apiKey: CANARY });
      const { right } = extension.window.compared.at(-1)!;
      expect(right.text).to.contain('"apiProvider": "anthropic"').and.to.contain("•••••• (1)");
    });

    it("keeps the modes of a project, which are not mirrored", async () => {
      const extension = await open();
      const mode = (slug: string, source?: string) => ({
        slug,
        name: slug,
        roleDefinition: "",
        groups: [],
        ...(source && { source }),
      });
      await extension.stores.contextProxy.update("customModes", [mode("old")]);
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await extension.stores.contextProxy.update("customModes", []);
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await extension.stores.contextProxy.update("customModes", [mode("of the project", "project")]);
      picking(extension, "customModes", 1);
      await extension.window.run("redisMirrored.restore");
      const modes = extension.stores.contextProxy.get<{ slug: string }[]>("customModes")!;
      expect(modes.map(({ slug }) => slug)).to.deep.equal(["old", "of the project"]);
    });

    it("keeps the tasks that are too old to be mirrored, and shows that they stay", async () => {
      const extension = await open();
      const { taskHistory } = extension.stores;
      const tasks = Array.from({ length: 52 }, (_, index) => taskOf(`t${index}`, index));
      await taskHistory.updateTaskHistory(extension.context, tasks);
      await extension.mirror.flush({ timeoutMs: 5_000 });
      picking(extension, "taskHistory", 0);
      await extension.window.run("redisMirrored.restore");
      const ids = (await taskHistory.getTaskHistory(extension.context)).map(({ id }) => id);
      expect(ids.sort()).to.deep.equal(tasks.map(({ id }) => id).sort());
      expect(extension.window.compared.at(-1)!.right.text).to.contain('"t0"').and.to.contain('"t51"');
    });

    it("keeps in Redis what it replaces also where another instance has overwritten that, having seen it", async () => {
      const extension = await open();
      await extension.stores.contextProxy.update("customInstructions", "here");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      const other = await open();
      await other.stores.contextProxy.update("customInstructions", "there");
      await other.mirror.flush({ timeoutMs: 5_000 });
      // Decorated calls go to the mirror that was opened last: the first window again, which is not told of it.
      await other.close();
      picking(extension, "customInstructions", 0);
      await extension.window.run("redisMirrored.restore");
      expect(extension.stores.contextProxy.get("customInstructions")).to.equal("there");
      expect(await valuesOf(extension, "customInstructions")).to.deep.equal(["there", "here", "there"]);
    });

    it("keeps in Redis what it replaces also where that was saved while the mirror was off", async () => {
      await saveBriefly(server.port, {}, { provider: { currentApiConfigName: "x", apiConfigs: { x: {} } } });
      const extension = await open({ set: { enabled: false } });
      await extension.stores.providerSettings.saveProfile("work", { apiKey: CANARY });
      await extension.mirror.enable();
      picking(extension, "provider", 0);
      await extension.window.run("redisMirrored.restore");
      expect((await extension.stores.providerSettings.listProfiles()).map(({ name }) => name)).to.deep.equal(["x"]);
      expect(JSON.stringify(await valuesOf(extension, "provider"))).to.contain(CANARY);
    });

    it("changes nothing where what it would replace is not in Redis", async () => {
      const own = await RedisServer.start();
      const extension = await open({ redis: { host: "127.0.0.1", port: own.port } });
      await extension.stores.contextProxy.update("customInstructions", "first");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      picking(extension, "customInstructions", 0);
      extension.window.onAsked = async () => {
        if (extension.window.compared.length === 0) return;
        await own.kill();
        await extension.stores.contextProxy.update("customInstructions", "newer");
        await until("it is noticed", async () => extension.mirror.status.state === "degraded");
      };
      await extension.window.run("redisMirrored.restore");
      expect(extension.window.shown.at(-1)).to.match(/^! Nothing was changed: the latest saves are not in Redis/);
      expect(extension.stores.contextProxy.get("customInstructions")).to.equal("newer");
    });

    const secret = defineRecord({ name: "customInstructions", kind: "document", encrypted: true });
    for (const [title, options] of Object.entries<ExtensionWindowOptions>({
      "a record that the host has made one": { records: [secret] },
      "all of them, where everything is encrypted": { env: { ROO_MIRROR_ENCRYPT: "all" } },
    })) {
      it(`shows no secret of ${title}`, async () => {
        const extension = await open(options);
        await extension.stores.contextProxy.update("customInstructions", CANARY);
        await extension.mirror.flush({ timeoutMs: 5_000 });
        picking(extension, "customInstructions", 0);
        await extension.window.run("redisMirrored.restore");
        const [{ left, right }] = extension.window.compared as [(typeof extension.window.compared)[0]];
        expect([left.text, right.text]).to.deep.equal(['"•••••• (1)"\n', '"•••••• (1)"\n']);
      });
    }

    it("waits for a server that is slow to answer", async () => {
      const proxy = await TcpProxy.start(server.port);
      try {
        const extension = await open({ redis: { host: "127.0.0.1", port: proxy.port } });
        const { contextProxy } = extension.stores;
        for (const text of ["first", "", "second"]) {
          await contextProxy.update("customInstructions", text);
          await extension.mirror.flush({ timeoutMs: 5_000 });
        }
        picking(extension, "customInstructions", 1);
        slowDownWrites(proxy);
        await extension.window.run("redisMirrored.restore");
        expect(extension.window.shown.at(-1)).to.match(/^i The local customInstructions is what it was at /);
        expect(contextProxy.get("customInstructions")).to.equal("first");
      } finally {
        await proxy.stop();
      }
    });

    for (const [title, change, said] of [
      [
        "signs out",
        ({ mirror }: ExtensionWindow) => mirror.setUser(undefined),
        "Nobody is signed in, so nothing is mirrored.",
      ],
      ["turns the mirror off", ({ mirror }: ExtensionWindow) => mirror.disable(), "The mirror is disabled."],
      [
        "sets what cannot be used",
        async ({ mirror }: ExtensionWindow) => mirror.configure({ instanceId: 5 as never }),
        "A setting of the mirror cannot be used, so nothing is mirrored.",
      ],
    ] as const) {
      it(`says what is in the way where somebody ${title} meanwhile`, async () => {
        const extension = await open();
        await extension.stores.contextProxy.update("customInstructions", "mine");
        await extension.mirror.flush({ timeoutMs: 5_000 });
        picking(extension, "customInstructions", 0);
        extension.window.onAsked = () => change(extension);
        await extension.window.run("redisMirrored.restore");
        expect(extension.window.shown.at(-1)).to.equal(`! It could not be finished: ${said}`);
      });
    }

    it("says why it cannot be done where the mirror is off, or has nothing", async () => {
      const extension = await open();
      picking(extension, "pinnedApiConfigs", 0);
      await extension.window.run("redisMirrored.restore");
      expect(extension.window.shown.at(-1)).to.equal("i Redis holds no version of pinnedApiConfigs.");
      await extension.mirror.disable();
      await extension.window.run("redisMirrored.restore");
      expect(extension.window.shown.at(-1)).to.match(/^! Redis Mirror: disabled/);
    });
  });

  describe("the records", () => {
    const rootsOf = ({ window }: ExtensionWindow) => window.trees.get("redisMirrored.records")!.roots();

    it("are those of the user, with age, size and life, and their versions below, without a value", async () => {
      const extension = await open();
      const { contextProxy, providerSettings, taskHistory } = extension.stores;
      await contextProxy.update("customInstructions", `first ${CANARY}`);
      await providerSettings.saveProfile("work", { apiKey: CANARY });
      await taskHistory.upsertTask(extension.context, taskOf("a", 1));
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await contextProxy.update("customInstructions", "");
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await saveBriefly(server.port, { instanceId: "laptop" }, { customInstructions: "of another" });
      await saveBriefly(server.port, { userId: "bob" }, { customModes: [] });

      const roots = await rootsOf(extension);
      expect(roots.map(({ label }) => label)).to.deep.equal([
        "customInstructions",
        "customInstructions (laptop)",
        "provider",
        "taskHistory",
      ]);
      const [instructions, others, provider, tasks] = roots as [TreeNode, TreeNode, TreeNode, TreeNode];
      expect(provider.description).to.match(/^\d+ s ago · [\d.]+ K?B · [67] d left$/);
      expect(provider).to.include({ icon: "lock", kind: "record" });
      expect(tasks.tooltip).to.contain("1 items").and.to.contain("kept versions");
      expect(others.children).to.equal(undefined);
      expect(others.kind).to.equal("otherRecord");
      const versions = await instructions.children!();
      expect(versions).to.have.lengthOf(2);
      expect(versions[0]).to.include({ kind: "version", icon: "circle-filled" });
      expect(JSON.stringify([roots, versions])).not.to.contain(CANARY);

      await extension.window.run("redisMirrored.preview", versions[1]);
      expect(extension.window.compared).to.have.lengthOf(1);
      extension.window.compared.length = 0;
      await extension.window.run("redisMirrored.restore", versions[1]);
      extension.window.compared.length = 0;
      expect(contextProxy.get("customInstructions")).to.equal(`first ${CANARY}`);
      expect(extension.window.trees.get("redisMirrored.records")!.refreshes).to.be.greaterThan(0);
    });

    it("say that there are none yet, that nobody is signed in, that Redis is away", async () => {
      const extension = await open();
      const tree = extension.window.trees.get("redisMirrored.records")!;
      expect(await tree.roots()).to.deep.equal([]);
      expect(tree.message).to.equal("Redis holds nothing of alice yet.");
      extension.mirror.setUser(undefined);
      expect(await tree.roots()).to.deep.equal([]);
      expect(tree.message).to.equal("Nobody is signed in, so nothing is mirrored.");

      const away = await open({ redis: { host: "127.0.0.1", port: 1 } });
      const other = away.window.trees.get("redisMirrored.records")!;
      expect(await other.roots()).to.deep.equal([]);
      expect(other.message).to.match(/^Redis cannot be read now\. /);
      await away.mirror.disable();
      expect(await other.roots()).to.deep.equal([]);
      expect(other.message).to.equal(undefined);
    });

    it("are read again when somebody else signs in", async () => {
      // Of a mirror that is off nothing else is told.
      const extension = await open({ enabled: false });
      const tree = extension.window.trees.get("redisMirrored.records")!;
      extension.mirror.setUser("bob");
      await until("it follows", async () => tree.refreshes === 1);
    });

    it("are read again by the command, and when the state changes", async () => {
      const extension = await open();
      const tree = extension.window.trees.get("redisMirrored.records")!;
      await extension.window.run("redisMirrored.refreshRecords");
      expect(tree.refreshes).to.equal(1);
      await extension.mirror.disable();
      await until("it follows", async () => tree.refreshes === 2);
    });
  });

  describe("Sync Now", () => {
    it("sends what the mirror lacks of what is kept here, and says that all of it is there", async () => {
      const extension = await open();
      await extension.stores.contextProxy.update("customInstructions", "value");
      await extension.stores.taskHistory.upsertTask(extension.context, taskOf("a", 1));
      await extension.mirror.flush({ timeoutMs: 5_000 });
      await (await server.client()).flushAll();
      await extension.window.run("redisMirrored.syncNow");
      expect(extension.window.shown.at(-1)).to.equal("i All that is saved here is in Redis.");
      expect(await server.get("roo:alice:customInstructions")).to.equal('"value"');
      expect(await server.get("roo:alice:taskHistory")).to.contain("Task a");
    });

    it("says why not all of it is there", async () => {
      const away = await open({ redis: { host: "127.0.0.1", port: 1 } });
      await away.stores.contextProxy.update("customInstructions", "value");
      await away.window.run("redisMirrored.syncNow");
      expect(away.window.shown.at(-1)).to.equal(
        "! Not all of it is in Redis: Nobody listens at this host and port (ECONNREFUSED).",
      );
      await away.mirror.disable();
      await away.window.run("redisMirrored.syncNow");
      expect(away.window.shown.at(-1)).to.match(/^! Redis Mirror: disabled/);
    });
  });

  it("Show Status says how it is, where and for whom, in a document", async () => {
    const extension = await open();
    await extension.stores.contextProxy.update("customInstructions", "value");
    await extension.mirror.flush({ timeoutMs: 5_000 });
    await extension.window.run("redisMirrored.showStatus");
    const [{ text }] = extension.window.read as unknown as [{ text: string }];
    expect(text)
      .to.match(/^Redis Mirror: in sync\n=+\n/)
      .and.to.contain(`Server: 127.0.0.1:${server.port}, database 0`)
      .and.to.contain("User: alice")
      .and.to.contain("Saves taken: 1");
  });

  it("Show Status does not show what stands for a host and is none", async () => {
    const extension = await open({ redis: { host: `app:${CANARY}@redis.example` } });
    await extension.window.run("redisMirrored.showStatus");
    expect(extension.window.read[0]).to.have.property("text").that.contains("Server: ?:6379, database 0");
  });

  describe("Test Connection", () => {
    it("says that all is well, and what was found to the log", async () => {
      const extension = await open();
      await extension.window.run("redisMirrored.testConnection");
      expect(extension.window.shown.at(-1)).to.match(
        /^(i The mirror can work|warning The mirror works, but not as well)/,
      );
      expect(extension.window.lines.filter((line) => line.startsWith("info [ok] authentication: "))).to.have.lengthOf(
        1,
      );
    });

    it("names what is wrong by its name in VS Code, with what to do, and leads to the log", async () => {
      const own = await open({ redis: {}, set: { host: "127.0.0.1", port: 1 } });
      own.window.chosen = "Show Log";
      await own.window.run("redisMirrored.testConnection");
      expect(own.window.shown.at(-1)).to.match(/^error The mirror does not work\. .*127\.0\.0\.1:1.* \[Show Log\]$/);
      expect(own.window.isLogShown).to.equal(true);
      own.window.settings.set({ port: "many" });
      await own.window.run("redisMirrored.testConnection");
      expect(own.window.shown.at(-1)).to.contain("redisMirrored.port");
    });

    it("logs in with the password that VS Code keeps, and does not say it", async () => {
      const guarded = await RedisServer.start("--requirepass", CANARY);
      const extension = await open({ redis: {}, set: { host: "127.0.0.1", port: guarded.port } });
      await extension.window.run("redisMirrored.testConnection");
      expect(extension.window.shown.at(-1)).to.contain("Set the password");
      await extension.secrets.store("redisMirrored.password", CANARY);
      await extension.window.run("redisMirrored.testConnection");
      expect(extension.window.lines).to.include("info [ok] authentication: The password is accepted.");
      await guarded.kill();
    });
  });

  it("Show Log shows the channel", async () => {
    const extension = await open();
    await extension.window.run("redisMirrored.showLog");
    expect(extension.window.isLogShown).to.equal(true);
    expect(extension.window.openLogs).to.equal(1);
  });
});

describe("what is said of a failure", () => {
  const { translate } = new FakeWindow();
  const said = (error: unknown) => describeFailure(error, { translate });

  for (const form of ["provider profiles", "an array of history items"])
    it(`is that a version does not fit where it holds not ${form}`, () => {
      expect(said(new TypeError(`Expected ${form}`))).to.equal("This version has another form than what is kept here.");
    });

  it("is nothing of what others say, in whose words a key may be", () => {
    for (const error of [new TypeError(`Expected ${CANARY}`), new Error("Expected provider profiles"), CANARY])
      expect(said(error)).to.equal("VS Code did not do what it was asked for.");
  });
});

describe("a preview", () => {
  const find = (record: string) => new Catalogue().find(record);

  it("shows of secrets what differs, and not what they are", () => {
    const profiles = (apiKey: string, id: string) => ({
      currentApiConfigName: "work",
      apiConfigs: {
        work: { id, apiProvider: "anthropic", apiKey, openAiHeaders: { id: CANARY, apiProvider: CANARY }, n: 5 },
      },
      elsewhere: { id: CANARY },
    });
    const [before, after] = previewTexts(find("provider"), profiles(CANARY, "a"), profiles("another", "b")) as [
      string,
      string,
    ];
    for (const text of [before, after]) expect(text).not.to.contain(CANARY).and.not.to.contain("another");
    expect(before).to.contain('"id": "a"').and.to.contain('"apiKey": "•••••• (1)"');
    expect(after).to.contain('"id": "b"').and.not.to.contain('"apiKey": "•••••• (1)"');
    expect(before).to.contain('"openAiHeaders": {\n        "apiProvider": "•••••• (1)"');
  });

  it("shows what is no secret as it is, whatever order it came in", () => {
    expect(previewTexts(find("customInstructions"), "a", undefined)).to.deep.equal(['"a"\n', ""]);
    expect(previewTexts(find("pinnedApiConfigs"), { b: true, a: false }, { a: false, b: true })).to.satisfy(
      ([one, other]: string[]) => one === other,
    );
  });

  it("masks all of another secret, whatever it is called there", () => {
    const vault = defineRecord({ name: "vault", kind: "document", encrypted: true });
    const [text] = previewTexts(vault, { currentApiConfigName: CANARY, apiConfigs: { a: { id: CANARY } } });
    expect(text).not.to.contain(CANARY);
  });

  it("masks what it knows nothing about", () => {
    expect(previewTexts(find("unheardOf"), { token: CANARY })[0]).not.to.contain(CANARY);
  });
});
